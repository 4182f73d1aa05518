"""The watch of the law of replacement and return: working out where a car stands, and telling of each threshold once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_vehicle.events import lemon as events
from marque_vehicle.repository import lemon as repository
from marque_vehicle.repository.query import json_of
from marque_vehicle.rules import days
from marque_vehicle.rules import lemon as rules

CHECK = "lemon.check"
_LATE_ENTRY = timedelta(hours=1)


def watch_of(sale: Any, visits: Iterable[Any], now: datetime) -> rules.Watch | None:
    """Returns where a car stands by its sale and visits; None where no version of the law holds."""
    if sale is None:
        return None
    start = max(sale["invoice_date"], sale["delivery_date"] or sale["invoice_date"])
    pack = rules.pack_of(sale["market"], start)
    if pack is None:
        return None
    counted = [
        rules.Visit(
            key=str(row["repair_order_id"]),
            opened=row["open_time"],
            closed=row["close_time"],
            km=row["odometer_in_km"],
            faults=rules.faults_of(json_of(row["lines"]), pack.pay_types),
        )
        for row in visits
        if row["open_time"] <= now and (row["close_time"] or row["create_time"] <= now - _LATE_ENTRY)
    ]
    return rules.evaluate(pack, start, days.zone(sale["time_zone"]), sale["odometer_km"], counted, now)


async def look_later(uow: UnitOfWork, orders: Sequence[Any]) -> None:
    """Makes the look at the cars of some repair orders due (`vin, lines` of each), where a line counts under any version of the law."""
    paid = frozenset().union(*(pack.pay_types for pack in rules.packs()))
    vins = [order.vin for order in orders if any(line["pay_type"] in paid for line in order.lines)]
    if vins:
        # A visit that is entered late is open for a moment, since long ago: it is not looked at before it can be closed.
        still_there = any(order.close_time is None for order in orders)
        moment = uow.now + _LATE_ENTRY if still_there else uow.now
        await repository.look_at(uow.session, CHECK, vins, (pack.market for pack in rules.packs()), moment)


async def check(uow: UnitOfWork, key: str) -> datetime | None:
    """Looks at a car; again, under its VIN alone, when a day more in the workshop would count."""
    vin, _, mark = key.partition("/")
    sale, visits = await repository.read_now(uow.session, vin)
    watch = watch_of(sale, visits, uow.now)
    if watch is None:
        return None
    if (
        mark and watch.next_change is not None
    ):  # before anything of the car is held: another worker may be looking at it
        await uow.schedule(CHECK, vin, watch.next_change)
    version = await repository.keep(uow.session, vin, watch, uow.now)
    for standing in watch.standings:
        if standing.state != rules.CLEAR and await repository.mark(
            uow.session, vin, watch.pack.pack, standing, uow.now
        ):
            uow.emit(events.threshold(vin, version, watch.pack.pack, standing))
    return None if mark else watch.next_change
