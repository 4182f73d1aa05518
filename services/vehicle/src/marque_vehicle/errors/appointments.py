"""What can go wrong with appointments and what they take."""

from __future__ import annotations

from servicekit.errors import AlreadyExists, FailedPrecondition, NotFound


class AppointmentNotFound(NotFound):
    """No such appointment in the caller's sight."""

    reason = "APPOINTMENT_NOT_FOUND"
    message = "There is no such appointment, or you may not see it."


class AppointmentOver(FailedPrecondition):
    """The appointment is not to come any more."""

    reason = "APPOINTMENT_OVER"
    message = "The appointment was kept, missed or cancelled already."


class CarBookedAlready(FailedPrecondition):
    """A car does not come twice at a time to one station."""

    reason = "CAR_BOOKED_ALREADY"
    message = "The vehicle comes to this station at that time already."


class SlotTaken(FailedPrecondition):
    """Something that the visit takes is not free; `what` says what."""

    reason = "SLOT_TAKEN"
    message = "There is no {what} free for that time."


class OutsideWorkingHours(FailedPrecondition):
    """Nobody is there at some time of the visit."""

    reason = "OUTSIDE_WORKING_HOURS"
    message = "The time does not lie in the station's working hours (version {version})."


class CalendarMissing(FailedPrecondition):
    """The station has no working hours, so nobody knows when it can be visited."""

    reason = "CALENDAR_MISSING"
    message = "The station has no working hours."


class HolidaysNotKnown(FailedPrecondition):
    """The public holidays of a year are not published yet, and the hours keep them."""

    reason = "HOLIDAYS_NOT_KNOWN"
    message = "The public holidays of {country} in {year} are not known yet."


class ServiceResourceNotFound(NotFound):
    """No such bay, adviser or loan car in the caller's sight."""

    reason = "SERVICE_RESOURCE_NOT_FOUND"
    message = "There is no such resource, or you may not see it."


class ServiceResourceExists(AlreadyExists):
    """The station has a resource of this kind and name."""

    reason = "SERVICE_RESOURCE_EXISTS"
    message = "The station has a resource of this kind and name already."
