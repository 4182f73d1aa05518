"""Whether visits of one car fit each other and its sale. Pure; a stay is the span of a visit from check-in to its end.

A car stands in one workshop at a time. Stations end their papers hours after a car has left, so what is over may lap by a day; two visits
that both go on admit no such excuse. Several orders of one station for one stay are usual, one for each who pays, and are no fault;
neither is a visit whose car is ready: it may have left, whatever its paper says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

LAP = timedelta(days=1)  # so far visits that are over may lap, and so far before its sale work for an owner may lie
# Who pays for an owner's work (`PayType`): the customer, the maker under warranty, goodwill, an insurer. A recall and the dealer's own work
# are done to cars that nobody owns yet.
_FOR_OWNERS = frozenset({1, 2, 4, 6})


@dataclass(frozen=True, slots=True)
class Stay:
    """When a car stood where; `closed` is None while it is there."""

    dealer: Any
    opened: datetime
    closed: datetime | None


def collide(one: Stay, other: Stay, now: datetime) -> bool:
    """Tells whether one car cannot have made two stays."""
    if one.dealer == other.dealer:
        return False
    if one.closed is None and other.closed is None:
        return True
    return min(one.closed or now, other.closed or now) - max(one.opened, other.opened) > LAP


def before_sale(opened: datetime, sold: datetime | None, lines: Iterable[dict[str, Any]]) -> bool:
    """Tells whether work for an owner lies before the car had one; `sold` is when it got its first, None where nobody knows."""
    return sold is not None and opened + LAP < sold and any(line["pay_type"] in _FOR_OWNERS for line in lines)
