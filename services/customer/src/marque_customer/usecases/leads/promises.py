"""What was promised to the person of a lead: price, gift, date, and by whom."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid

from marque_customer.errors import PromiseNotFound, PromisesFull
from marque_customer.mapping.interactions import staff_of
from marque_customer.models import LeadPromise
from marque_customer.repository import leads as repository
from marque_customer.usecases.leads import common

MOST = 100


async def add(*, uow: UnitOfWork, lead_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Writes a promise down. Raises LeadNotFound, LeadClosed, PromisesFull."""
    async with uow:
        lead, _ = await common.found(uow, lead_id)
        lead.require_open()
        if await repository.promise_count(uow.session, lead_id) >= MOST:
            raise PromisesFull(most=MOST)
        promise = LeadPromise(
            promise_id=new_uuid(),
            lead_id=lead_id,
            customer_id=lead.customer_id,
            staff_id=staff_of(uow.principal),
            state=LeadPromise.OPEN,
            create_time=uow.now,
            **values,
        )
        uow.add(promise)
        common.write_down(uow, lead, "PROMISED")
        uow.audit("promise", "lead", str(lead_id))
        return await uow.answer(promise)


async def settle(*, uow: UnitOfWork, lead_id: uuid.UUID, promise_id: uuid.UUID, kept: bool) -> Any:
    """Says that a promise was kept, or not. Raises LeadNotFound, PromiseNotFound, PromiseSettled."""
    async with uow:
        lead, _ = await common.found(uow, lead_id)
        promise = await repository.promise(uow.session, lead_id, promise_id)
        if promise is None:
            raise PromiseNotFound(promise_id=promise_id)
        promise.settle(kept, uow.now)
        common.write_down(uow, lead, "PROMISE_KEPT" if kept else "PROMISE_BROKEN")
        uow.audit("settle_promise", "lead", str(lead_id))
        return await uow.answer(promise)
