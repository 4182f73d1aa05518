"""What can go wrong with help on the road."""

from __future__ import annotations

from servicekit.errors import FailedPrecondition, NotFound


class RoadsideCaseNotFound(NotFound):
    """No such case in the caller's sight."""

    reason = "ROADSIDE_CASE_NOT_FOUND"
    message = "There is no such case, or you may not see it."


class RoadsideStateWrong(FailedPrecondition):
    """The case does not stand where this may be done."""

    reason = "ROADSIDE_STATE_WRONG"
    message = "The case does not stand where this may be done."


class RoadsidePlaceMissing(FailedPrecondition):
    """Nobody knows where the car is, so no dealer is the nearest."""

    reason = "ROADSIDE_PLACE_MISSING"
    message = "The place of the car is not known: name the dealer."


class RoadsideNobodyNear(FailedPrecondition):
    """No dealer that services cars is known."""

    reason = "ROADSIDE_NOBODY_NEAR"
    message = "No dealer that services cars was found: name one."
