"""Who gets which words, and who gets none so that it can be seen what the words brought: by a hash, so nobody can choose. Pure.

The same person is drawn alike whenever it is asked, and anew for every campaign. The holdout and the variants are drawn apart from each
other, so that each variant has its share of whoever is not held out.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

PARTS = 10_000
HOLDOUT = "HOLDOUT"


@dataclass(frozen=True, slots=True)
class Arm:
    """A variant: its code, and how many in a hundred get it. Who gets none of them gets the campaign's own words."""

    code: str
    percent: int


def place(campaign_id: uuid.UUID, customer_id: uuid.UUID, draw: str) -> int:
    """Returns where somebody stands in a draw of a campaign: 0 to 9,999, evenly spread."""
    drawn = hashlib.sha256(f"{draw}:{campaign_id}:{customer_id}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") % PARTS


def is_held_out(campaign_id: uuid.UUID, customer_id: uuid.UUID, percent: int) -> bool:
    """Tells whether somebody is in the holdout."""
    return place(campaign_id, customer_id, "holdout") < percent * 100


def arm_of(campaign_id: uuid.UUID, customer_id: uuid.UUID, arms: Sequence[Arm]) -> str:
    """Returns the code of somebody's variant; empty for the campaign's own words."""
    left = place(campaign_id, customer_id, "variant")
    for arm in arms:
        left -= arm.percent * 100
        if left < 0:
            return arm.code
    return ""
