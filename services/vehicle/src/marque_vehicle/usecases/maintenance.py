"""Maintenance: working out what is due of changed cars, telling of it once, counting who came."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_vehicle.errors import MaintenancePlanInForce
from marque_vehicle.events import upkeep as events
from marque_vehicle.repository import maintenance as repository
from marque_vehicle.repository import milestones, odometer
from marque_vehicle.rules import maintenance as rules
from marque_vehicle.rules import odometer as readings_of

LOOK, WATCH, SWEEP = "maintenance.look", "maintenance.watch", "maintenance.sweep"
_STEP = 2000  # cars of a market that are noted in one transaction
_AT_ONCE = 100  # cars of a look that are worked out in one


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a car stands with its maintenance; `next` None where nothing more is asked for."""

    dealer: Any
    seller: Any
    plan: rules.Plan
    start: Any
    next: rules.Next | None
    reached: list[rules.Milestone]
    driven: readings_of.Rate


def standing_of(
    car: Any, visits: Iterable[Any], judged: Sequence[readings_of.Judged], plans: Iterable[rules.Plan], now: datetime
) -> Standing | None:
    """Returns where a car stands; None where no plan holds for it."""
    at_visit = {one.reading.key: one.distance for one in judged if one.flag == readings_of.CREDIBLE}
    known = [(one.reading.moment, one.distance) for one in judged if one.flag == readings_of.CREDIBLE]
    came = [repository.visit_of(row) for row in visits]
    placed = [
        replace(visit, distance=at_visit.get(visit.key) or max((km for at, km in known if at <= arrived), default=0))
        for visit, arrived in came
    ]
    done_keys = {row["key"] for row in visits if row["close_time"] is not None}
    fitting = [one for one in plans if one.market == car["market"]]
    plan = rules.plan_of(fitting, car["market"], car["make"], car["model"], car["start"])
    if plan is None:
        return None
    closed = [one for one in placed if one.key in done_keys and one.day >= car["start"]]
    done = rules.services_of(plan, closed)
    if done:  # the plan in force on the day of the last service is followed from there on
        plan = rules.plan_of(fitting, car["market"], car["make"], car["model"], done[-1].day) or plan
        done = rules.services_of(plan, closed)
    driven = readings_of.rate(judged, car["start"])
    last = max(placed, key=lambda one: (one.day, one.key), default=None)
    reached = rules.milestones(plan, car["start"], car["dealer_id"], done, driven.distance, now.date())
    return Standing(
        dealer=last.dealer if last else car["dealer_id"],
        seller=car["dealer_id"],
        plan=plan,
        start=car["start"],
        next=rules.next_service(plan, car["start"], car["sale_id"], done, driven),
        reached=reached,
        driven=driven,
    )


def due_columns(vin: str, found: Standing | None) -> dict[str, Any]:
    """Returns what is due of a car as the table keeps it; empty columns where nothing is."""
    if found is None or found.next is None:
        return {
            "vin": vin, "dealer_id": None, "plan_code": "", "plan_effective_from": None, "anchor": "", "service_number": 0,
            "due_date": None, "cause": 0, "time_due_date": None, "due_distance_km": 0, "distance_due_date": None,
            "distance_due_date_early": None, "distance_due_date_late": None, "metres_per_day": 0,
        }  # fmt: skip
    due = found.next
    return {
        "vin": vin, "dealer_id": found.dealer, "plan_code": due.plan.code, "plan_effective_from": due.plan.effective_from,
        "anchor": due.anchor, "service_number": due.number, "due_date": due.due, "cause": due.cause, "time_due_date": due.time_due,
        "due_distance_km": due.distance, "distance_due_date": due.distance_due, "distance_due_date_early": due.early,
        "distance_due_date_late": due.late, "metres_per_day": round(found.driven.expected * 1000),
    }  # fmt: skip


async def look_later(uow: UnitOfWork, vins: Iterable[str]) -> None:
    """Makes the look at some cars due, of those for whose market there is a plan."""
    look = await repository.look_at(uow.session, vins)
    if look is not None:
        await uow.schedule(LOOK, str(look), uow.now)


async def look(uow: UnitOfWork, key: str, notice_days: int) -> datetime | None:
    """Works out anew where the next cars of a look stand, keeps it, and tells what is due and which readings do not fit.

    Whoever writes one of these cars waits for this transaction: it takes few of them, and comes again for the rest.
    """
    vins = await repository.take_look(uow.session, uuid.UUID(key), _AT_ONCE)
    cars, visits = await repository.cars_of(uow.session, vins)
    series = await odometer.series_of(uow.session, vins)
    plans = await repository.plans(uow.session, {car["market"] for car in cars.values()})
    judged = {vin: readings_of.judge(series[vin], cars[vin]["start"] if vin in cars else None) for vin in vins}
    found = {vin: standing_of(car, visits[vin], judged[vin], plans, uow.now) for vin, car in cars.items()}
    versions = await repository.keep(uow.session, [due_columns(vin, found.get(vin)) for vin in vins], uow.now)
    await milestones.keep(uow.session, vins, _milestone_rows(found))
    again: dict[str, datetime] = {}
    for vin in vins:
        await _tell_flagged(uow, vin, versions[vin], judged[vin])
        standing = found.get(vin)
        if standing is None:
            continue
        await _tell_due(uow, vin, versions[vin], standing, notice_days)
        moment = rules.next_change(
            standing.plan, standing.start, len(standing.reached), standing.next, uow.now, notice_days
        )
        if moment is not None:
            again[vin] = moment
    await repository.schedule(uow.session, WATCH, again)
    return uow.now if len(vins) == _AT_ONCE else None


def _milestone_rows(found: dict[str, Standing | None]) -> list[dict[str, Any]]:
    return [
        {
            "vin": vin, "service_number": one.number, "dealer_id": standing.seller, "milestone_km": one.km, "returned": one.returned,
            "returned_to_seller": one.to_seller,
        }
        for vin, standing in found.items() if standing is not None for one in standing.reached
    ]  # fmt: skip


async def _tell_flagged(uow: UnitOfWork, vin: str, version: int, judged: Sequence[readings_of.Judged]) -> None:
    flagged = [one for one in judged if one.flag != readings_of.CREDIBLE]
    for one in await odometer.mark_flagged(uow.session, vin, flagged, uow.now):
        uow.emit(events.odometer_flagged(vin, version, one))


async def _tell_due(uow: UnitOfWork, vin: str, version: int, standing: Standing, notice_days: int) -> None:
    due = standing.next
    if due is None or not rules.to_be_told(due, uow.now, notice_days):
        return
    if await repository.mark(uow.session, vin, due.anchor, due.number, uow.now):
        uow.emit(events.maintenance_due(vin, version, standing.dealer, due))


async def watch(uow: UnitOfWork, vin: str) -> None:
    """A moment has come at which something of a car changes by time alone: it is to be looked at."""
    await look_later(uow, [vin])


async def sweep(uow: UnitOfWork, key: str) -> None:
    """Makes the look at the next cars of a market due. The key is `<market>/<plan written>/<last car seen>`."""
    market, written, after = key.split("/", 2)
    found, last = await repository.look_at_market(uow.session, market, after, _STEP)
    if last:
        await uow.schedule(LOOK, str(found), uow.now)
        await uow.schedule(SWEEP, f"{market}/{written}/{last}", uow.now)


async def put_plan(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Writes a plan. One whose first day is past changes only in its last."""
    async with uow:
        plan, added = await repository.put_plan(uow.session, {**values, "update_time": uow.now})
        changed = tuple(values)
        if not added:
            changed = tuple(name for name, value in values.items() if getattr(plan, name) != value)
            if set(changed) - {"effective_before"} and plan.effective_from <= uow.now.date():
                raise MaintenancePlanInForce()
            for name in changed:
                setattr(plan, name, values[name])
            if changed:
                plan.update_time = uow.now
        await uow.flush()
        if changed:
            await uow.schedule(SWEEP, f"{plan.market}/{uow.now.isoformat()}/", uow.now)
            uow.audit("put", "maintenance_plan", f"{plan.plan_code}/{plan.effective_from}", changed)
        return await uow.answer(plan)
