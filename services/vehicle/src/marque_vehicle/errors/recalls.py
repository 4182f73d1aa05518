"""What can go wrong with recalls."""

from __future__ import annotations

from servicekit.errors import AlreadyExists, FailedPrecondition, NotFound


class RecallNotFound(NotFound):
    """No such recall in the caller's sight: a draft is seen by the maker only."""

    reason = "RECALL_NOT_FOUND"
    message = "There is no such recall, or you may not see it."


class RecallCodeTaken(AlreadyExists):
    """There is a recall of this number."""

    reason = "RECALL_CODE_TAKEN"
    message = "There is a recall of this number already."


class RecallClosed(FailedPrecondition):
    """A closed recall stands as it is."""

    reason = "RECALL_CLOSED"
    message = "The recall is closed."


class RecallNotOpen(FailedPrecondition):
    """Only an open recall is remedied or closed."""

    reason = "RECALL_NOT_OPEN"
    message = "The recall is not open."


class RecallVehicleRemedied(FailedPrecondition):
    """A car that was remedied was reached."""

    reason = "RECALL_VEHICLE_REMEDIED"
    message = "The vehicle was remedied."


class RecallScopeEmpty(FailedPrecondition):
    """A recall without a car is not opened."""

    reason = "RECALL_SCOPE_EMPTY"
    message = "The recall has no vehicle in its scope."


class RecallVehicleNotFound(NotFound):
    """The car is not in the scope of the recall."""

    reason = "RECALL_VEHICLE_NOT_FOUND"
    message = "The vehicle is not in the scope of this recall."
