"""Seats of a session and who waits for them. Pure.

Nobody overtakes: who comes while others wait, waits behind them, even where seats are free that are too few for the first; and a party that
does not fit yet holds up those behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Key = TypeVar("Key")


def has_place(seats: int, free: int, waiting: int) -> bool:
    """Tells whether a party that arrives now gets its seats at once; `waiting`: how many parties wait before it."""
    return not waiting and seats <= free


def moved_up(free: int, waiting: Iterable[tuple[Key, int]]) -> list[Key]:
    """Returns who of those that wait, (key, seats) in the order of arrival, gets a place of so many free seats."""
    found = []
    for key, seats in waiting:
        if seats > free:
            break
        free -= seats
        found.append(key)
    return found
