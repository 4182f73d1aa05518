"""How many messages a worker has in hand at once: what lies between a permit and its hand-over is waiting, and waiting is bounded. Pure.

Many at once spare the database and the customer service; but a withdrawal waits for what is spent, a worker that dies leaves what it was
handing over unknown, and a permit does not live long. So each of these is bounded by time, at the speed seen lately.
"""

from __future__ import annotations

HANDING = 0.25
"""Seconds in which the messages that are spent together are to be handed over."""
WAITING = 4.0
"""Seconds in which a batch is to be handed over: the next one has its permits meanwhile, which live five times as long."""


class Pace:
    """The speed of one channel: `least` messages at once are always begun, `most` never exceeded."""

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = max(least, most)
        self._rate = 0.0

    def note(self, taken: int, seconds: float) -> None:
        """Learns that so many were taken in a time. Slower counts at once, faster by halves."""
        rate = taken / max(seconds, 0.001)
        self._rate = min(rate, (rate + self._rate) / 2)

    @property
    def is_slow(self) -> bool:
        """Tells whether the fewest already take longer than what is spent together may take; so it is until something is known."""
        return self._rate * HANDING < self._least

    def within(self, seconds: float) -> int:
        """Returns how many may be begun so that they are handed over in a time."""
        return max(self._least, min(self._most, int(self._rate * seconds)))
