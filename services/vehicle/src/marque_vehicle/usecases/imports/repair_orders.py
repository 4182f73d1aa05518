"""Importing repair orders, keyed by dealer and number. An open one may be told anew until it is closed; a closed one stands."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import repair_order_import_rows_pb2
from servicekit.bulk.rows import CREATED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork, Work
from servicekit.ids import new_uuid

from marque_vehicle import events
from marque_vehicle.clients import Customers
from marque_vehicle.mapping.repair_orders import stage_entry
from marque_vehicle.models import RepairOrder, Vehicle
from marque_vehicle.repository import bulk, visits
from marque_vehicle.repository import scope as scopes
from marque_vehicle.rules import days, stages
from marque_vehicle.rules import lines as line_rules
from marque_vehicle.usecases import lemon, maintenance, recalls, stays
from marque_vehicle.usecases.imports.lines import read_lines
from marque_vehicle.usecases.imports.reading import Reading, ordered, waves
from marque_vehicle.usecases.imports.shared import Dealers, dealers_of, take_customers, take_dealer

_SLACK = timedelta(days=1)
# What a row may tell anew of an open order; what it leaves empty stays as known.
_TOLD = (
    "customer_id", "promised_time", "close_time", "adviser_employee_number", "odometer_in_km", "odometer_out_km", "fault_description",
    "comeback", "wrong_order", "currency", "lines", "totals", "source_key",
)  # fmt: skip


class RepairOrderImporter:
    """Repair orders. In a file, rows of one key that follow each other are the lines of one order: `group_by` tells the kit so."""

    kind = "repair-orders"
    permission = "vehicle.repair_orders.import"
    row: type[Message] = repair_order_import_rows_pb2.RepairOrderImportRow
    group_by = ("dealer_code", "number")

    def __init__(self, work: Work, customers: Customers) -> None:
        self._work = work
        self._customers = customers

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk. Neighbours are asked before the first statement, while no transaction holds anything."""
        scope = await scopes.visible_to(self._work.reader, options.principal)
        dealers = await dealers_of(self._work.reader, scope, rows)
        readings = [_read(row, dealers, options.source, uow.now) for row in rows]
        asked = (self._customers, scope.asks_for, options.source)
        await take_customers(*asked, readings, rows, "customer_id", required=False)
        outcomes = {place: reading.rejected for place, reading in enumerate(readings) if reading.violations}
        good = [(place, reading) for place, reading in enumerate(readings) if not reading.violations]
        for wave in waves(good, lambda one: one[1].key):
            await _apply(uow, scope, wave, outcomes)
        return ordered(readings, outcomes)


def _read(row: Any, dealers: Dealers, source: str, now: datetime) -> Reading:
    found = Reading(row.row)
    values = found.values
    number = row.number.strip()
    found.key = f"{row.dealer_code.strip()}/{number}"
    zone = take_dealer(found, row.dealer_code, dealers)
    currency = row.currency_code.strip().upper()
    lines = read_lines(found, row.lines, currency)
    values |= {
        "number": number,
        "vin": found.vin(row.vin, None),
        "open_time": found.moment("open_time", row.open_time, zone),
        "promised_time": found.moment("promised_time", row.promised_time, zone),
        "close_time": found.moment("close_time", row.close_time, zone),
        "adviser_employee_number": row.adviser_employee_number.strip(),
        "odometer_in_km": row.odometer_in_km,
        "odometer_out_km": row.odometer_out_km,
        "fault_description": row.fault_description.strip(),
        "comeback": row.comeback,
        "wrong_order": row.wrong_order,
        "currency": currency if lines else "",
        "lines": lines,
        "totals": line_rules.totals(lines),
        "source": source,
        "source_key": row.source_key.strip(),
    }
    _check(found, row, now)
    return found


def _check(found: Reading, row: Any, now: datetime) -> None:
    values = found.values
    opened, closed = values["open_time"], values["close_time"]
    if not row.open_time.strip():
        found.refuse("open_time", "REQUIRED", "Say when the car was checked in.")
    for name in ("open_time", "close_time"):
        if values[name] is not None and values[name] > now + _SLACK:
            found.refuse(name, "TIME_IN_FUTURE", "Give a moment that is not in the future.")
    if opened and closed and closed < opened:
        found.refuse("close_time", "CLOSE_BEFORE_OPEN", "The order cannot be closed before it was opened.")
    if closed and not values["lines"]:
        found.refuse("lines", "LINES_MISSING", "A closed order has a line at least.")
    if row.odometer_out_km and row.odometer_out_km < row.odometer_in_km:
        found.refuse("odometer_out_km", "ODOMETER_OUT_BELOW_IN", "The odometer on leaving is below that on arrival.")
    if closed and not row.odometer_out_km:
        values["odometer_out_km"] = row.odometer_in_km


async def _apply(
    uow: UnitOfWork, scope: scopes.Scope, wave: list[tuple[int, Reading]], outcomes: dict[int, RowOutcome]
) -> None:
    cars = await visits.lock_cars(uow.session, [reading.values["vin"] for _, reading in wave])
    known = await visits.known(uow.session, [_key(reading) for _, reading in wave])
    fresh: list[tuple[int, Reading]] = []
    changed: list[tuple[RepairOrder, bool]] = []
    for place, reading in wave:
        order = known.get(_key(reading))
        if order is not None:
            outcomes[place] = _again(reading, order, changed)
        elif _acceptable(reading, cars):
            fresh.append((place, reading))
        else:
            outcomes[place] = reading.rejected
    await uow.flush()
    for order, closed in changed:
        if closed:
            uow.emit(events.repair_order_closed(order), of=order)
        uow.audit("import", "repair_order", str(order.repair_order_id))
    await recalls.remedied_by(uow, [order for order, closed in changed if closed])
    await lemon.look_later(uow, [order for order, _ in changed])
    await _insert(uow, await stays.judge(uow.session, scope, [reading for _, reading in fresh], uow.now))
    for place, reading in fresh:
        outcomes[place] = reading.rejected if reading.violations else reading.outcome(CREATED)
    await _read_odometers(uow, [reading for _, reading in wave if not reading.violations], cars)
    await maintenance.look_later(uow, {reading.values["vin"] for _, reading in wave if not reading.violations})


def _key(reading: Reading) -> tuple[uuid.UUID, str]:
    return reading.values["dealer_id"], reading.values["number"]


def _acceptable(reading: Reading, cars: dict[str, Any]) -> bool:
    car = cars.get(reading.values["vin"])
    if car is None:
        reading.refuse("vin", "VEHICLE_NOT_FOUND", "The car is not registered.")
    elif car.status == Vehicle.SCRAPPED and reading.values["close_time"] is None:
        reading.refuse("vin", "VEHICLE_SCRAPPED", "The car is scrapped; nothing more is opened for it.")
    elif not days.after_building(reading.values["open_time"], car.build_date):
        reading.refuse("open_time", "REPAIR_BEFORE_BUILD", "The car was not built yet.")
    return not reading.violations


def _again(reading: Reading, order: RepairOrder, changed: list[tuple[RepairOrder, bool]]) -> RowOutcome:
    """Meets a known order: takes what is new of an open one."""
    values = reading.values
    if order.vin != values["vin"]:
        reading.refuse("vin", "REPAIR_ORDER_DIFFERS", "The order is known for another car.")
        return reading.rejected
    news = {
        name: values[name]
        for name in _TOLD
        if values[name] not in (None, "", 0, False, []) and getattr(order, name) != values[name]
    }
    if not news:
        return reading.outcome(UNCHANGED)
    if order.state != RepairOrder.OPEN:
        reading.refuse("number", "REPAIR_ORDER_CLOSED", "The order is closed and stands as it is.")
        return reading.rejected
    for name, value in news.items():
        setattr(order, name, value)
    if values["close_time"] is not None:
        order.state, order.stage = RepairOrder.CLOSED, stages.COLLECTED
        order.stage_history = [*order.stage_history, stage_entry(stages.COLLECTED, values["close_time"], None)]
    changed.append((order, values["close_time"] is not None))
    return reading.outcome(UPDATED)


async def _insert(uow: UnitOfWork, readings: list[Reading]) -> None:
    if not readings:
        return
    for reading in readings:
        values, closed = reading.values, reading.values["close_time"]
        history = [stage_entry(stages.CHECKED_IN, values["open_time"], values["promised_time"])]
        values |= {
            "repair_order_id": new_uuid(),
            "version": 1,
            "create_time": uow.now,
            "update_time": uow.now,
            "state": RepairOrder.CLOSED if closed else RepairOrder.OPEN,
            "stage": stages.COLLECTED if closed else stages.CHECKED_IN,
            "stage_history": [*history, stage_entry(stages.COLLECTED, closed, None)] if closed else history,
        }
    rows = [reading.values for reading in readings]
    await visits.insert(uow.session, rows)
    await bulk.relate_all(uow.session, [(row["dealer_id"], row["vin"]) for row in rows])
    orders = [SimpleNamespace(**row, adviser_staff_id=None) for row in rows]
    for order in orders:
        told: list[Any] = [events.repair_order_opened(order)]
        told += [events.repair_order_closed(order)] if order.close_time else []
        for event in told:
            event.aggregate_version = 1
            uow.emit(event)
        uow.audit("import", "repair_order", str(order.repair_order_id))
    await recalls.remedied_by(uow, [order for order in orders if order.close_time])
    await lemon.look_later(uow, orders)


async def _read_odometers(uow: UnitOfWork, readings: list[Reading], cars: dict[str, Any]) -> None:
    """Takes the latest reading of each car; one that goes back is kept with its order and does not become the car's."""
    best: dict[str, tuple[datetime, int]] = {}
    for reading in readings:
        values = reading.values
        km = max(values["odometer_in_km"], values["odometer_out_km"])
        moment = values["close_time"] or values["open_time"]
        car = cars[values["vin"]]
        floor = best.get(car.vin, (car.odometer_time, car.odometer_km))
        if km > floor[1] and (floor[0] is None or moment >= floor[0]):
            best[car.vin] = (moment, km)
    await visits.read_odometers(uow.session, [(vin, km, moment) for vin, (moment, km) in best.items()])
