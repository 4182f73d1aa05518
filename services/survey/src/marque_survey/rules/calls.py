"""How calling goes on: when somebody is called again, when it is given up, which calls are checked, and shares with their intervals."""

from __future__ import annotations

import hashlib
import math
import uuid
from datetime import datetime, timedelta

from servicekit.calling import call_again
from servicekit.rpc.principal import Principal

OPEN, TAKEN, DONE, GIVEN_UP = 1, 2, 3, 4
COMPLETED, CALL_BACK, NO_ANSWER, BUSY, REFUSED, WRONG_NUMBER, BROKEN_OFF = range(1, 8)
CONFIRMED, DIFFERENT, NOT_CALLED, UNKNOWN = 1, 2, 3, 4

SPOKEN = frozenset({COMPLETED, CALL_BACK, REFUSED})
"""Outcomes in which the person was spoken with."""
VAIN = frozenset({NO_ANSWER, BUSY, BROKEN_OFF})
ENDING = {REFUSED: "REFUSED", WRONG_NUMBER: "WRONG_NUMBER"}
"""Outcomes after which nobody calls again, with the reason that the task then has."""
UNREACHED, NOT_CALLED_IN_TIME, BY_LINK, ERASED = "UNREACHED", "NOT_CALLED", "ANSWERED_BY_LINK", "ERASED"

LEASE = timedelta(hours=2)
"""After so long without a sign of its agent a task may be taken by another."""
OVERDUE = timedelta(days=1)
MOST_AHEAD = timedelta(days=30)
"""How far ahead a call-back can be."""
GRACE = timedelta(days=3)
"""A call-back near the end of a task's time moves that end so far behind it."""
_BUSY_PAUSE = timedelta(minutes=20)
_Z = 1.959963984540054  # of the normal distribution, 95 % between -Z and Z
_AGENTS = uuid.UUID("5e1f0000-0000-5000-8000-00000000a6e7")


def agent_of(principal: Principal) -> uuid.UUID:
    """Returns who calls: the id of staff, or for who has no record one made from their subject, which itself is kept nowhere."""
    return uuid.UUID(principal.staff_id) if principal.staff_id else uuid.uuid5(_AGENTS, principal.subject)


def next_due(outcome: int, vain: int, now: datetime) -> datetime:
    """Returns when to call again after the `vain`th call in vain."""
    if outcome == BUSY:
        return now + _BUSY_PAUSE
    return call_again(vain, now)


def is_checked(call_task_id: uuid.UUID, permille: int) -> bool:
    """Tells whether a finished call is among those that a supervisor checks: by a hash, so that nobody can choose."""
    drawn = hashlib.sha256(b"check:" + call_task_id.bytes).digest()
    return int.from_bytes(drawn[:8], "big") % 1000 < permille


def share(part: int, whole: int) -> tuple[float, float, float]:
    """Returns a share and its interval of 95 % (Wilson's score interval: it stays within 0 and 1, and does not close at the ends)."""
    if not whole:
        return 0.0, 0.0, 0.0
    p, z = part / whole, _Z
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return p, max(0.0, middle - half), min(1.0, middle + half)
