"""What can be wrong with what is told of the calls of campaigns."""

from __future__ import annotations

from servicekit.errors import FailedPrecondition, InvalidArgument


class CallNotWanted(FailedPrecondition):
    """Whom a campaign would have called has withdrawn that."""

    reason = "CONSENT_WITHDRAWN"
    message = "The person does not want to be called for this any more."


class CallHeld(FailedPrecondition):
    """Nobody takes a call of a campaign that is paused."""

    reason = "CALL_HELD"
    message = "The campaign is paused; the call can be taken when it goes on."


def call_outcome_missing() -> InvalidArgument:
    """The call of a campaign ends with an outcome, by which the campaign goes on."""
    return InvalidArgument.of("call_outcome", "CALL_OUTCOME_MISSING", "Say what came of the call.")


def call_outcome_not_used() -> InvalidArgument:
    """Only the call of a campaign has one."""
    return InvalidArgument.of("call_outcome", "CALL_OUTCOME_NOT_USED", "Only the call of a campaign has an outcome.")


def campaign_call_missing() -> InvalidArgument:
    """A task of the kind names its call."""
    return InvalidArgument.of(
        "task.campaign_call", "CAMPAIGN_CALL_MISSING", "Such a task needs the call that it is about."
    )


def campaign_call_not_used() -> InvalidArgument:
    """No other task does."""
    return InvalidArgument.of(
        "task.campaign_call", "CAMPAIGN_CALL_NOT_USED", "Only a task of the kind CAMPAIGN_CALL is about one."
    )


def call_again_time_invalid() -> InvalidArgument:
    """Who asks to be called later may say when, within 30 days."""
    text = "Only who asks to be called later names a time, within 30 days."
    return InvalidArgument.of("call_again_time", "CALL_AGAIN_TIME_INVALID", text)
