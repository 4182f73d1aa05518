"""Which stage of the workshop can follow on which; the numbers are those of `RepairOrderStage`."""

from __future__ import annotations

CHECKED_IN, IN_WORK, WAITING_PARTS, WAITING_OWNER, READY, COLLECTED = 1, 3, 4, 5, 9, 10
_BACK = frozenset({IN_WORK, WAITING_PARTS, WAITING_OWNER})


def reachable(present: int, wanted: int) -> bool:
    """Forward any stage may be skipped; back it goes to work or waiting only, and nothing follows on collected."""
    if present == COLLECTED or wanted == present:
        return False
    return wanted > present or wanted in _BACK
