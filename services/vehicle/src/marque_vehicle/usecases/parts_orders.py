"""Parts that stations order: promised, arrived, called off."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_vehicle.errors import PartsOrderNotFound, RepairOrderNotFound
from marque_vehicle.events import claims as events
from marque_vehicle.models import PartsOrder
from marque_vehicle.repository import parts_orders as repository
from marque_vehicle.repository import repair_orders
from marque_vehicle.repository.scope import Scope

_CLOCK_SLACK = timedelta(minutes=5)


async def place(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Orders a part; a repair order that waits for it is open and of the same station."""
    async with uow:
        if values["repair_order_id"] is not None:
            station = Scope(dealers=(values["dealer_id"],))
            waiting = await repair_orders.lock_repair_order(uow.session, station, values["repair_order_id"])
            if waiting is None:
                raise RepairOrderNotFound(repair_order_id=values["repair_order_id"])
            waiting.check_open()
        order = PartsOrder(**values, order_time=uow.now)
        order.number = order.number or await repository.next_number(uow.session)
        uow.add(order)
        await uow.flush()
        uow.audit("place", "parts_order", str(order.parts_order_id))
        return await uow.answer(order)


async def _locked(uow: UnitOfWork, scope: Scope, parts_order_id: uuid.UUID, etag: str) -> PartsOrder:
    order = await repository.lock_order(uow.session, scope, parts_order_id)
    if order is None:
        raise PartsOrderNotFound()
    order.check_etag(etag)
    return order


async def _adviser(uow: UnitOfWork, order: PartsOrder) -> uuid.UUID | None:
    """The adviser of the repair order that waits."""
    if order.repair_order_id is None:
        return None
    station = Scope(dealers=(order.dealer_id,))
    waiting = await repair_orders.lock_repair_order(uow.session, station, order.repair_order_id)
    return None if waiting is None else waiting.adviser_staff_id


async def promise(*, uow: UnitOfWork, scope: Scope, parts_order_id: uuid.UUID, day: date, etag: str) -> Any:
    """Says on which day it will be there."""
    async with uow:
        order = await _locked(uow, scope, parts_order_id, etag)
        if order.promise(day):
            adviser = await _adviser(uow, order)
            await uow.flush()
            uow.emit(events.parts_promised(order, adviser), of=order)
            uow.audit("promise", "parts_order", str(parts_order_id))
        return await uow.answer(order)


async def receive(
    *, uow: UnitOfWork, scope: Scope, parts_order_id: uuid.UUID, moment: datetime | None, etag: str
) -> Any:
    """Says that it arrived. Of two parts of one order that arrive at once, the second one knows that it is the last."""
    async with uow:
        order = await _locked(uow, scope, parts_order_id, etag)
        moment = moment or uow.now
        if moment > uow.now + _CLOCK_SLACK:
            raise InvalidArgument.of("arrive_time", "TIME_IN_FUTURE", "Give a moment that is not in the future.")
        adviser = await _adviser(uow, order)  # locks the repair order: parts of it arrive one after another
        order.arrive(moment)
        await uow.flush()
        waiting = order.repair_order_id is not None and await repository.waits(uow.session, order.repair_order_id)
        uow.emit(events.parts_arrived(order, adviser, all_arrived=not waiting), of=order)
        uow.audit("receive", "parts_order", str(parts_order_id))
        return await uow.answer(order)


async def cancel(*, uow: UnitOfWork, scope: Scope, parts_order_id: uuid.UUID, reason: str, etag: str) -> Any:
    """Calls it off."""
    async with uow:
        order = await _locked(uow, scope, parts_order_id, etag)
        order.cancel(reason)
        await uow.flush()
        uow.audit("cancel", "parts_order", str(parts_order_id))
        return await uow.answer(order)
