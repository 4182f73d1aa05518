"""Visits to a workshop: opening, work, closing."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_vehicle import events
from marque_vehicle.errors import RepairOrderNotFound, VehicleNotFound
from marque_vehicle.models import RepairOrder
from marque_vehicle.repository import repair_orders, vehicles
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules import days, stages
from marque_vehicle.rules import lines as line_rules
from marque_vehicle.rules.stays import Stay
from marque_vehicle.usecases import lemon, maintenance, recalls, stays

_CLOCK_SLACK = timedelta(minutes=5)


def _check_not_ahead(moment: datetime, now: datetime, field: str) -> None:
    if moment > now + _CLOCK_SLACK:
        raise InvalidArgument.of(field, "TIME_IN_FUTURE", "Give a moment that is not in the future.")


async def open_repair_order(*, uow: UnitOfWork, scope: Scope, vin: str, values: dict[str, Any], entry: Any) -> Any:
    """Opens an order at stage checked-in; `entry(stage, reached, promised)` makes the stage's record."""
    async with uow:
        values = {**values, "open_time": values["open_time"] or uow.now}
        _check_not_ahead(values["open_time"], uow.now, "repair_order.open_time")
        vehicle = await vehicles.lock_vehicle(uow.session, vin)
        if vehicle is None:
            raise VehicleNotFound()
        vehicle.check_usable()
        if not days.after_building(values["open_time"], vehicle.build_date):
            raise InvalidArgument.of("repair_order.open_time", "REPAIR_BEFORE_BUILD", "The car was not built yet.")
        stay = Stay(values["dealer_id"], values["open_time"], None)
        await stays.check_opening(uow.session, scope, vin, stay, values["lines"], uow.now)
        vehicle.read_odometer(values["odometer_in_km"], values["open_time"], replaced=values["odometer_replaced"])
        lines, currency = values.pop("lines"), values.pop("currency")
        order = RepairOrder(**values, vin=vin, state=RepairOrder.OPEN, stage=stages.CHECKED_IN)
        order.number = order.number or await repair_orders.next_number(uow.session)
        order.stage_history = [entry(stages.CHECKED_IN, order.open_time, order.promised_time)]
        order.replace_lines(lines, currency)
        uow.add(order)
        await uow.flush()
        await vehicles.relate(uow.session, [order.dealer_id], vin, vehicle.update_time)
        await lemon.look_later(uow, [order])
        await maintenance.look_later(uow, [order.vin])
        uow.emit(events.repair_order_opened(order), of=order)
        uow.audit("create", "repair_order", str(order.repair_order_id))
        return await uow.answer(order)


async def _locked(uow: UnitOfWork, scope: Scope, repair_order_id: uuid.UUID, etag: str) -> RepairOrder:
    order = await repair_orders.lock_repair_order(uow.session, scope, repair_order_id)
    if order is None:
        raise RepairOrderNotFound(repair_order_id=repair_order_id)
    order.check_etag(etag)
    return order


async def update_repair_order(
    *,
    uow: UnitOfWork,
    scope: Scope,
    repair_order_id: uuid.UUID,
    values: dict[str, Any],
    hidden: frozenset[str],
    etag: str,
) -> Any:
    """Changes an open order; `hidden` names what the writer cannot see of a line, and so cannot change."""
    async with uow:
        order = await _locked(uow, scope, repair_order_id, etag)
        order.check_open()
        promised = order.promised_time
        if "lines" in values:
            _replace_lines(order, values.pop("lines"), values.pop("currency"), hidden)
        if values.get("odometer_in_km") or values.get("odometer_replaced"):
            await _read_odometer(uow, order, values)
        changed = [name for name, value in values.items() if getattr(order, name) != value]
        for name in changed:
            setattr(order, name, values[name])
        await uow.flush()
        if order.promised_time != promised:
            uow.emit(events.stage_changed(order, uow.now), of=order)
        await lemon.look_later(uow, [order])
        await maintenance.look_later(uow, [order.vin])
        uow.audit("update", "repair_order", str(repair_order_id), tuple(changed))
        return await uow.answer(order)


def _replace_lines(order: RepairOrder, lines: list[dict[str, Any]], currency: str, hidden: frozenset[str]) -> None:
    if hidden:
        lines, currency = line_rules.with_hidden(order.lines, lines, hidden), currency or order.currency
    order.replace_lines(lines, currency)


async def _read_odometer(uow: UnitOfWork, order: RepairOrder, values: dict[str, Any]) -> None:
    vehicle = await vehicles.lock_vehicle(uow.session, order.vin)
    if vehicle is not None:
        km = values.get("odometer_in_km", order.odometer_in_km)
        # A reading of this very visit is corrected, not gone back on.
        same_visit = vehicle.odometer_time == order.open_time
        replaced = values.get("odometer_replaced", order.odometer_replaced) or same_visit
        vehicle.read_odometer(km, order.open_time, replaced=replaced)


async def advance_stage(
    *, uow: UnitOfWork, scope: Scope, repair_order_id: uuid.UUID, stage: int, reached: datetime | None,
    promised: datetime | None, told_owner: bool, etag: str, entry: Any,
) -> Any:  # fmt: skip
    """Goes to another stage."""
    async with uow:
        order = await _locked(uow, scope, repair_order_id, etag)
        reached = reached or uow.now
        _check_not_ahead(reached, uow.now, "reach_time")
        if reached < datetime.fromisoformat(order.stage_history[-1]["reach_time"]):
            raise InvalidArgument.of(
                "reach_time", "REACHED_BEFORE_LAST", "The stage before was reached later than that."
            )
        made = entry(stage, reached, promised or order.promised_time, told_owner=told_owner)
        order.advance(stage, made, promised)
        await uow.flush()
        uow.emit(events.stage_changed(order, reached), of=order)
        uow.audit("advance_stage", "repair_order", str(repair_order_id))
        return await uow.answer(order)


async def close_repair_order(
    *, uow: UnitOfWork, scope: Scope, repair_order_id: uuid.UUID, closed: datetime | None, odometer_out_km: int,
    lines: list[dict[str, Any]], currency: str, etag: str,
) -> Any:  # fmt: skip
    """Closes an order with its final lines."""
    async with uow:
        order = await _locked(uow, scope, repair_order_id, etag)
        closed = closed or uow.now
        _check_not_ahead(closed, uow.now, "close_time")
        if lines:
            order.replace_lines(lines, currency)
        order.close(closed, odometer_out_km)
        vehicle = await vehicles.lock_vehicle(uow.session, order.vin)
        await stays.check_closing(uow.session, order)
        if vehicle is not None:
            vehicle.read_odometer(max(order.odometer_out_km, vehicle.odometer_km), closed)
        await uow.flush()
        uow.emit(events.repair_order_closed(order, vehicle), of=order)
        await recalls.remedied_by(uow, [order])
        await lemon.look_later(uow, [order])
        await maintenance.look_later(uow, [order.vin])
        uow.audit("close", "repair_order", str(repair_order_id))
        return await uow.answer(order)
