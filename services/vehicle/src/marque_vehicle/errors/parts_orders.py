"""What can go wrong with orders of parts."""

from __future__ import annotations

from servicekit.errors import AlreadyExists, FailedPrecondition, NotFound


class PartsOrderNotFound(NotFound):
    """No such order in the caller's sight."""

    reason = "PARTS_ORDER_NOT_FOUND"
    message = "There is no such order of parts, or you may not see it."


class PartsOrderOver(FailedPrecondition):
    """What arrived or was called off stands as it is."""

    reason = "PARTS_ORDER_OVER"
    message = "The part has arrived, or its order was called off."


class PartsOrderNumberTaken(AlreadyExists):
    """The station has an order of this number."""

    reason = "PARTS_ORDER_NUMBER_TAKEN"
    message = "The station has an order of parts with this number already."
