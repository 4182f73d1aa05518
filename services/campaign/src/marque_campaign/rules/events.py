"""Events that people register for: which state follows which, of the event and of a registration, and until when. Pure.

Numbers are those of the contract's enums (`marque.campaign.v1`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

DRAFT, OPEN, CLOSED, HELD, CALLED_OFF = range(1, 6)
STATE_NAMES = ("", "DRAFT", "OPEN", "CLOSED", "HELD", "CANCELLED")
CHANGEABLE = frozenset({DRAFT, OPEN, CLOSED})
TAKES_PLACE = frozenset({OPEN, CLOSED})
_FOLLOWS = {
    DRAFT: frozenset({OPEN, CALLED_OFF}),
    OPEN: frozenset({CLOSED, HELD, CALLED_OFF}),
    CLOSED: frozenset({OPEN, HELD, CALLED_OFF}),
    HELD: frozenset[int](),
    CALLED_OFF: frozenset[int](),
}

CONFIRMED, WAITING, CANCELLED, ATTENDED, NO_SHOW = range(1, 6)
REGISTRATION_NAMES = ("", "CONFIRMED", "WAITING", "CANCELLED", "ATTENDED", "NO_SHOW")
LIVE = frozenset({CONFIRMED, WAITING})
SEATED = frozenset({CONFIRMED, ATTENDED, NO_SHOW})
_SETTLES = {
    CONFIRMED: frozenset({CANCELLED, ATTENDED, NO_SHOW}),
    WAITING: frozenset({CANCELLED}),
    CANCELLED: frozenset[int](),
    ATTENDED: frozenset({NO_SHOW}),
    NO_SHOW: frozenset({ATTENDED}),
}

TOLD_CONFIRMED, TOLD_WAITING, TOLD_PLACE_FREE, TOLD_REMINDER, TOLD_MOVED, TOLD_CALLED_OFF = range(1, 7)

TEST_DRIVE = 1  # the kind of event at which people drive
REMIND_BEFORE = timedelta(hours=24)
# People come early: so long before their session they can be let in.
EARLY = timedelta(hours=6)
LONGEST_SESSION = timedelta(days=2)

STATE, TOO_EARLY, OVER, BEGUN = "STATE", "TOO_EARLY", "OVER", "SESSION_BEGUN"


@dataclass(frozen=True, slots=True)
class Window:
    """When people register for an event: its state, from when and until when, and until how many hours before they change."""

    state: int
    open_time: datetime | None
    close_time: datetime | None
    cancel_hours: int


def may_follow(before: int, after: int, *, now: datetime, starts: Sequence[datetime]) -> bool:
    """Tells whether an event may go to a state; it took place once its first session began."""
    if after not in _FOLLOWS[before]:
        return False
    return after != HELD or bool(starts and min(starts) <= now)


def closed(window: Window, start: datetime, now: datetime, *, staff: bool) -> str:
    """Returns why nobody can register for a session: a constant of this module; empty where one can.

    Staff register for people until the session begins, whatever the opening times say.
    """
    if window.state != OPEN:
        return STATE
    if start <= now:
        return BEGUN
    if not staff and window.open_time is not None and now < window.open_time:
        return TOO_EARLY
    if not staff and window.close_time is not None and now >= window.close_time:
        return OVER
    return ""


def may_change(window: Window, start: datetime, now: datetime) -> bool:
    """Tells whether a person may still cancel or change by themselves."""
    return window.state in TAKES_PLACE and now < start - timedelta(hours=window.cancel_hours)


def may_settle(before: int, after: int, start: datetime, now: datetime) -> bool:
    """Tells whether a registration may end so: somebody comes no earlier than EARLY before the session, and is missed once it began."""
    if after not in _SETTLES[before]:
        return False
    return after == CANCELLED or now >= (start - EARLY if after == ATTENDED else start)


def clock_of(moment: datetime, zone: str) -> str:
    """Returns a moment as people read it on the clock of a place: `2026-05-01 14:00 (Asia/Shanghai)`."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"
