"""What can go wrong with dealers, their hours and staff, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied


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


class ManagerCircle(FailedPrecondition):
    """Nobody leads themselves, through however many others."""

    reason = "MANAGER_CIRCLE"
    message = "The member of staff {staff_id} would lead themselves."


class RoleNotGrantable(PermissionDenied):
    """The caller gives a role, or a sight, that is more than their own."""

    reason = "ROLE_NOT_GRANTABLE"
    message = "You cannot give {what}: it is more than you have."


CONSTRAINTS: Constraints = {
    "uq_dealers_code": DealerCodeTaken,
    "uq_staff_dealer_id": EmployeeNumberTaken,
    "uq_staff_subject": SubjectTaken,
}
