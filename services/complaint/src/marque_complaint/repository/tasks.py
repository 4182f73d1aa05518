"""SQL of tasks. A dealer sees those that it does, also for cases of others; who sees a case sees all of its tasks."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case, CaseTask
from marque_complaint.repository.scope import Scope
from marque_complaint.rules.tasks import OPEN, WORK

_COLUMNS = ", ".join(column.name for column in CaseTask.__table__.columns)


async def case_of(session: AsyncSession, scope: Scope, task_id: uuid.UUID) -> uuid.UUID | None:
    """Returns the case of a task in the caller's sight. A task moves to another case only where its own is merged."""
    mine: Any = sa.and_(CaseTask.dealer_id.in_(scope.dealers), sa.true() if not scope.kind else sa.false())
    wanted = (
        sa.select(CaseTask.case_id)
        .join(Case, Case.case_id == CaseTask.case_id)
        .where(CaseTask.task_id == task_id, sa.or_(scope.clause, mine))
    )
    return (await session.scalars(wanted)).one_or_none()


async def lock(session: AsyncSession, task_id: uuid.UUID) -> CaseTask | None:
    """Returns a task, to change. The caller holds its case locked."""
    found = sa.select(CaseTask).where(CaseTask.task_id == task_id)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def open_work(session: AsyncSession, case_id: uuid.UUID) -> list[CaseTask]:
    """Returns the open sub-tasks of a case, locked."""
    found = sa.select(CaseTask).where(CaseTask.case_id == case_id, CaseTask.kind == WORK, CaseTask.state == OPEN)
    return list(await session.scalars(found.order_by(CaseTask.task_id).with_for_update()))


async def count_open(session: AsyncSession, case_id: uuid.UUID) -> int:
    """Returns how many tasks of a case are open, of every kind."""
    found = sa.select(sa.func.count()).where(CaseTask.case_id == case_id, CaseTask.state == OPEN)
    return int(await session.scalar(found) or 0)


async def carry(session: AsyncSession, case_id: uuid.UUID, into: uuid.UUID) -> None:
    """Lets the open tasks of a case that is merged go on in another one."""
    change = sa.update(CaseTask).where(CaseTask.case_id == case_id, CaseTask.state == OPEN)
    await session.execute(change.values(case_id=into, version=CaseTask.version + 1))


async def owned(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> list[CaseTask]:
    """Returns open tasks of somebody, locked."""
    mine = sa.select(CaseTask).where(CaseTask.owner_staff_id == staff_id, CaseTask.state == OPEN)
    return list(await session.scalars(mine.order_by(CaseTask.task_id).limit(limit).with_for_update()))


async def list_tasks(
    reader: Reader, scope: Scope, filters: dict[str, Any], page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of tasks and one more, the earliest due first. With a case, which is in sight, all of it; else the dealers' own."""
    conditions, order = query.Conditions(), query.Order("due_time", "task_id", False)
    if filters["kind"]:
        conditions.add("kind = {}", filters["kind"])
    if filters["open"]:
        conditions.add("state = {}", OPEN)
    if filters["late"]:
        conditions.parts.append("late_time IS NOT NULL")
    if filters["owner_staff_id"]:
        conditions.add("owner_staff_id = {}", filters["owner_staff_id"])
    driver = _driver(scope, filters)
    if not filters["case_id"]:
        if not scope.everything:
            conditions.add("dealer_id = ANY({})", list(scope.dealers))
        if scope.kind:
            conditions.add(
                "EXISTS (SELECT FROM cases c WHERE c.case_id = case_tasks.case_id AND c.kind = {})", scope.kind
            )
    order.after(conditions, after)
    return await query.page(reader, "case_tasks", _COLUMNS, conditions, order, page, driver)


def _driver(scope: Scope, filters: dict[str, Any]) -> query.Driver | None:
    if filters["case_id"]:
        return "case_id", [filters["case_id"]], "uuid"
    if filters["owner_staff_id"]:
        return "owner_staff_id", [filters["owner_staff_id"]], "uuid"
    return None if scope.everything else ("dealer_id", scope.dealers, "uuid")


async def late(session: AsyncSession, task_id: uuid.UUID, moment: datetime) -> CaseTask | None:
    """Returns an open task that is due by a moment and was not told of, locked."""
    found = sa.select(CaseTask).where(
        CaseTask.task_id == task_id,
        CaseTask.state == OPEN,
        CaseTask.late_time.is_(None),
        CaseTask.due_time <= moment,
    )
    return (await session.scalars(found.with_for_update())).one_or_none()
