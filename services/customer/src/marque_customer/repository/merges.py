"""Merges of customers, standing and undone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer, CustomerMerge
from marque_customer.repository.sight import visible_to

MERGES = CustomerMerge.__table__


async def find(session: AsyncSession, principal: Principal, merge_id: uuid.UUID) -> CustomerMerge | None:
    """Returns a merge whose survivor is in sight, read anew."""
    survivor = sa.select(Customer.customer_id).where(
        Customer.customer_id == sa.func.customer_root(CustomerMerge.customer_id), visible_to(principal)
    )
    query = sa.select(CustomerMerge).where(CustomerMerge.merge_id == merge_id, survivor.exists())
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def standing(session: AsyncSession, gone: uuid.UUID) -> CustomerMerge | None:
    """Returns the merge by which a customer stands for another."""
    query = sa.select(CustomerMerge).where(
        CustomerMerge.merged_customer_id == gone, CustomerMerge.unmerge_time.is_(None)
    )
    return (await session.scalars(query)).one_or_none()


async def page(
    session: AsyncSession,
    family: Sequence[uuid.UUID],
    page: Page,
    descending: bool,
    after: tuple[datetime, uuid.UUID] | None,
) -> Sequence[sa.Row[Any]]:
    """Returns a page of the merges in which some customers took part, and one more."""
    columns = MERGES.c
    order = (columns.merge_time, columns.merge_id)
    part = sa.or_(columns.customer_id.in_(family), columns.merged_customer_id.in_(family))
    query = sa.select(MERGES).where(part)
    if after is not None:
        query = query.where(sa.tuple_(*order) < after if descending else sa.tuple_(*order) > after)
    query = query.order_by(*(column.desc() if descending else column for column in order)).limit(page.size + 1)
    return (await session.execute(query)).all()
