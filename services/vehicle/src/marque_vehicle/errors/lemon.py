"""What can go wrong with the watch of the law of replacement and return."""

from __future__ import annotations

from servicekit.errors import FailedPrecondition


class LemonLawNotApplicable(FailedPrecondition):
    """The car was not sold for private use, or where or when no version of the law holds."""

    reason = "LEMON_LAW_NOT_APPLICABLE"
    message = "No law of replacement and return holds for this vehicle's sale."
