"""Recording and reversing sales. A sale and the ownership that it starts are one transaction."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation

from marque_vehicle import events
from marque_vehicle.errors import (
    OwnershipMovedOn,
    SaleDatesInvalid,
    SaleNotFound,
    VehicleAlreadySold,
    VehicleNotFound,
)
from marque_vehicle.models import Ownership, Sale
from marque_vehicle.repository import car_orders, ownerships, sales, vehicles
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules import days
from marque_vehicle.usecases import maintenance, plant
from marque_vehicle.usecases.ownerships import end_all


def check_days(invoice: date, delivery: date | None, today: date) -> None:
    """Raises SaleDatesInvalid."""
    found = days.problem(invoice, delivery, today)
    if found is not None:
        field, sentence = found
        raise SaleDatesInvalid(violations=[FieldViolation(f"sale.{field}", "SALE_DATES_INVALID", sentence)])


def free_from(ends: dict[str, datetime | None], vin: str, start: datetime) -> bool:
    """Tells whether nobody owns a car at a moment or later; `ends` is what `ownerships.owned_from` returned."""
    if vin not in ends:
        return True
    end = ends[vin]
    return end is not None and end <= start


async def record_sale(*, uow: UnitOfWork, values: dict[str, Any], ends_current: bool) -> Any:
    """Records a sale, puts the car on the road and starts the buyer's ownership. `values` are columns, checked and complete.

    `ends_current`: what goes on of the car ends when the buyer's ownership begins.
    """
    async with uow:
        vin, start = values["vin"], values["start_time"]
        if values.get("order_id"):
            await car_orders.hold(uow.session)
        known = await ownerships.lock(uow.session, [vin])
        vehicle = await vehicles.lock_vehicle(uow.session, vin)
        if vehicle is None:
            raise VehicleNotFound()
        vehicle.check_usable()
        sale = Sale(**values)
        uow.add(sale)
        await (
            uow.flush()
        )  # the invoice number is judged before the car: a double submit of a sale is told as what it is
        if ends_current:
            given_in = await ownerships.going_on(uow.session, vin, start)
            await end_all(uow, given_in, start, known, Ownership.TRADED_IN, sale.sale_id)
        if not free_from(await ownerships.owned_from(uow.session, [vin]), vin, start):
            raise VehicleAlreadySold()
        changed = vehicle.sell(sale.use)
        vehicle.read_odometer(sale.odometer_km, start)
        owner = Ownership(
            vin=vin, customer_id=sale.buyer_customer_id, role=Ownership.OWNER, valid_from=start, known_from=known,
            sale_id=sale.sale_id, source="sale",
        )  # fmt: skip
        uow.add(owner)
        await uow.flush()
        await vehicles.relate(uow.session, [sale.dealer_id], vin, vehicle.update_time)
        if sale.order_id:
            await plant.sold(uow, sale)
        uow.emit(events.sale_recorded(sale, vehicle), of=sale)
        uow.emit(events.ownership_started(owner))
        if changed:
            uow.emit(events.vehicle_updated(vin, vehicle.status, changed), of=vehicle)
        await maintenance.look_later(uow, [vin])
        uow.audit("create", "sale", str(sale.sale_id))
        return await uow.answer(sale)


async def reverse_sale(*, uow: UnitOfWork, scope: Scope, sale_id: uuid.UUID, vin: str, reason: str, etag: str) -> Any:
    """Takes a sale back; the ownership that it started never was, as known from now on, and those that it ended go on."""
    async with uow:
        await car_orders.hold(uow.session)  # before any other lock, as everywhere
        known = await ownerships.lock(uow.session, [vin])
        sale = await sales.lock_sale(uow.session, scope, sale_id)
        if sale is None:
            raise SaleNotFound(sale_id=sale_id)
        sale.check_etag(etag)
        await reverse(uow, sale, reason, known)
        return await uow.answer(sale)


async def reverse(uow: UnitOfWork, sale: Sale, reason: str, known: datetime) -> None:
    """Takes a locked sale back inside the open transaction. Raises SaleAlreadyReversed, OwnershipMovedOn, having changed nothing."""
    owner = await ownerships.of_sale(uow.session, sale.sale_id)
    if owner is not None and owner.valid_until is not None:
        raise OwnershipMovedOn()  # before anything is changed: an import goes on with the next row
    sale.reverse(reason, uow.now)
    if owner is not None:
        owner.void(known)
        uow.emit(events.ownership_ended(owner, owner.valid_from, voided=True))
    await uow.flush()  # the buyer's known time ends before those who go on are judged by the database
    again = [row.reopened(known) for row in await ownerships.ended_by(uow.session, sale.sale_id)]
    await uow.flush()
    uow.add(*again)
    await uow.flush()
    for row in again:
        uow.emit(events.ownership_started(row))
    vehicle = await vehicles.lock_vehicle(uow.session, sale.vin)
    if vehicle is not None and owner is not None and not again and vehicle.status == vehicle.IN_USE:
        changed = vehicle.change({"status": vehicle.IN_STOCK})
        await uow.flush()
        uow.emit(events.vehicle_updated(sale.vin, vehicle.status, changed), of=vehicle)
    await plant.unsold(uow, sale)
    await uow.flush()
    uow.emit(events.sale_reversed(sale), of=sale)
    await maintenance.look_later(uow, [sale.vin])
    uow.audit("reverse", "sale", str(sale.sale_id))
