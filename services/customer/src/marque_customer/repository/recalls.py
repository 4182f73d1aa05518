"""SQL of asking again: what persons of lost leads said, and the report by dealer."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import LeadRecall, Task
from marque_customer.repository.leads import visible_to as scoped

_recalls: sa.Table = LeadRecall.__table__  # type: ignore[assignment]
REPORTED = 5000


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """What a caller may see: who may ask at all is the maker's, a region's for its dealers."""
    return scoped(principal, _recalls.c.dealer_id)


async def open_task(session: AsyncSession, lead_id: uuid.UUID) -> Task | None:
    """Returns the task to ask the person of a lead again, to change."""
    query = sa.select(Task).where(Task.lead_id == lead_id, Task.kind == Task.RECALL, Task.state == Task.OPEN)
    return (await session.scalars(query.order_by(Task.task_id).limit(1).with_for_update())).one_or_none()


async def known(session: AsyncSession, lead_id: uuid.UUID) -> bool:
    """Tells whether the person of a lead was asked already."""
    return await session.get(LeadRecall, lead_id) is not None


async def page(
    session: AsyncSession,
    principal: Principal,
    dealer_id: uuid.UUID | None,
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of what persons said, and one more."""
    c = _recalls.c
    query = sa.select(_recalls).where(visible_to(principal))
    if dealer_id is not None:
        query = query.where(c.dealer_id == dealer_id)
    key = sa.tuple_(c.create_time, c.lead_id)
    if after is not None:
        query = query.where(key < after if descending else key > after)
    order = (c.create_time.desc(), c.lead_id.desc()) if descending else (c.create_time, c.lead_id)
    return (await session.execute(query.order_by(*order).limit(page.size + 1))).all()


async def report(
    session: AsyncSession, principal: Principal, dealer_id: uuid.UUID | None, since: datetime
) -> Sequence[Any]:
    """Returns `dealer_id, called, reached, agreeing, reopened` by dealer."""
    c = _recalls.c
    count = sa.func.count
    query = sa.select(
        c.dealer_id,
        count().label("called"),
        count().filter(c.reached).label("reached"),
        count().filter(c.agrees).label("agreeing"),
        count().filter(c.reopened).label("reopened"),
    ).where(visible_to(principal), c.create_time >= since)
    if dealer_id is not None:
        query = query.where(c.dealer_id == dealer_id)
    query = query.group_by(c.dealer_id).order_by(c.dealer_id).limit(REPORTED)
    return (await session.execute(query)).all()
