"""Counts requests in a sliding minute: this window's count, and the share of the last one that still reaches into it.

Our own, because the `limits` package's memory storage takes two locks, ten dictionary look-ups and now and then a thread for each
request, which was a fifth of what the gateway spends on one.
"""

from __future__ import annotations

WINDOW_SECONDS = 60


class SlidingWindow:
    """A limit of requests per key and minute. Forgets each key after two windows, so that its memory follows the callers of two minutes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._number = 0
        self._counts: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def hit(self, key: str, now: float) -> tuple[bool, int, int]:
        """Counts a request at a moment (Unix seconds); one that is refused does not count.

        Returns whether it is admitted, how many more would be now, and the seconds until the count of this window ends, at least 1.
        """
        number, into = divmod(now, WINDOW_SECONDS)
        if number != self._number:
            self._before = self._counts if number == self._number + 1 else {}
            self._counts, self._number = {}, int(number)
        count = self._counts.get(key, 0)
        used = count + int(self._before.get(key, 0) * (1 - into / WINDOW_SECONDS))
        admitted = used < self.limit
        if admitted:
            self._counts[key] = count + 1
            used += 1
        return admitted, max(0, self.limit - used), max(1, int(WINDOW_SECONDS - into))
