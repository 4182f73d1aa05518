"""The watch of the law of replacement and return: working out where cars stand, and telling of each threshold once.

Cars are looked at together, a hundred and more in one transaction, whatever made the look due: a visit, a day that has begun for a car in
the workshop (`day`), or a new version of the law (`sweep`, which the migration that brings it makes due).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from servicekit.db.query import json_of
from servicekit.db.uow import UnitOfWork
from servicekit.telemetry import logs

from marque_vehicle.events import lemon as events
from marque_vehicle.repository import lemon as repository
from marque_vehicle.rules import days
from marque_vehicle.rules import lemon as rules

CHECK, ALONE, DAY, SWEEP = "lemon.check", "lemon.check_alone", "lemon.day", "lemon.sweep"
_LATE_ENTRY = timedelta(hours=1)
_BETWEEN_DAYS = timedelta(hours=1)  # so late, at most, is a day in the workshop counted after it began
_AT_ONCE, _DAY_STEP, _SWEEP_STEP = 200, 2000, 500  # cars of one transaction
log = logs.get_logger(__name__)


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
        await repository.look_at(uow.session, CHECK, vins, _markets(), moment)


def _markets() -> list[str]:
    return sorted({pack.market for pack in rules.packs()})


async def check(uow: UnitOfWork, key: str) -> None:
    """Looks at a car (`<vin>/<what made it due>`), and at others whose moment has come too."""
    others = await repository.take_due(uow.session, CHECK, key, _AT_ONCE - 1)
    await _look(uow, sorted({one.partition("/")[0] for one in (key, *others)}))


async def check_alone(uow: UnitOfWork, vin: str) -> None:
    """Looks at a car that could not be judged among others: its failure is its own."""
    await _look(uow, [vin])


async def day(uow: UnitOfWork, _: str) -> datetime:
    """Makes the look due at the cars of which a day more counts by now; no other car is touched."""
    vins = await repository.take_changing(uow.session, uow.now, _DAY_STEP)
    await repository.look_at(uow.session, CHECK, vins, _markets(), uow.now)
    return uow.now if len(vins) == _DAY_STEP else uow.now + _BETWEEN_DAYS


async def sweep(uow: UnitOfWork, key: str) -> None:
    """Looks at the next cars of all (`<why>/<last car seen>`)."""
    why, _, after = key.partition("/")
    vins, last = await repository.next_cars(uow.session, _markets(), after, _SWEEP_STEP)
    if last:
        await _look(uow, vins)
        await uow.schedule(SWEEP, f"{why}/{last}", uow.now)


async def _look(uow: UnitOfWork, vins: Sequence[str]) -> None:
    """Looks at cars, in the order of their VINs: what was not told of is told, what differs is kept."""
    await repository.hold(uow.session, vins)
    sales, visits = await repository.read_all(uow.session, vins)
    watches = await _judged(uow, vins, sales, visits)
    versions = await repository.versions_of(uow.session, vins)
    kept = {vin: one for vin, one in watches.items() if one is not None and (one.standings or vin in versions)}
    grave = [
        (vin, one.pack.pack, each) for vin, one in kept.items() for each in one.standings if each.state != rules.CLEAR
    ]
    written = {vin for vin, _, _ in grave} | (kept.keys() - versions.keys())
    await repository.hold_cars(uow.session, sorted(written))
    told = await repository.mark(uow.session, grave, uow.now)
    await repository.keep(uow.session, kept, {vin for vin, _, _ in told}, uow.now)
    await repository.clear(
        uow.session, [vin for vin, one in watches.items() if one is None and vin in versions], uow.now
    )
    if told:
        versions = await repository.versions_of(uow.session, sorted({vin for vin, _, _ in told}))
    for vin, pack, standing in told:
        uow.emit(events.threshold(vin, versions[vin], pack, standing))


async def _judged(
    uow: UnitOfWork, vins: Sequence[str], sales: Mapping[str, Any], visits: Mapping[str, list[Any]]
) -> dict[str, rules.Watch | None]:
    """Judges cars; of several, one that cannot be judged is put aside under a kind of its own, so that it stops no other."""
    found: dict[str, rules.Watch | None] = {}
    aside: list[str] = []
    for vin in vins:
        try:
            found[vin] = watch_of(sales.get(vin), visits.get(vin, ()), uow.now)
        except Exception as error:
            if len(vins) == 1:
                raise
            log.warning("a car is judged alone", extra={"error_type": type(error).__name__})
            aside.append(vin)
    if aside:
        await repository.put_aside(uow.session, ALONE, aside, uow.now)
    return found
