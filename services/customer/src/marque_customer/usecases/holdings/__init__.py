"""What else customers have: written, renewed, ended, imported."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_customer.errors import CustomerNotFound, HoldingNotFound
from marque_customer.mapping.holdings import changed, refuse_disordered
from marque_customer.models import Holding
from marque_customer.repository import customers
from marque_customer.repository import holdings as repository


async def create(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Writes a holding. Raises CustomerNotFound, CustomerErased, CustomerMerged."""
    async with uow:
        customer = await customers.find(uow.session, uow.principal, values["customer_id"], lock=True)
        if customer is None:
            raise CustomerNotFound(customer_id=values["customer_id"])
        customer.refuse_if_gone()
        holding = Holding(create_time=uow.now, source=uow.principal.subject, **values)
        uow.add(holding)
        await say(uow, holding, "create")
        return await uow.answer(holding)


async def renew(
    *,
    uow: UnitOfWork,
    holding_id: uuid.UUID,
    etag: str,
    end_date: date | None,
    renewal_date: date | None,
    value: tuple[str, int] | None,
) -> Any:
    """Lets a holding go on. Raises HoldingNotFound, HoldingEnded, EtagMismatch, InvalidArgument."""
    async with uow:
        holding = await _found(uow, holding_id, etag)
        holding.require_active()
        refuse_disordered(holding.start_date, end_date, renewal_date)
        holding.renew(end_date, renewal_date or end_date, value)
        await say(uow, holding, "renew")
        return await uow.answer(holding)


async def end(*, uow: UnitOfWork, holding_id: uuid.UUID, etag: str, state: int, reason: str) -> Any:
    """Ends a holding. Raises HoldingNotFound, HoldingEnded, EtagMismatch."""
    async with uow:
        holding = await _found(uow, holding_id, etag)
        holding.close(state, reason, uow.now)
        await say(uow, holding, "end")
        return await uow.answer(holding)


async def say(uow: UnitOfWork, holding: Holding, action: str) -> None:
    """Tells that a holding is other than before."""
    await uow.flush()
    uow.emit(changed(holding), of=holding)
    uow.audit(action, "holding", str(holding.holding_id))


async def _found(uow: UnitOfWork, holding_id: uuid.UUID, etag: str) -> Holding:
    holding = await repository.locked(uow.session, uow.principal, holding_id)
    if holding is None:
        raise HoldingNotFound(holding_id=holding_id)
    holding.check_etag(etag)
    return holding
