"""What is said of orders: taken or parked, and what orders come to by it. Everything here runs under `car_orders.hold`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_vehicle import events
from marque_vehicle.errors import CarOrderNotFound
from marque_vehicle.events import car_orders as told
from marque_vehicle.models import CarOrder, CatalogueModel, PlantMessage, Sale, Vehicle, VehicleSearch
from marque_vehicle.repository import bulk, catalogue
from marque_vehicle.repository import car_orders as repository
from marque_vehicle.repository import plant_messages as messages
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules import plant

LATE = "car_order.late"
_LONGEST_RING = 100  # orders that give each other their cars; more are not one mistake of a plant
_EVERYTHING = Scope(everything=True)


async def take(uow: UnitOfWork, said: Sequence[PlantMessage], orders: dict[str, CarOrder]) -> None:
    """Judges messages against the orders that they are about (those that are known), and works these orders out anew.

    Where by that an order gives up a car for which another's message waits, that one follows; orders that give each other their cars
    follow together.
    """
    touched = {one.vin for one in said if one.vin}
    changed: dict[str, CarOrder] = {}
    judged = False
    while said:
        if not judged:
            await _judge(uow, said, orders)
        moved = {one.order_code: orders[one.order_code] for one in said if one.order_code in orders}
        touched |= {order.vin for order in moved.values()}
        changed |= await _work_out(uow, moved)
        said = await _freed(uow, touched)
        judged = not said
        said = said or await _exchanged(uow, moved)
        orders = await repository.lock_by_code(uow.session, {one.order_code for one in said})
    for order in changed.values():
        uow.emit(told.order_stage_changed(order), of=order)


async def follow(uow: UnitOfWork, vins: Iterable[str]) -> None:
    """Takes the messages that waited for cars which are free now."""
    said = await _freed(uow, vins)
    await take(uow, said, await repository.lock_by_code(uow.session, {one.order_code for one in said}))


async def _judge(uow: UnitOfWork, said: Sequence[PlantMessage], orders: dict[str, CarOrder]) -> None:
    taken = await repository.holders(uow.session, [one.vin for one in said])
    for one in said:
        order = orders.get(one.order_code)
        one.park_reason = ""
        if order is None:
            one.park_reason = plant.ORDER_UNKNOWN
        elif order.state == CarOrder.CANCELLED:
            one.park_reason = plant.ORDER_CANCELLED
        elif one.vin and taken.setdefault(one.vin, one.order_code) != one.order_code:
            one.park_reason = plant.VIN_TAKEN
        one.state = PlantMessage.PARKED if one.park_reason else PlantMessage.APPLIED
    await uow.flush()


async def _freed(uow: UnitOfWork, vins: Iterable[str]) -> list[PlantMessage]:
    waiting = await messages.waiting_for_cars(uow.session, vins)
    taken = await repository.holders(uow.session, [one.vin for one in waiting]) if waiting else {}
    return [one for one in waiting if one.vin not in taken]


async def _exchanged(uow: UnitOfWork, codes: Iterable[str]) -> list[PlantMessage]:
    """Takes the messages by which some order and others give each other their cars in a ring; none where there is no ring."""
    for code in sorted(codes):
        found = await _ring(uow, code)
        for one in found:
            one.state, one.park_reason = PlantMessage.APPLIED, ""
        if found:
            await uow.flush()
            return found
    return []


async def _ring(uow: UnitOfWork, start: str) -> list[PlantMessage]:
    """Walks from an order to the one that has the car it waits for, and on, until it comes back; the messages that wait along the way."""
    ring: dict[str, list[PlantMessage]] = {}
    code = start
    while code not in ring and len(ring) < _LONGEST_RING:
        order = (await repository.lock_by_code(uow.session, [code])).get(code)
        waiting = [one for one in await messages.waiting_for(uow.session, code) if one.park_reason == plant.VIN_TAKEN]
        if order is None or not order.may_exchange or not waiting:
            return []
        said = (await messages.applied(uow.session, [code])).get(code, [])
        wanted = plant.progress([*said, *waiting]).vin
        ring[code] = [one for one in waiting if one.vin == wanted]
        code = (await repository.holders(uow.session, [wanted])).get(wanted, "")
    return [one for each in ring.values() for one in each] if code == start and len(ring) > 1 else []


async def _work_out(uow: UnitOfWork, orders: dict[str, CarOrder]) -> dict[str, CarOrder]:
    """Works orders out from all that counts of them; returns those that changed."""
    said = await messages.applied(uow.session, orders)
    late = await repository.told_late(uow.session, [one.order_id for one in orders.values()])
    zones = await repository.zones(uow.session, [one.dealer_id for one in orders.values()])
    changed: dict[str, CarOrder] = {}
    fresh: list[CarOrder] = []
    stands = {code: plant.progress(said.get(code, ())) for code in orders}
    # The database lets no two orders have one car, and rows are written one after another: a car is given up before another gets it.
    await repository.give_up(uow.session, [one.order_id for code, one in orders.items() if one.vin != stands[code].vin])
    for code, order in orders.items():
        fields = order.progress(stands[code])
        if not fields:
            continue
        changed[code] = order
        if "promised_date" in fields:
            order.late = (order.order_id, order.promised_date) in late
            if order.promised_date is not None:
                broken = plant.broken_at(order.promised_date, zones.get(order.dealer_id, ""))
                await uow.schedule(LATE, str(order.order_id), broken)
        if "vin" in fields and order.vin:
            fresh.append(order)
    await uow.flush()
    await _register(uow, fresh)
    return changed


async def _register(uow: UnitOfWork, orders: Sequence[CarOrder]) -> None:
    """Registers the cars that orders were given, and relates them to their dealers; one that is known stays as it is."""
    if not orders:
        return
    models = await catalogue.known_models(uow.session, [one.model_code for one in orders])
    rows = {one.vin: _car(one, models[one.model_code], uow.now) for one in orders}
    inserted = await bulk.insert_new(uow.session, Vehicle, [rows[vin] for vin in sorted(rows)], "vin")
    searched = [VehicleSearch.columns_of(vin, "", "") for vin in sorted(inserted)]
    await bulk.insert_new(uow.session, VehicleSearch, searched, "vin")
    await bulk.relate_all(uow.session, [(one.dealer_id, one.vin) for one in orders])
    for vin in sorted(inserted):
        event = events.vehicle_registered(
            Vehicle(**{name: rows[vin][name] for name in ("vin", "make", "model", "model_year", "market", "status")})
        )
        event.aggregate_version = 1
        uow.emit(event)
        uow.audit("create", "vehicle", vin)


def _car(order: CarOrder, model: CatalogueModel, moment: datetime) -> dict[str, Any]:
    return {
        "vin": order.vin, "version": 1, "create_time": moment, "update_time": moment, "engine_number": "", "make": model.make,
        "series": model.series, "model": model.model, "model_year": model.model_year, "trim": order.trim_code, "exterior_colour": "",
        "interior_colour": "", "option_codes": order.option_codes, "plant": order.plant, "plate_number": "", "market": order.market,
        "use": 0, "energy": model.energy, "status": Vehicle.IN_STOCK, "odometer_km": 0,
    }  # fmt: skip


def say(order: CarOrder, source: int, message_id: str, stage: int, reached: datetime, moment: datetime) -> PlantMessage:
    """Returns what somebody other than the plant says of an order."""
    return PlantMessage(
        message_id=message_id, order_code=order.order_code, stage=stage, reach_time=reached, vin="", plant="", station="",
        source=source, state=PlantMessage.APPLIED, park_reason="", receive_time=moment,
    )  # fmt: skip


async def sold(uow: UnitOfWork, sale: Sale) -> None:
    """Takes a new sale of an order's car. Raises CarOrderNotFound, CarOrderClosed, CarOrderOfAnotherCar."""
    order = await repository.lock_order(uow.session, _EVERYTHING, sale.order_id) if sale.order_id else None
    if order is None:
        raise CarOrderNotFound()
    order.check_sellable(sale.dealer_id, sale.vin)
    order.sale_id = sale.sale_id
    await _deliver(uow, sale, order)


async def delivered(uow: UnitOfWork, sale: Sale) -> None:
    """Takes another day of delivery of a sale that names an order."""
    order = await repository.lock_order(uow.session, _EVERYTHING, sale.order_id) if sale.order_id else None
    if order is not None and order.sale_id == sale.sale_id:
        await messages.forget(uow.session, _of(sale))
        await _deliver(uow, sale, order)


async def _deliver(uow: UnitOfWork, sale: Sale, order: CarOrder) -> None:
    said = []
    if sale.delivery_date is not None:
        said.append(say(order, PlantMessage.SALE, _of(sale), plant.DELIVERED, sale.start_time, uow.now))
        uow.add(*said)
    await uow.flush()
    await take(uow, said, {order.order_code: order})


async def unsold(uow: UnitOfWork, sale: Sale) -> None:
    """Takes back what a sale said of its order."""
    order = await repository.lock_order(uow.session, _EVERYTHING, sale.order_id) if sale.order_id else None
    if order is not None and order.sale_id == sale.sale_id:
        order.sale_id = None
        await messages.forget(uow.session, _of(sale))
        for one in (await _work_out(uow, {order.order_code: order})).values():
            uow.emit(told.order_stage_changed(one), of=one)


def _of(sale: Sale) -> str:
    return f"sale/{sale.sale_id}"


async def tell_late(uow: UnitOfWork, key: str) -> datetime | None:
    """Says once of each promise that it was broken; of one that was made anew, later."""
    order = await repository.lock_order(uow.session, _EVERYTHING, uuid.UUID(key))
    if order is None or not order.waits_for_car or order.promised_date is None:
        return None
    zone = (await repository.zones(uow.session, [order.dealer_id])).get(order.dealer_id, "")
    broken = plant.broken_at(order.promised_date, zone)
    if broken > uow.now:
        return broken
    if await repository.tell_late(uow.session, order.order_id, order.promised_date, uow.now):
        order.late = True
        await uow.flush()
        uow.emit(told.order_late(order), of=order)
    return None
