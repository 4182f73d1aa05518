"""What can go wrong with customers, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import NotFound


class CustomerNotFound(NotFound):
    """No such customer in the caller's sight."""

    reason = "CUSTOMER_NOT_FOUND"
    message = "There is no customer {customer_id}, or you may not see them."


CONSTRAINTS: Constraints = {}
