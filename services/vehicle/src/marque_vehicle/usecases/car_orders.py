"""Orders for cars: placing, changing, calling off, receiving. Each holds `car_orders.hold`, so that the plant's word is not missed."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from servicekit.ids import new_uuid

from marque_vehicle.errors import CarOrderNotFound
from marque_vehicle.events import car_orders as told
from marque_vehicle.models import CarOrder, PlantMessage
from marque_vehicle.repository import car_orders as repository
from marque_vehicle.repository import plant_messages as messages
from marque_vehicle.repository.scope import Scope
from marque_vehicle.usecases import plant
from marque_vehicle.usecases.catalogue import judge

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that is read for another
_CODE_LENGTH = 10
_AHEAD = timedelta(hours=1)  # a clock at the plant or a dealer may run before ours
_CONFIGURATION = {"trim_code", "option_codes"}


def new_code() -> str:
    """Returns a code for an order: fifty bits by chance, so that nobody counts the orders of a dealer."""
    return "CO-" + "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))


def check_reached(moment: datetime, now: datetime, field: str) -> None:
    """Raises InvalidArgument for a moment that is still to come."""
    if moment > now + _AHEAD:
        raise InvalidArgument.of(field, "TIME_IN_FUTURE", "Give a moment that is not in the future.")


async def place(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Orders a car. `values` are columns; dealer and customer are checked, the configuration is judged here."""
    async with uow:
        await repository.hold(uow.session)
        day = uow.now.date()
        asked = (values["model_code"], values["trim_code"], values["option_codes"], values["market"])
        _, currency, price = await judge(uow, *asked, day)
        order = CarOrder(
            **{**values, "order_code": values["order_code"] or new_code()}, order_date=day, currency=currency, list_price=price,
            stage_time=uow.now, tracking_code=_tracking_code(), create_time=uow.now,
        )  # fmt: skip
        uow.add(order)
        await uow.flush()
        waiting = await messages.waiting_for(uow.session, order.order_code)
        if waiting:
            await plant.take(uow, waiting, {order.order_code: order})
        else:
            uow.emit(told.order_stage_changed(order), of=order)
        uow.audit("create", "car_order", str(order.order_id))
        return await uow.answer(order)


def _tracking_code() -> str:
    return secrets.token_urlsafe(16)


async def _locked(uow: UnitOfWork, scope: Scope, order_id: uuid.UUID, etag: str) -> CarOrder:
    await repository.hold(uow.session)
    order = await repository.lock_order(uow.session, scope, order_id)
    if order is None:
        raise CarOrderNotFound()
    order.check_etag(etag)
    return order


async def update(*, uow: UnitOfWork, scope: Scope, order_id: uuid.UUID, values: dict[str, Any], etag: str) -> Any:
    """Changes customer or configuration. Another customer gets another tracking code: the one before does not go on following."""
    async with uow:
        order = await _locked(uow, scope, order_id, etag)
        order.check_open()
        former = order.customer_id
        changed = order.change(values)
        if _CONFIGURATION & set(changed):
            order.check_not_in_build()
            asked = (order.model_code, order.trim_code, order.option_codes, order.market)
            _, order.currency, order.list_price = await judge(uow, *asked, order.order_date)
        if order.customer_id != former:
            order.tracking_code = _tracking_code()
        await uow.flush()
        if changed:
            uow.emit(told.order_stage_changed(order), of=order)
            uow.audit("update", "car_order", str(order_id), tuple(changed))
        return await uow.answer(order)


async def cancel(*, uow: UnitOfWork, scope: Scope, order_id: uuid.UUID, reason: str, etag: str) -> Any:
    """Calls an order off; its car is free for another."""
    async with uow:
        order = await _locked(uow, scope, order_id, etag)
        order.cancel(reason)
        await uow.flush()
        uow.emit(told.order_stage_changed(order), of=order)
        await plant.follow(uow, [order.vin])
        uow.audit("cancel", "car_order", str(order_id))
        return await uow.answer(order)


async def receive(
    *, uow: UnitOfWork, scope: Scope, order_id: uuid.UUID, stage: int, reached: datetime | None, etag: str
) -> Any:
    """Takes the dealer's word that the car has come, or was handed over; what it says already is not said again."""
    async with uow:
        moment = reached or uow.now
        check_reached(moment, uow.now, "reach_time")
        order = await _locked(uow, scope, order_id, etag)
        if order.stage != stage:
            order.check_open()
            said = plant.say(order, PlantMessage.DEALER, f"dealer/{new_uuid()}", stage, moment, uow.now)
            uow.add(said)
            await plant.take(uow, [said], {order.order_code: order})
            if order.stage != stage:
                raise InvalidArgument.of(
                    "reach_time", "TIME_BEFORE_LATEST", "Something later is known of the car; give a later moment."
                )
            uow.audit("receive", "car_order", str(order_id))
        return await uow.answer(order)
