"""What was not understood of a prospect, by field."""

from __future__ import annotations

import re
from typing import NamedTuple

MOST = 50
_PATH = re.compile(r"[^a-z0-9_.\-\[\]/]+")
_LONGEST = 100


class AdfProblem(NamedTuple):
    """`field` is a path of elements (`customer/contact/phone[2]`), `reason` a constant. Neither holds a value that was sent."""

    field: str
    reason: str
    description: str


class Problems:
    """Collects the problems of a prospect, each once, and no more than `MOST`: a hostile document is full of them."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], AdfProblem] = {}

    def add(self, field: str, reason: str, description: str) -> None:
        """Notes a problem."""
        path = _PATH.sub("?", field)[:_LONGEST]
        if len(self._found) < MOST:
            self._found.setdefault((path, reason), AdfProblem(path, reason, description))

    @property
    def all(self) -> tuple[AdfProblem, ...]:
        """The problems, in the order in which they were met."""
        return tuple(self._found.values())
