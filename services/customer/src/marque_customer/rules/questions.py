"""What a caller narrows a list to."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of customers: the order, and filters; 0, empty and None mean no filter."""

    column: str
    descending: bool
    kind: int
    status: int
    dealer_id: uuid.UUID | None
    tag: str
    stage: int = 0
    tier: str = ""


@dataclass(frozen=True, slots=True)
class TouchFilter:
    """What a time line is narrowed to; empty and None mean everything."""

    kinds: Sequence[int]
    direction: int
    from_time: datetime | None
    to_time: datetime | None
    vin: str


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """What a list of leads is narrowed to; columns that must equal, and the conditions that are more. `family`: ids of one person."""

    equal: dict[str, Any]
    open_only: bool = False
    overdue_only: bool = False
    due_before: datetime | None = None
    never_contacted: bool = False
    never_by_manager: bool = False
    held_only: bool = False
    family: Sequence[uuid.UUID] | None = None
