"""SQL of tasks: the maker's, and each dealer's own."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import KnownCampaign, Task
from marque_customer.repository.leads import visible_to as scoped

_tasks: sa.Table = Task.__table__  # type: ignore[assignment]
_campaigns: sa.Table = KnownCampaign.__table__  # type: ignore[assignment]
# Asked as a task is read, so that one which is made while its campaign is being paused rests like the others.
_HELD = sa.and_(
    _tasks.c.kind == Task.CAMPAIGN_CALL,
    _tasks.c.state == Task.OPEN,
    _tasks.c.staff_id.is_(None),
    sa.exists().where(_campaigns.c.campaign_id == _tasks.c.campaign_id, _campaigns.c.paused),
)


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The rows that a caller may see, by their dealer; the maker's tasks are seen by who sees all."""
    return scoped(principal, _tasks.c.dealer_id)


async def locked(session: AsyncSession, principal: Principal, task_id: uuid.UUID) -> Task | None:
    """Returns a task in sight, to change."""
    query = sa.select(Task).where(Task.task_id == task_id, visible_to(principal))
    return (await session.scalars(query.with_for_update())).one_or_none()


async def read(session: AsyncSession, principal: Principal, task_id: uuid.UUID) -> Any:
    """Returns the row of a task in sight, or None."""
    query = sa.select(_tasks, _HELD.label("held")).where(_tasks.c.task_id == task_id, visible_to(principal))
    return (await session.execute(query)).one_or_none()


async def page(
    session: AsyncSession,
    principal: Principal,
    equal: dict[str, Any],
    overdue_only: bool,
    with_held: bool,
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of tasks and one more, each with `held`."""
    c = _tasks.c
    query = sa.select(_tasks, _HELD.label("held")).where(
        visible_to(principal), *(c[name] == value for name, value in equal.items())
    )
    if not with_held:
        query = query.where(sa.not_(_HELD))
    if overdue_only:
        query = query.where(c.state == Task.OPEN, c.due_time < sa.func.now())
    key = sa.tuple_(c.due_time, c.task_id)
    if after is not None:
        query = query.where(key < after if descending else key > after)
    order = (c.due_time.desc(), c.task_id.desc()) if descending else (c.due_time, c.task_id)
    return (await session.execute(query.order_by(*order).limit(page.size + 1))).all()


async def end_answers(session: AsyncSession, lead_id: uuid.UUID, state: int, moment: datetime) -> None:
    """Ends what reminded of answering a lead."""
    c = _tasks.c
    change = sa.update(_tasks).where(c.lead_id == lead_id, c.kind == Task.ANSWER_LEAD, c.state == Task.OPEN)
    await session.execute(change.values(state=state, end_time=moment, update_time=moment, version=c.version + 1))


async def end_one(session: AsyncSession, task_id: uuid.UUID, state: int, moment: datetime) -> None:
    """Ends a task that the platform made, where nobody did."""
    c = _tasks.c
    change = sa.update(_tasks).where(c.task_id == task_id, c.state == Task.OPEN)
    await session.execute(change.values(state=state, end_time=moment, update_time=moment, version=c.version + 1))


async def of_staff(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> list[Task]:
    """Returns open tasks of somebody, to change, in the order of their ids."""
    query = sa.select(Task).where(Task.staff_id == staff_id, Task.state == Task.OPEN)
    return list(await session.scalars(query.order_by(Task.task_id).limit(limit).with_for_update()))


async def is_held(session: AsyncSession, task_id: uuid.UUID) -> bool:
    """Tells whether a task is a call of a paused campaign that nobody has taken."""
    return bool(await session.scalar(sa.select(_HELD).where(_tasks.c.task_id == task_id)))


async def of_line(session: AsyncSession, send_id: uuid.UUID) -> Task | None:
    """Returns the task that a line of a campaign made."""
    return (await session.scalars(sa.select(Task).where(Task.send_id == send_id))).one_or_none()


async def open_of_line(session: AsyncSession, send_id: uuid.UUID) -> list[Task]:
    """Returns the task that a line of a campaign made, to change, while it is open."""
    query = sa.select(Task).where(Task.send_id == send_id, Task.state == Task.OPEN)
    return list(await session.scalars(query.with_for_update()))


async def open_calls(
    session: AsyncSession, customer_ids: Sequence[uuid.UUID], purpose: int, dealer_id: uuid.UUID | None
) -> list[Task]:
    """Returns open calls of campaigns of a dealer, or the maker, to people by a purpose, to change, in the order of their ids."""
    c = Task
    query = sa.select(Task).where(c.customer_id.in_(customer_ids), c.kind == Task.CAMPAIGN_CALL, c.state == Task.OPEN)
    query = query.where(c.purpose == purpose, c.dealer_id.is_not_distinct_from(dealer_id))
    return list(await session.scalars(query.order_by(c.task_id).with_for_update()))


async def of_campaign(session: AsyncSession, campaign_id: uuid.UUID, limit: int) -> list[Task]:
    """Returns open calls of a campaign, to change, in the order of their ids."""
    query = sa.select(Task).where(Task.campaign_id == campaign_id, Task.state == Task.OPEN)
    return list(await session.scalars(query.order_by(Task.task_id).limit(limit).with_for_update()))
