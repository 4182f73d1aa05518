"""What an erasure may leave, and when what is left is tried again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

# Duties to keep: nobody decides them case by case, and an erasure that leaves only these is complete. A proof of consent and of rights
# exercised is kept as long as it may be asked for; a tax record has its day.
LAW = frozenset({"CONSENT_PROOF", "RIGHTS_PROOF", "TAX_RECORD"})
FOR_EVER = frozenset({"CONSENT_PROOF", "RIGHTS_PROOF"})
RECALL_OPEN, CASE_OPEN = "RECALL_OPEN", "CASE_OPEN"
# What must stay of a person so that the owner of a car under recall, or who has an open case, can still be written to.
REACHING = ("customer.customer", "customer.contact_point")


class Kept(NamedTuple):
    """Records that a service kept: kind, how many, why, until when (None: not known)."""

    kind: str
    count: int
    reason: str
    until: datetime | None


def is_held(kept: Iterable[Kept]) -> bool:
    """Tells whether something is kept for another reason than a duty to keep."""
    return any(one.reason not in LAW for one in kept)


def retry_time(kept: Iterable[Kept], moment: datetime, every: timedelta) -> datetime | None:
    """Returns when erasing is tried again: at the first known end, or `every` where one is not known; None where all is kept for ever.

    A hold with a known end is tried at that end, not before; one that somebody may end at any time is tried again and again.
    """
    ends = [
        one.until if one.until is not None and one.until > moment else moment + every
        for one in kept
        if one.reason not in FOR_EVER
    ]
    return min(ends, default=None)
