"""What leads are told apart by: stages, wishes, and by whom a lost one is asked again."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from tradekit.names import fold

NEW, ASSIGNED, CONTACTED, QUALIFIED, TEST_DRIVE, QUOTED, WON, LOST, LAPSED, RECYCLED, LOSS_PROPOSED, ORDERED = range(
    1, 13
)
CLOSED = frozenset({WON, LOST})
WORKED = frozenset({CONTACTED, QUALIFIED, TEST_DRIVE, QUOTED, ORDERED})
WAITING = frozenset({NEW, RECYCLED})
NO_DEALER, RECYCLE_LIMIT, NO_TIME_ZONE, NOT_RECYCLED = "NO_DEALER", "RECYCLE_LIMIT", "NO_TIME_ZONE", "NOT_RECYCLED"
LOSS_COMPETITOR, LOSS_BOUGHT_FROM_US = 2, 8
SELL = 3
_PARTS = 1_000_000


def wish_key(interest: dict[str, Any]) -> str:
    """Returns what a wish is compared by: to get a car or to sell one, make and model."""
    side = "sell" if interest.get("kind") == SELL else "get"
    return f"{side}|{_plain(interest.get('brand', ''))}|{_plain(interest.get('model', ''))}"


def same_wish(one: str, other: str) -> bool:
    """Tells whether two wishes may be one: what a person left out is whatever the other one says."""
    pairs = zip(one.split("|"), other.split("|"), strict=True)
    return all(left == right or not left or not right for left, right in pairs)


def _plain(text: str) -> str:
    return fold(text).replace(" ", "").replace("|", "")


def is_recalled(lead_id: uuid.UUID, share: float) -> bool:
    """Tells whether a lost lead is of the sample that is called again: by its id, so that nobody chooses and a retry agrees."""
    number = int.from_bytes(hashlib.sha256(b"recall:" + lead_id.bytes).digest()[:8], "big")
    return number % _PARTS < round(share * _PARTS)
