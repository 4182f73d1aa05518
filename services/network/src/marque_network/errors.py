"""What can go wrong with dealers, their hours and staff, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied


class DealerNotFound(NotFound):
    """No such dealer in the caller's sight."""

    reason = "DEALER_NOT_FOUND"
    message = "There is no dealer {dealer_id}, or you may not see it."


class DealerCodeTaken(AlreadyExists):
    """Another dealer has the code."""

    reason = "DEALER_CODE_TAKEN"
    message = "Another dealer has this code already."


class DealerClosed(FailedPrecondition):
    """A closed dealer is not opened again; a successor is a new dealer."""

    reason = "DEALER_CLOSED"
    message = "The dealer {dealer_id} is closed for good. Create a new dealer instead."


class CalendarNotFound(NotFound):
    """No hours of this dealer, department and version in the caller's sight."""

    reason = "CALENDAR_NOT_FOUND"
    message = "There are no such hours of the dealer {dealer_id}, or you may not see them."


class StaffNotFound(NotFound):
    """No such member of staff in the caller's sight."""

    reason = "STAFF_NOT_FOUND"
    message = "There is no member of staff {staff_id}, or you may not see them."


class EmployeeNumberTaken(AlreadyExists):
    """The employer has somebody under this number."""

    reason = "EMPLOYEE_NUMBER_TAKEN"
    message = "This employer has somebody under this employee number already."


class SubjectTaken(AlreadyExists):
    """Another member of staff signs in as this subject."""

    reason = "SUBJECT_TAKEN"
    message = "This subject belongs to another member of staff."


class StaffLeft(FailedPrecondition):
    """Who has left is not changed any more; who comes back is a new member of staff."""

    reason = "STAFF_LEFT"
    message = "The member of staff {staff_id} has left."


class UserNameTaken(AlreadyExists):
    """Another member of staff signs in under this name."""

    reason = "USER_NAME_TAKEN"
    message = "This user name belongs to another member of staff."


class StaffGroupNotFound(NotFound):
    """No such group of the identity provider."""

    reason = "STAFF_GROUP_NOT_FOUND"
    message = "There is no group {group_id}."


class GroupNameTaken(AlreadyExists):
    """Another group has the name."""

    reason = "GROUP_NAME_TAKEN"
    message = "Another group has this name already."


class FilterInvalid(InvalidArgument):
    """A filter that cannot be read, or asks for what cannot be asked."""

    reason = "FILTER_INVALID"
    message = "The filter cannot be read: {why}"


class HandOverNotFound(NotFound):
    """No such hand-over in the caller's sight."""

    reason = "HAND_OVER_NOT_FOUND"
    message = "There is no hand-over {hand_over_id}, or you may not see it."


class AssignmentNotFound(NotFound):
    """No such assignment in the caller's sight."""

    reason = "ASSIGNMENT_NOT_FOUND"
    message = "There is no assignment {assignment_id}, or you may not see it."


class AssignmentRaced(Aborted):
    """The same work was given at the same moment; asked again, the answer says where it is."""


class ManagerCircle(FailedPrecondition):
    """Nobody leads themselves, through however many others."""

    reason = "MANAGER_CIRCLE"
    message = "The member of staff {staff_id} would lead themselves."


class RoleNotGrantable(PermissionDenied):
    """The caller gives a role, or a sight, that is more than their own."""

    reason = "ROLE_NOT_GRANTABLE"
    message = "You cannot give {what}: it is more than you have."


class DealerActive(FailedPrecondition):
    """The dealer is open already."""

    reason = "DEALER_ACTIVE"
    message = "The dealer {dealer_id} is open already."


class DealerNotActive(FailedPrecondition):
    """Only an open dealer is suspended."""

    reason = "DEALER_NOT_ACTIVE"
    message = "The dealer {dealer_id} is not open."


class TerritoryNotFound(NotFound):
    """No such territory in the caller's sight."""

    reason = "TERRITORY_NOT_FOUND"
    message = "There is no territory {territory_id}, or you may not see it."


class TerritoryCodeTaken(AlreadyExists):
    """Another territory has the code."""

    reason = "TERRITORY_CODE_TAKEN"
    message = "Another territory has this code already."


class TerritoryOverlaps(FailedPrecondition):
    """Another dealer holds a part of it for itself alone."""

    reason = "TERRITORY_OVERLAPS"
    message = "Another dealer has a part of this territory exclusively, in the same trade and make: {codes}."


class TerritoryEnded(FailedPrecondition):
    """An ended territory is not changed; a new one is made."""

    reason = "TERRITORY_ENDED"
    message = "The territory {code} has ended."


class AdmissionNotFound(NotFound):
    """No admission file of this dealer in the caller's sight."""

    reason = "ADMISSION_NOT_FOUND"
    message = "There is no admission file of the dealer {dealer_id}, or you may not see it."


class ContactNotFound(NotFound):
    """No such contact in the caller's sight."""

    reason = "CONTACT_NOT_FOUND"
    message = "There is no contact {contact_id}, or you may not see them."


class VisitNotFound(NotFound):
    """No such visit in the caller's sight."""

    reason = "VISIT_NOT_FOUND"
    message = "There is no visit {visit_id}, or you may not see it."


class ActionNotFound(NotFound):
    """The visit has no such action."""

    reason = "ACTION_NOT_FOUND"
    message = "The visit has no action {number}."


class VisitEnded(FailedPrecondition):
    """The visit took place, or was called off."""

    reason = "VISIT_ENDED"
    message = "The visit took place or was called off; only the report of one that took place can be changed."


class AgreementNotFound(NotFound):
    """No such agreement or version in the caller's sight."""

    reason = "AGREEMENT_NOT_FOUND"
    message = "There is no such version of the agreement {agreement_id}, or you may not see it."


class AgreementNumberTaken(AlreadyExists):
    """Another agreement has the number."""

    reason = "AGREEMENT_NUMBER_TAKEN"
    message = "Another agreement has this number already."


class AgreementNotDraft(FailedPrecondition):
    """What is signed never changes."""

    reason = "AGREEMENT_NOT_DRAFT"
    message = "The agreement {number} has no draft; amend it to draft the next version."


class AgreementNotSigned(FailedPrecondition):
    """Only a signed version is amended or ended."""

    reason = "AGREEMENT_NOT_SIGNED"
    message = "The agreement {number} has no signed version."


class AgreementDraftOpen(FailedPrecondition):
    """The next version is being written already."""

    reason = "AGREEMENT_DRAFT_OPEN"
    message = "The agreement {number} has a draft already."


class ScorecardModelNotFound(NotFound):
    """Nobody said by what dealers are judged in that year."""

    reason = "SCORECARD_MODEL_NOT_FOUND"
    message = "There is no scorecard model of the year {year}."


class TargetNotFound(NotFound):
    """No such target in the caller's sight."""

    reason = "TARGET_NOT_FOUND"
    message = "There is no target {target_id}, or you may not see it."


class TargetNotProposed(FailedPrecondition):
    """Only what is proposed is agreed to."""

    reason = "TARGET_NOT_PROPOSED"
    message = "The target {target_id} is agreed already, or another proposal took its place."


class TargetOwnProposal(FailedPrecondition):
    """What one side proposed for a dealer as a whole, the other agrees to."""

    reason = "TARGET_OWN_PROPOSAL"
    message = "The target {target_id} was proposed by your own side; the other side agrees to it."


class CalendarNeverOpen(FailedPrecondition):
    """The hours have no open moment for more than a year."""

    reason = "CALENDAR_NEVER_OPEN"
    message = "By these hours (version {version}) nobody is there for more than a year."


class HolidaysNotKnown(FailedPrecondition):
    """The public holidays of a year are not announced yet, and are not guessed."""

    reason = "HOLIDAYS_UNKNOWN"
    message = "The public holidays of {country} in {year} are not known yet, so no answer can be given."


class CalendarsTooMany(FailedPrecondition):
    """More calendars than one transaction changes."""

    reason = "CALENDARS_TOO_MANY"
    message = "More than {limit} calendars would change. Ask for a smaller region, a group or a department."


CONSTRAINTS: Constraints = {
    "uq_dealers_code": DealerCodeTaken,
    "uq_staff_dealer_id": EmployeeNumberTaken,
    "uq_staff_subject": SubjectTaken,
    "uq_assignments_item": AssignmentRaced,
    "uq_staff_subject_present": SubjectTaken,
    "uq_staff_user_name": UserNameTaken,
    "uq_staff_groups_display_name": GroupNameTaken,
    "uq_dealer_territories_code": TerritoryCodeTaken,
    "ex_territory_postcodes_exclusive": lambda: TerritoryOverlaps(codes="?"),
    "uq_dealer_agreements_number": AgreementNumberTaken,
    "uq_dealer_contacts_primary": Aborted,
    "uq_dealer_agreement_versions_draft": Aborted,
    "uq_dealer_agreement_versions_signed": Aborted,
    "uq_targets_revision": Aborted,
    "uq_targets_proposed": Aborted,
    "uq_targets_agreed": Aborted,
}
