"""Erasures of persons with what services acknowledged, and restrictions of processing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import CustomerErasure, ErasureAcknowledgement, ProcessingRestriction
from marque_customer.repository.sight import visible_to

_AT_ONCE = 20


async def find(session: AsyncSession, principal: Principal, erasure_id: uuid.UUID) -> CustomerErasure | None:
    """Returns an erasure of a customer in the caller's sight."""
    query = sa.select(CustomerErasure).where(
        CustomerErasure.erasure_id == erasure_id, visible_to(principal, "customer_erasures")
    )
    return (await session.scalars(query)).one_or_none()


async def of_customer(session: AsyncSession, customer_id: uuid.UUID) -> CustomerErasure | None:
    """Returns the erasure of a customer, or None."""
    query = sa.select(CustomerErasure).where(CustomerErasure.customer_id == customer_id)
    return (await session.scalars(query)).one_or_none()


async def page(
    session: AsyncSession, principal: Principal, state: int, descending: bool, page: Page, after: Any
) -> Sequence[CustomerErasure]:
    """Returns erasures in the order of their making, one more than the page holds."""
    key = (CustomerErasure.create_time, CustomerErasure.erasure_id)
    query = sa.select(CustomerErasure).where(visible_to(principal, "customer_erasures"))
    if state:
        query = query.where(CustomerErasure.state == state)
    if after:
        place, last = sa.tuple_(*key), sa.tuple_(*(sa.literal(value) for value in after))
        query = query.where(place < last if descending else place > last)
    order = (column.desc() if descending else column for column in key)
    return list(await session.scalars(query.order_by(*order).limit(page.size + 1)))


async def due(session: AsyncSession, moment: datetime) -> list[CustomerErasure]:
    """Returns erasures for which there is something to do, longest waiting first."""
    query = sa.select(CustomerErasure).where(CustomerErasure.try_time <= moment)
    return list(await session.scalars(query.order_by(CustomerErasure.try_time).limit(_AT_ONCE)))


async def locked(session: AsyncSession, erasure_id: uuid.UUID, number: int) -> CustomerErasure | None:
    """Returns an erasure under lock that is still in a round."""
    query = sa.select(CustomerErasure).where(CustomerErasure.erasure_id == erasure_id, CustomerErasure.round == number)
    return (await session.scalars(query.with_for_update())).one_or_none()


async def acknowledgements(session: AsyncSession, erasure_id: uuid.UUID) -> list[ErasureAcknowledgement]:
    """Returns what services answered, by pass and name."""
    query = sa.select(ErasureAcknowledgement).where(ErasureAcknowledgement.erasure_id == erasure_id)
    order = (ErasureAcknowledgement.pass_, ErasureAcknowledgement.service)
    return list(await session.scalars(query.order_by(*order).execution_options(populate_existing=True)))


async def acknowledge(session: AsyncSession, values: dict[str, Any]) -> None:
    """Keeps what a service answered in a pass; of later rounds of the last pass the newest."""
    row = insert(ErasureAcknowledgement.__table__).values(values)
    keys = ["erasure_id", "pass", "service"]
    newer = {"round": row.excluded.round, "answer": row.excluded.answer}
    await session.execute(row.on_conflict_do_update(index_elements=keys, set_=newer))


async def standing(session: AsyncSession, customer_id: uuid.UUID) -> ProcessingRestriction | None:
    """Returns the restriction of a customer that was not lifted."""
    query = sa.select(ProcessingRestriction).where(
        ProcessingRestriction.customer_id == customer_id, ProcessingRestriction.lift_time.is_(None)
    )
    return (await session.scalars(query)).one_or_none()


async def restrictions(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> int:
    """Returns how many restrictions are kept of persons."""
    query = sa.select(sa.func.count()).where(ProcessingRestriction.customer_id.in_(customer_ids))
    return int(await session.scalar(query) or 0)
