"""What a caller narrows a list to."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of customers: the order, and filters; 0, empty and None mean no filter."""

    column: str
    descending: bool
    kind: int
    status: int
    dealer_id: uuid.UUID | None
    tag: str


@dataclass(frozen=True, slots=True)
class TouchFilter:
    """What a time line is narrowed to; empty and None mean everything."""

    kinds: Sequence[int]
    direction: int
    from_time: datetime | None
    to_time: datetime | None
    vin: str
