"""How far a deal is by how far its parts are."""

from __future__ import annotations

from collections.abc import Collection

OPEN, WON, LOST = 1, 2, 3
MOST_PARTS = 200


def state_of(parts: Collection[int]) -> int:
    """Returns the state of a whole of which some parts are seen: open while one is, then won where one is."""
    if not parts or OPEN in parts:
        return OPEN
    return WON if WON in parts else LOST
