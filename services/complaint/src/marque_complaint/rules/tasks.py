"""When a case may have which tasks. Pure; numbers are those of the contract's enums."""

from __future__ import annotations

from marque_complaint.rules.kinds import ACCEPTED, CLOSED, DECLINED, RESOLVED

WORK, RECOVERY = 1, 2
OPEN, DONE, DROPPED = 1, 2, 3
MOST_OPEN = 100
_DECIDED = frozenset({ACCEPTED, DECLINED, RESOLVED, CLOSED})
_DONE_WITH = frozenset({RESOLVED, CLOSED})


def may_begin(kind: int, state: int, *, merged: bool = False) -> bool:
    """Tells whether a task of a kind can be added to a case in a state. What makes somebody whole comes after what was decided; a case
    that was merged has its tasks where it goes on.
    """
    return not merged and (state in _DECIDED if kind == RECOVERY else state not in _DONE_WITH)
