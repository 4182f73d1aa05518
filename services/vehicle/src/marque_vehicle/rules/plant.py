"""What all that was said of an order comes to. Pure: the same messages in any order, any number of times, give the same.

What happened last by the sender's clock counts. The plant may send a car back (from inspection to paint), so the last word counts and not
the furthest stage; only a delivery is final. Of two words of one moment the one of the later stage is the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from marque_vehicle.rules import days

ORDERED, SCHEDULED, BODY, PAINT, ASSEMBLY, INSPECTION, IN_TRANSIT, AT_DEALER, DELIVERED = range(1, 10)
ORDER_UNKNOWN, ORDER_CANCELLED, VIN_TAKEN = "ORDER_UNKNOWN", "ORDER_CANCELLED", "VIN_OF_ANOTHER_ORDER"


class Said(Protocol):
    """One message; stage 0 and empty values say nothing."""

    message_id: str
    stage: int
    reach_time: datetime
    promised_date: date | None
    vin: str
    plant: str
    station: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an order stands. `stage_time` None: nothing was said of a stage. Histories are in the order of their times."""

    stage: int = ORDERED
    stage_time: datetime | None = None
    vin: str = ""
    plant: str = ""
    station: str = ""
    promised_date: date | None = None
    promises: tuple[tuple[date, datetime], ...] = ()
    reached: tuple[tuple[int, datetime], ...] = ()


def progress(messages: Iterable[Said]) -> Progress:
    """Returns what messages of one order say together."""
    said = sorted({one.message_id: one for one in messages}.values(), key=_moment)
    stages = [one for one in said if one.stage]
    final = [one for one in stages if one.stage == DELIVERED]
    last = final[-1] if final else stages[-1] if stages else None
    reached: dict[int, datetime] = {}
    for one in stages:
        reached.setdefault(one.stage, one.reach_time)
    promises: list[tuple[date, datetime]] = []
    for one in said:
        if one.promised_date is not None and (not promises or promises[-1][0] != one.promised_date):
            promises.append((one.promised_date, one.reach_time))
    return Progress(
        stage=last.stage if last else ORDERED,
        stage_time=last.reach_time if last else None,
        vin=_last(one.vin for one in said),
        plant=_last(one.plant for one in said),
        station=_last(one.station for one in said),
        promised_date=promises[-1][0] if promises else None,
        promises=tuple(promises),
        reached=tuple(reached.items()),
    )


def _moment(one: Said) -> tuple[datetime, int, str]:
    return one.reach_time, one.stage, one.message_id


def _last(words: Iterable[str]) -> str:
    found = ""
    for word in words:
        found = word or found
    return found


def broken_at(promised: date, zone: str) -> datetime:
    """Returns the moment from which on a promise is broken: the end of the day in the dealer's zone."""
    return days.beginning(promised + timedelta(days=1), zone)
