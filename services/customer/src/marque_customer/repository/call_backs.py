"""SQL of missed calls that wait for a call back."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import CallBack, PhoneCall, Task

_backs: sa.Table = CallBack.__table__  # type: ignore[assignment]
_WAITING = """
SELECT b.task_id, b.dealer_id FROM call_backs b JOIN tasks t USING (task_id)
WHERE b.assign_time <= now() AND t.state = 1 ORDER BY b.assign_time, b.task_id LIMIT $1"""
_OVER = """
SELECT b.task_id, b.assignment_id FROM call_backs b JOIN tasks t USING (task_id)
WHERE t.state <> 1 ORDER BY b.task_id LIMIT $1"""


async def of_call(session: AsyncSession, call_id: uuid.UUID) -> list[Task]:
    """Returns the open task that a call made by being missed, to change; none where it made none."""
    query = sa.select(Task).join(CallBack, CallBack.task_id == Task.task_id)
    query = query.where(CallBack.call_id == call_id, Task.state == Task.OPEN)
    return list(await session.scalars(query.with_for_update(of=Task)))


async def answered_by(session: AsyncSession, spoken: PhoneCall) -> list[Task]:
    """Returns the open tasks for calls that were missed, over the same lines (a dealer's, or the maker's), before a call in which
    somebody spoke with the same number.
    """
    query = sa.select(Task).join(CallBack, CallBack.task_id == Task.task_id)
    query = query.join(PhoneCall, PhoneCall.call_id == CallBack.call_id).where(
        CallBack.number == spoken.number,
        CallBack.dealer_id.is_not_distinct_from(spoken.dealer_id),
        CallBack.call_id != spoken.call_id,
        PhoneCall.begin_time < spoken.answer_time,
        Task.state == Task.OPEN,
    )
    return list(await session.scalars(query.order_by(Task.task_id).with_for_update(of=Task)))


async def waiting(reader: Reader, limit: int) -> list[asyncpg.Record]:
    """Returns `task_id, dealer_id` of those for whom somebody is to be found now."""
    found: list[asyncpg.Record] = await reader.fetch(_WAITING, limit)
    return found


async def over(reader: Reader, limit: int) -> list[asyncpg.Record]:
    """Returns `task_id, assignment_id` of those whose task has ended."""
    found: list[asyncpg.Record] = await reader.fetch(_OVER, limit)
    return found


async def note(session: AsyncSession, task_id: uuid.UUID, values: dict[str, Any]) -> None:
    """Notes how far the search for somebody is."""
    await session.execute(sa.update(_backs).where(_backs.c.task_id == task_id).values(**values))


async def forget(session: AsyncSession, task_ids: Sequence[uuid.UUID]) -> None:
    """Deletes what is done with; the tasks stay."""
    await session.execute(sa.delete(_backs).where(_backs.c.task_id.in_(task_ids)))


async def task(session: AsyncSession, task_id: uuid.UUID) -> Task | None:
    """Returns a task to call back, to change."""
    query = sa.select(Task).where(Task.task_id == task_id, Task.kind == Task.CALL_BACK)
    return (await session.scalars(query.with_for_update())).one_or_none()
