"""What can go wrong in the showroom: demo cars, test drives, quotes, re-calls, fleet deals, referrals."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied


class DemoCarNotFound(NotFound):
    """No such car of a fleet in the caller's sight."""

    reason = "DEMO_CAR_NOT_FOUND"
    message = "There is no demo car {demo_car_id}, or you may not see it."


class DemoCarTaken(AlreadyExists):
    """The one neutral answer where a car stands in a fleet already: it never tells in whose."""

    reason = "DEMO_CAR_TAKEN"
    message = "This car stands in a demo fleet already."


class DemoCarInactive(FailedPrecondition):
    """A car that was taken out of its fleet is not given away."""

    reason = "DEMO_CAR_INACTIVE"
    message = "This car was taken out of the fleet."


class DemoCarBooked(FailedPrecondition):
    """Somebody else has the car at that time."""

    reason = "DEMO_CAR_BOOKED"
    message = "This car is booked at that time. Take another time or another car."


class TestDriveNotFound(NotFound):
    """No such test drive in the caller's sight."""

    reason = "TEST_DRIVE_NOT_FOUND"
    message = "There is no test drive {test_drive_id}, or you may not see it."


class TestDriveOver(FailedPrecondition):
    """What was driven, missed or called off stays so."""

    reason = "TEST_DRIVE_OVER"
    message = "This test drive is driven, missed or called off already."


class TestDriveConfirmed(FailedPrecondition):
    """A drive is confirmed once for each time that was agreed on."""

    reason = "TEST_DRIVE_CONFIRMED"
    message = "This test drive is confirmed already."


class TestDriveToCome(FailedPrecondition):
    """Nobody has driven or missed what has not begun."""

    reason = "TEST_DRIVE_TO_COME"
    message = "This test drive has not begun."


class LicenceNotChecked(FailedPrecondition):
    """Nobody drives whose licence nobody saw."""

    reason = "LICENCE_NOT_CHECKED"
    message = "Nobody has seen the person's driving licence. Say that you saw it first."


class DealerHoursUnknown(FailedPrecondition):
    """The hours of a dealer are asked for when its first car comes into the fleet; until they are told nothing can be agreed on."""

    reason = "DEALER_HOURS_UNKNOWN"
    message = "The hours of this dealer are not known yet. Try again in a moment."


class OutsideWorkingHours(FailedPrecondition):
    """The dealer is closed for some of the time."""

    reason = "OUTSIDE_WORKING_HOURS"
    message = "The dealer is closed for some of that time."


class HolidaysNotKnown(FailedPrecondition):
    """Nothing is agreed on for a year whose public holidays are not published."""

    reason = "HOLIDAYS_NOT_KNOWN"
    message = "The public holidays of {year} in {country} are not known yet."


class QuoteNotFound(NotFound):
    """No such quote in the caller's sight."""

    reason = "QUOTE_NOT_FOUND"
    message = "There is no quote {quote_id}, or you may not see it."


class QuoteStateWrong(FailedPrecondition):
    """A verb that does not fit the state."""

    reason = "QUOTE_STATE_WRONG"
    message = "The quote {quote_id} is not in a state in which this can be done."


class QuoteNotApproved(FailedPrecondition):
    """A discount above the role's limit goes to nobody before it is approved."""

    reason = "QUOTE_NOT_APPROVED"
    message = "The discount is above your limit of {allowed} basis points. Ask for approval first."


class QuoteExpired(FailedPrecondition):
    """An offer that is over is not accepted."""

    reason = "QUOTE_EXPIRED"
    message = "The quote {quote_id} is no longer valid. Make another version of it."


class QuotesFull(FailedPrecondition):
    """A lead has a bounded number of quotes, a quote of versions."""

    reason = "QUOTES_FULL"
    message = "There are {most} of these already."


class ApprovalNotYours(PermissionDenied):
    """Four eyes: who asks for an approval does not give it."""

    reason = "APPROVAL_NOT_YOURS"
    message = "You asked for this approval; somebody else gives it."


class ApprovalLimitExceeded(PermissionDenied):
    """The discount is above what the caller may approve."""

    reason = "APPROVAL_LIMIT_EXCEEDED"
    message = "This discount is above what you may approve."


class QuoteRulesNotFound(NotFound):
    """No such version."""

    reason = "QUOTE_RULES_NOT_FOUND"
    message = "There is no version {version} of the limits for quotes."


class LeadNotLost(FailedPrecondition):
    """Only who is said to be lost is asked again."""

    reason = "LEAD_NOT_LOST"
    message = "The lead {lead_id} is not lost, or nobody is to ask again."


class FleetDealNotFound(NotFound):
    """No such deal in the caller's sight."""

    reason = "FLEET_DEAL_NOT_FOUND"
    message = "There is no fleet deal {fleet_deal_id}, or you may not see it."


class FleetDealPartNotFound(NotFound):
    """The deal has no such part in the caller's sight."""

    reason = "FLEET_DEAL_PART_NOT_FOUND"
    message = "The deal has no part {fleet_deal_part_id}, or you may not see it."


class FleetDealPartClosed(FailedPrecondition):
    """A part is won or lost once."""

    reason = "FLEET_DEAL_PART_CLOSED"
    message = "This part of the deal is won or lost already."


class FleetDealPartsFull(FailedPrecondition):
    """A deal has a bounded number of parts."""

    reason = "FLEET_DEAL_PARTS_FULL"
    message = "The deal has {most} parts already."


class ReferralNotFound(NotFound):
    """No such referral in the caller's sight."""

    reason = "REFERRAL_NOT_FOUND"
    message = "There is no referral {referral_id}, or you may not see it."


class ReferralTaken(AlreadyExists):
    """A lead has one referrer."""

    reason = "REFERRAL_TAKEN"
    message = "Somebody is named already as who referred the person of this lead."


class ReferralCycle(FailedPrecondition):
    """Who was referred by somebody does not refer them in turn."""

    reason = "REFERRAL_CYCLE"
    message = "The referrer was referred, directly or through others, by the person of this lead."


CONSTRAINTS: Constraints = {
    "uq_demo_cars_vin": DemoCarTaken,
    "ex_test_drives_car": DemoCarBooked,
    "uq_referrals_lead_id": ReferralTaken,
}
