"""Who should take a piece of work: pure, with reasons, fair within a stated bound, stable.

First who cannot is left out, with what is missing. The rest stand in this order:

1. relation: who has had to do with the customer, in the order given, before everybody else;
2. skill: the lowest of the needed levels, higher first;
3. language: who speaks one of the languages wished for, the first wished first;
4. presence: available, not known, busy, away, off;
5. hours: who works now, then who begins soonest, to the quarter of an hour;
6. load: the share of the capacity that is taken, in quarters (without a capacity: in fives of open items);
7. turn: who was given least in the last days, then who waited longest.

The bound: people who are equal up to their turn (1 to 6) are *equals*. Of equals the one who was given least gets the work. So
while a set of people stays equal, and their counts differed by at most one, they differ by at most one after every assignment.
Ties are broken by the id, so the same question has the same answer whatever the order of the people.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

UNKNOWN, AVAILABLE, BUSY, AWAY, OFF = 0, 1, 2, 3, 4  # the contract's numbers of PresenceState
_PRESENCE = {AVAILABLE: 0, UNKNOWN: 1, BUSY: 2, AWAY: 3, OFF: 4}
_PRESENCE_WORDS = {AVAILABLE: "AVAILABLE", UNKNOWN: "UNKNOWN", BUSY: "BUSY", AWAY: "AWAY", OFF: "OFF"}
_QUARTER = timedelta(minutes=15)
_NEVER = 10**9
_OPEN_BAND = 5


@dataclass(frozen=True, slots=True)
class Need:
    """What a piece of work needs: skills as code → level, languages by preference, relations nearest first."""

    roles: frozenset[str] = frozenset()
    skills: tuple[tuple[str, int], ...] = ()
    languages: tuple[str, ...] = ()
    language_required: bool = False
    related: tuple[str, ...] = ()
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A need as it was read: at which dealer, what the rule weighs, and the contract's message as JSON."""

    dealer_id: uuid.UUID | None
    need: Need
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be asked, as things stand at the moment of the question.

    `levels` has the level of each needed skill on the day (0: not at all), `opens` when they work next (None: not known or never),
    `given` how much they were given in the window, `last_given` when last.
    """

    staff_id: str
    employed: bool = True
    roles: frozenset[str] = frozenset()
    levels: tuple[tuple[str, int], ...] = ()
    languages: tuple[str, ...] = ()
    presence: int = UNKNOWN
    working: bool = True
    opens: datetime | None = None
    open_items: int = 0
    capacity: int = 0
    given: int = 0
    last_given: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a constant of the contract (`AssigneeReason.code`) and what it says of this person."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """Somebody with their reasons, in the order in which they count."""

    staff_id: str
    reasons: tuple[Reason, ...] = field(default=())


def judge(need: Need, people: Iterable[Candidate], at: datetime) -> tuple[list[Judged], list[Judged]]:
    """Returns who can take the work, best first, and who cannot, by their ids. Nobody is in both, everybody in one."""
    can, cannot = [], []
    for person in people:
        missing = _missing(need, person)
        if missing is None:
            can.append(person)
        else:
            cannot.append(Judged(person.staff_id, (missing,)))
    can.sort(key=lambda person: (standing(need, person, at), _turn(person)))
    return [Judged(one.staff_id, _reasons(need, one)) for one in can], sorted(cannot, key=lambda one: one.staff_id)


def standing(need: Need, person: Candidate, at: datetime) -> tuple[int, ...]:
    """Returns where somebody stands but for their turn, smaller first: equal standing makes equals."""
    relation = need.related.index(person.staff_id) if person.staff_id in need.related else len(need.related)
    return (
        relation,
        -min((level for _, level in person.levels), default=0),
        _language(need, person),
        _PRESENCE[person.presence],
        _wait(person, at),
        _band(person),
    )


def _missing(need: Need, person: Candidate) -> Reason | None:
    """The first thing that forbids it; None where nothing does."""
    if person.staff_id in need.excluded:
        return Reason("EXCLUDED")
    if not person.employed:
        return Reason("NOT_EMPLOYED")
    if need.roles and not need.roles & person.roles:
        return Reason("ROLE_MISSING")
    levels = dict(person.levels)
    for code, wanted in need.skills:
        if levels.get(code, 0) < max(1, wanted):
            return Reason("SKILL_MISSING", code)
    if need.language_required and need.languages and _language(need, person) == len(need.languages):
        return Reason("LANGUAGE_MISSING")
    if person.capacity and person.open_items >= person.capacity:
        return Reason("CAPACITY_FULL", f"{person.open_items}/{person.capacity}")
    return None


def _language(need: Need, person: Candidate) -> int:
    spoken = {_primary(tag) for tag in person.languages}
    return next((index for index, tag in enumerate(need.languages) if _primary(tag) in spoken), len(need.languages))


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()


def _wait(person: Candidate, at: datetime) -> int:
    """How long until they work, in begun quarters of an hour; 0 for now."""
    if person.working:
        return 0
    return _NEVER if person.opens is None else max(1, -(-(person.opens - at) // _QUARTER))


def _band(person: Candidate) -> int:
    return person.open_items * 4 // person.capacity if person.capacity else person.open_items // _OPEN_BAND


def _turn(person: Candidate) -> tuple[int, float, str]:
    return person.given, person.last_given.timestamp() if person.last_given else 0.0, person.staff_id


def _reasons(need: Need, person: Candidate) -> tuple[Reason, ...]:
    spoken = _language(need, person)
    found: Sequence[Reason | None] = (
        Reason("RELATION", str(need.related.index(person.staff_id) + 1)) if person.staff_id in need.related else None,
        *(Reason("SKILL", f"{code}:{level}") for code, level in person.levels),
        Reason("LANGUAGE", need.languages[spoken]) if spoken < len(need.languages) else None,
        Reason("PRESENCE", _PRESENCE_WORDS[person.presence]),
        Reason("HOURS", "NOW" if person.working else person.opens.isoformat() if person.opens else "UNKNOWN"),
        Reason("LOAD", f"{person.open_items}/{person.capacity}" if person.capacity else str(person.open_items)),
        Reason("TURN", str(person.given)),
    )
    return tuple(one for one in found if one is not None)
