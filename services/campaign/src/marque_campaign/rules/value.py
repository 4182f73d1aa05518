"""How lately, how often and for how much somebody dealt with us (RFM), and into which fifth of the people that puts them. Pure.

The three figures of a history are those of Fader, Hardie and Lee (Marketing Science 24, 2005): days on which something happened, after
the first; days from the first to the last of them; days from the first to the day of asking. Classes are fifths by the inverted
empirical distribution, 5 the best; who has the same value is in the same class, so fifths are equal only where values differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

RECENCY, FREQUENCY, MONETARY = "recency", "frequency", "monetary"
MEASURES = (RECENCY, FREQUENCY, MONETARY)
SHARES = (0.2, 0.4, 0.6, 0.8)
BEST = len(SHARES) + 1


@dataclass(frozen=True, slots=True)
class History:
    """What somebody's days come to: `frequency` days after the first, `recency` and `age` in days."""

    frequency: int
    recency: int
    age: int


def history(days: Iterable[date], today: date) -> History | None:
    """Returns the figures of the days up to one day; None where nothing happened until then. A day counts once."""
    known = {day for day in days if day <= today}
    if not known:
        return None
    first, last = min(known), max(known)
    return History(len(known) - 1, (last - first).days, (today - first).days)


def edges(values: Iterable[float]) -> list[float]:
    """Returns the upper ends of the first four fifths of some values; nothing for no values."""
    found = sorted(values)
    return [found[math.ceil(share * len(found)) - 1] for share in SHARES] if found else []


def class_of(value: float | None, ends: Sequence[float], measure: str) -> int | None:
    """Returns the class, 1 to 5; None where the value is not known, or no classes are. Few days since the last deed are the best."""
    if value is None or not ends:
        return None
    above = sum(value > end for end in ends)
    return BEST - above if measure == RECENCY else 1 + above
