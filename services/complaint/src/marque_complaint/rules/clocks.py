"""The clocks of a case as a pure function of its history, a calendar and the promises that held when.

Three clocks run in working time: to the first response, from word to word to the customer, and to the resolution. A history is the
list of what was done, in order; an entry carries the promises (minutes for the three clocks) where they changed with it. Promises that
change while a clock runs hold from its beginning: what has passed stays passed.

Waiting for the customer stops the clocks of update and resolution; waiting for parts stops that of resolution alone, for who waits for a
part still wants to hear. Only the latest run of a clock counts: each word to the customer begins a new run of the update clock, each
reopening one of all but the first response.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tradekit.clock import WorkCalendar

from marque_complaint.rules import hours
from marque_complaint.rules.kinds import (
    CLOCKS,
    CUSTOMER,
    FIRST_RESPONSE,
    NEXT_UPDATE,
    NOTHING,
    PARTS,
    RESOLUTION,
)

NEVER_OPENS, AWAITED = "CALENDAR_NEVER_OPENS", "CALENDAR_AWAITED"
_STOPPED_BY = {
    FIRST_RESPONSE: frozenset[int](),
    NEXT_UPDATE: frozenset({CUSTOMER}),
    RESOLUTION: frozenset({CUSTOMER, PARTS}),
}
# Which entries end, and which begin, a run of a clock. What says something to the customer does both for the update clock. A
# case that was merged goes on in another one, whose clocks run from the earlier receipt.
_WORDS = frozenset({"ACKNOWLEDGED", "UPDATED", "PROPOSED", "ACCEPTED", "DECLINED"})
_ENDS = {
    FIRST_RESPONSE: frozenset({"ACKNOWLEDGED", "UPDATED", "RESOLVED", "MERGED"}),
    NEXT_UPDATE: _WORDS | {"RESOLVED", "MERGED"},
    RESOLUTION: frozenset({"RESOLVED", "MERGED"}),
}
_BEGINS = {
    FIRST_RESPONSE: frozenset({"RECEIVED"}),
    NEXT_UPDATE: _WORDS | {"REOPENED"},
    RESOLUTION: frozenset({"RECEIVED", "REOPENED"}),
}
MEANINGFUL = frozenset.union(*_ENDS.values(), *_BEGINS.values(), {"WAITING", "RESUMED", "ASSESSED", "MOVED"})
"""The entries that say something to the clocks; all others leave them as they are."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done: what, when, for what the case waits from then on, and the promises where they changed (else None)."""

    action: str
    at: datetime
    waiting: int = NOTHING
    minutes: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a clock: since when, until when (None: it goes on), and the stretches in which it was running (the last may be open)."""

    start: datetime
    end: datetime | None
    stretches: tuple[tuple[datetime, datetime | None], ...]

    @property
    def paused(self) -> bool:
        """Tells whether it stands still now."""
        return self.end is None and (not self.stretches or self.stretches[-1][1] is not None)


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock as it stands: `due` is None while it stands still with time left, or is held (`held` says why)."""

    kind: int
    start: datetime
    target_minutes: int
    due: datetime | None
    met: datetime | None
    paused: bool
    held: str
    stretches: tuple[tuple[datetime, datetime | None], ...]

    def elapsed(self, calendar: WorkCalendar, now: datetime) -> timedelta:
        """Returns the working time that has passed up to `now`, without pauses."""
        return _elapsed(calendar, self.stretches, now)

    def is_late(self, now: datetime) -> bool:
        """Tells whether it is over its time and what it measures is not done."""
        return self.met is None and self.due is not None and self.due <= now


def clocks(history: Sequence[Entry], calendar: WorkCalendar | None) -> dict[int, Clock]:
    """Returns the clocks that a history began, by kind; one without a promise is left out. Without a calendar they are held.

    A host's clock may step back: an entry counts as done no earlier than the one before it.
    """
    found = {}
    history = _in_order(history)
    minutes = next((entry.minutes for entry in reversed(history) if entry.minutes is not None), (0, 0, 0))
    for kind in CLOCKS:
        run = _latest_run(kind, history)
        if run is not None and minutes[kind - 1]:
            found[kind] = _clock(kind, run, minutes[kind - 1], calendar)
    return found


def _in_order(history: Iterable[Entry]) -> list[Entry]:
    found: list[Entry] = []
    for entry in history:
        found.append(replace(entry, at=max(entry.at, found[-1].at)) if found else entry)
    return found


def _clock(kind: int, run: Run, minutes: int, calendar: WorkCalendar | None) -> Clock:
    if calendar is None:
        return Clock(kind, run.start, minutes, None, run.end, run.paused, AWAITED, run.stretches)
    due, held = None, ""
    try:
        due = due_after(calendar, run.stretches, timedelta(minutes=minutes))
    except hours.NeverOpen:
        held = NEVER_OPENS
    return Clock(kind, run.start, minutes, due, run.end, run.paused, held, run.stretches)


def _latest_run(kind: int, history: Iterable[Entry]) -> Run | None:
    """The latest run: entries of one moment are taken in their order, so a pause and an end in one save leave no time between."""
    start: datetime | None = None
    end: datetime | None = None
    stretches: list[tuple[datetime, datetime | None]] = []
    waiting = NOTHING
    for entry in history:
        ended = start is not None and end is None and entry.action in _ENDS[kind]
        waiting = entry.waiting
        stopped = waiting in _STOPPED_BY[kind]
        running = bool(stretches) and stretches[-1][1] is None
        if ended or (running and stopped):
            if running:
                stretches[-1] = (stretches[-1][0], entry.at)
            if ended:
                end = entry.at
        elif start is not None and end is None and not running and not stopped:
            stretches.append((entry.at, None))
        if entry.action in _BEGINS[kind] and not (kind == FIRST_RESPONSE and start is not None):
            start, end = entry.at, None
            stretches = [] if stopped else [(entry.at, None)]
    return None if start is None else Run(start, end, tuple(stretches))


def due_after(
    calendar: WorkCalendar, stretches: Sequence[tuple[datetime, datetime | None]], allowed: timedelta
) -> datetime | None:
    """Returns the moment at which the allowed time is used up, None where it is not and the clock stands still. Raises NeverOpen."""
    left = allowed
    for start, end in stretches:
        if end is None:
            return hours.reached(calendar, start, left)
        gone = hours.passed(calendar, start, end)
        if gone >= left:
            return hours.reached(calendar, start, left)
        left -= gone
    return None


def _elapsed(calendar: WorkCalendar, stretches: Sequence[tuple[datetime, datetime | None]], now: datetime) -> timedelta:
    total = timedelta()
    for start, end in stretches:
        until = min(end or now, now)
        if until > start:
            total += hours.passed(calendar, start, until)
    return total
