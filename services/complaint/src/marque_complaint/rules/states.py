"""The way of a case, by the steps of ISO 10002: which verb is allowed when, what it needs, and where it leads. Pure.

A complaint is decided with the customer: proposed, then accepted or declined. What is no complaint (a question, a suggestion, help for a
station) needs no consent and is resolved once it was assessed. Whatever moves a case ends its waiting. One that goes
on in another case (`merge`) is closed wherever it stands: nothing is decided by that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from marque_complaint.rules.kinds import (
    ACCEPTED,
    ACKNOWLEDGED,
    ASSESSED,
    CLOSED,
    COMPLAINT,
    DECLINED,
    INVESTIGATING,
    MAKER,
    NOTHING,
    PROPOSED,
    RECEIVED,
    RESOLVED,
)

STATE, NO_HANDLER, OPTIONS_NOT_TOLD = "CASE_STATE", "CASE_HANDLER_MISSING", "CASE_OPTIONS_NOT_TOLD"
ESCALATED_ALREADY, WAITS_ALREADY, NOT_WAITING = "CASE_ESCALATED_ALREADY", "CASE_WAITS_ALREADY", "CASE_NOT_WAITING"

_UNDECIDED = frozenset({RECEIVED, ACKNOWLEDGED, ASSESSED, INVESTIGATING, PROPOSED, ACCEPTED, DECLINED})
_STARTED = _UNDECIDED - {RECEIVED}
# verb → the states in which it is allowed, and where it leads (None: it stays).
VERBS: dict[str, tuple[frozenset[int], int | None]] = {
    "acknowledge": (frozenset({RECEIVED}), ACKNOWLEDGED),
    "assess": (frozenset({ACKNOWLEDGED, ASSESSED, INVESTIGATING}), None),
    "investigate": (frozenset({ASSESSED, DECLINED}), INVESTIGATING),
    "propose": (frozenset({INVESTIGATING}), PROPOSED),
    "accept": (frozenset({PROPOSED}), ACCEPTED),
    "decline": (frozenset({PROPOSED}), DECLINED),
    "resolve": (frozenset({ASSESSED, INVESTIGATING, PROPOSED, ACCEPTED, DECLINED}), RESOLVED),
    "close": (frozenset({RESOLVED}), CLOSED),
    "reopen": (frozenset({RESOLVED, CLOSED}), INVESTIGATING),
    "merge": (_UNDECIDED, CLOSED),
    "escalate": (_UNDECIDED, None),
    "wait": (_STARTED, None),
    "resume": (_STARTED, None),
    "assign": (_UNDECIDED | {RESOLVED}, None),
    "update": (_UNDECIDED | {RESOLVED}, None),
}
_NEEDS_HANDLER = frozenset({"investigate", "propose", "resolve"})
_RESOLVED_BY_CONSENT = frozenset({ACCEPTED, DECLINED})


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides about verbs: kind, state, what it waits for, how far up it is, whether somebody works on it, and whether a customer
    who declined was told what else is open to them.
    """

    kind: int
    state: int = RECEIVED
    waiting: int = NOTHING
    escalation: int = 0
    handled: bool = False
    options_told: bool = False

    @property
    def is_open(self) -> bool:
        """Tells whether something is left to do for the customer."""
        return self.state in _UNDECIDED


class Refused(Exception):
    """The standing of a case does not allow a verb; `reason` is a constant of this module."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def after(verb: str, now: Standing, *, waiting: int = NOTHING, escalation: int = 0) -> Standing:
    """Returns the standing after a verb. `waiting` is what `wait` waits for, `escalation` the step for `escalate` (0: one up).

    Raises Refused.
    """
    allowed, target = VERBS[verb]
    if now.state not in allowed or (verb == "resolve" and not _may_resolve(now)):
        raise Refused(STATE)
    if verb in _NEEDS_HANDLER and not now.handled:
        raise Refused(NO_HANDLER)
    if verb == "resolve" and now.state == DECLINED and not now.options_told:
        raise Refused(OPTIONS_NOT_TOLD)
    if verb == "wait":
        if now.waiting == waiting:
            raise Refused(WAITS_ALREADY)
        return replace(now, waiting=waiting)
    if verb == "resume":
        if now.waiting == NOTHING:
            raise Refused(NOT_WAITING)
        return replace(now, waiting=NOTHING)
    if verb == "escalate":
        return replace(now, escalation=_up(now, escalation))
    if verb == "assess" and now.state == ACKNOWLEDGED:
        target = ASSESSED
    return replace(now, state=target, waiting=NOTHING) if target is not None else now


def _may_resolve(now: Standing) -> bool:
    if now.kind == COMPLAINT:
        return now.state in _RESOLVED_BY_CONSENT
    return True


def _up(now: Standing, step: int) -> int:
    wanted = step or now.escalation + 1
    if wanted <= now.escalation or wanted > MAKER:
        raise Refused(ESCALATED_ALREADY)
    return wanted
