"""The way of a campaign: which verb is allowed when, what it needs, and where it leads. Pure.

draft → submitted → reviewed → scheduled → running ⇄ paused → finished; it may be cancelled until it is over. Nothing leaves before a second
person looked at exactly what is sent: what was submitted is frozen, and only sending it back makes it a draft that may be changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from marque_campaign.rules.kinds import (
    CANCELLED,
    DRAFT,
    FINISHED,
    OVER,
    PAUSED,
    REVIEWED,
    RUNNING,
    SCHEDULED,
    STATES,
    SUBMITTED,
)

STATE, SAME_PERSON, INCOMPLETE, UNFINISHED = (
    "CAMPAIGN_STATE", "CAMPAIGN_SAME_PERSON", "CAMPAIGN_INCOMPLETE", "CAMPAIGN_UNFINISHED",
)  # fmt: skip

# verb → the states in which it is allowed, and where it leads.
VERBS: dict[str, tuple[frozenset[int], int]] = {
    "update": (frozenset({DRAFT}), DRAFT),
    "submit": (frozenset({DRAFT}), SUBMITTED),
    "send_back": (frozenset({SUBMITTED, REVIEWED}), DRAFT),
    "approve": (frozenset({SUBMITTED}), REVIEWED),
    "schedule": (frozenset({REVIEWED, SCHEDULED}), SCHEDULED),
    "launch": (frozenset({SCHEDULED}), RUNNING),
    "pause": (frozenset({RUNNING}), PAUSED),
    "resume": (frozenset({PAUSED}), RUNNING),
    "finish": (frozenset({RUNNING}), FINISHED),
    "cancel": (frozenset(STATES) - OVER, CANCELLED),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides about verbs: the state, what a submission still lacks, who had a hand in it, and whether everybody's row is final."""

    state: int = DRAFT
    lacks: tuple[str, ...] = ()
    authors: frozenset[str] = frozenset()
    settled: bool = False


class Refused(Exception):
    """The standing of a campaign does not allow a verb; `reason` is a constant of this module."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def after(verb: str, now: Standing, *, actor: str = "") -> int:
    """Returns the state after a verb, done by a principal. Raises Refused."""
    allowed, target = VERBS[verb]
    if now.state not in allowed:
        raise Refused(STATE)
    if verb == "submit" and now.lacks:
        raise Refused(INCOMPLETE)
    if verb == "approve" and (not actor or actor in now.authors):
        raise Refused(SAME_PERSON)
    if verb == "finish" and not now.settled:
        raise Refused(UNFINISHED)
    return target


def lacking(*, channel: int, purpose: int, legal_notice: bool, template: bool, audience: bool) -> tuple[str, ...]:
    """Returns the fields that a campaign still needs before it can be submitted."""
    found = {
        "channel": bool(channel),
        "purpose": bool(purpose) or legal_notice,
        "template_id": template,
        "audience_list_id": audience,
    }
    return tuple(name for name, there in found.items() if not there)
