"""SQL of call tasks: the queue, the calls, and how calling goes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.models import CallAttempt, CallTask, Invitation
from marque_survey.repository.scope import Scope

_COLUMNS = ", ".join(column.name for column in CallTask.__table__.columns)
_ASKED = """
SELECT invitation_id, customer_id, vin, questionnaire_id, questionnaire_number, trigger, language FROM invitations
WHERE invitation_id = ANY($1)"""
_ATTEMPTS = """
SELECT number, agent_id, begin_time, end_time, outcome, checking FROM survey_call_attempts WHERE call_task_id = $1 ORDER BY number"""
_GROUPS = {0: "''", 1: "coalesce(agent_id::text, '')", 2: "coalesce(dealer_id::text, '')"}
MOST_GROUPS = 1000


def _narrow(conditions: query.Conditions, scope: Scope) -> None:
    """The tasks in sight: where people were promised that dealers do not learn who answers, the maker alone calls."""
    if not scope.everything:
        conditions.add("dealer_id = ANY({}) AND NOT anonymous", list(scope.dealers))


async def get(reader: Reader, scope: Scope, call_task_id: uuid.UUID) -> dict[str, Any] | None:
    """Returns a task in the caller's sight, with what its invitation says."""
    conditions = query.Conditions()
    conditions.add("call_task_id = {}", call_task_id)
    _narrow(conditions, scope)
    sql = f"SELECT {_COLUMNS} FROM survey_calls WHERE {conditions.sql}"  # noqa: S608 - our own words
    row = await reader.fetchrow(sql, *conditions.arguments)
    return (await _with_asked(reader, [row]))[0] if row is not None else None


async def list_rows(
    reader: Reader, scope: Scope, filters: dict[str, Any], order: query.Order, page: Page, after: tuple[Any, ...] | None
) -> list[dict[str, Any]]:
    """Returns a page of tasks and one more. `filters`: `waiting`, `due_before`, `agent_id`, `to_check`, `dealer_id`, `invitation_id`."""
    conditions = query.Conditions()
    _narrow(conditions, scope)
    if filters["waiting"]:
        conditions.add("end_time IS NULL")
    if filters["to_check"]:
        conditions.add("to_check")
    if filters["due_before"] is not None:
        conditions.add("due_time <= {}", filters["due_before"])
    for name in ("dealer_id", "invitation_id", "agent_id"):
        if filters[name] is not None:
            conditions.add(f"{name} = {{}}", filters[name])
    order.after(conditions, after)
    driver: query.Driver | None = None
    if filters["agent_id"] is not None:
        driver = "agent_id", [filters["agent_id"]], "uuid"
    elif filters["dealer_id"] is not None or not scope.everything:
        driver = "dealer_id", [filters["dealer_id"]] if filters["dealer_id"] is not None else scope.dealers, "uuid"
    rows = await query.page(reader, "survey_calls", _COLUMNS, conditions, order, page, driver)
    return await _with_asked(reader, rows)


async def _with_asked(reader: Reader, rows: Sequence[asyncpg.Record]) -> list[dict[str, Any]]:
    found = await reader.fetch(_ASKED, [row["invitation_id"] for row in rows]) if rows else []
    asked = {row["invitation_id"]: dict(row) for row in found}
    return [{**row, **asked[row["invitation_id"]]} for row in rows]


async def attempts(reader: Reader, call_task_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns the calls of a task in their order."""
    return list(await reader.fetch(_ATTEMPTS, call_task_id))


async def invitation_of(session: AsyncSession, scope: Scope, call_task_id: uuid.UUID) -> uuid.UUID | None:
    """Returns the invitation of a task in the caller's sight, which is locked before the task."""
    found = sa.select(CallTask.invitation_id).where(CallTask.call_task_id == call_task_id)
    if not scope.everything:
        found = found.where(CallTask.dealer_id.in_(scope.dealers), ~CallTask.anonymous)
    return (await session.scalars(found)).one_or_none()


async def pair(session: AsyncSession, invitation_id: uuid.UUID) -> tuple[Invitation, CallTask]:
    """Returns an invitation and its task for a plain read."""
    found = sa.select(Invitation, CallTask).join(CallTask, CallTask.invitation_id == Invitation.invitation_id)
    row = (await session.execute(found.where(Invitation.invitation_id == invitation_id))).one()
    return row[0], row[1]


async def lock(session: AsyncSession, invitation_id: uuid.UUID) -> CallTask | None:
    """Returns the task of an invitation for change; the invitation is locked already."""
    found = sa.select(CallTask).where(CallTask.invitation_id == invitation_id)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def last_attempt(session: AsyncSession, call_task_id: uuid.UUID) -> CallAttempt | None:
    """Returns the latest call of a task."""
    found = sa.select(CallAttempt).where(CallAttempt.call_task_id == call_task_id)
    return (await session.scalars(found.order_by(CallAttempt.number.desc()).limit(1))).one_or_none()


async def expired(session: AsyncSession, now: datetime, limit: int) -> list[uuid.UUID]:
    """Returns the invitations of tasks whose time went by."""
    over = sa.select(CallTask.invitation_id).where(CallTask.end_time.is_(None), CallTask.expire_time < now)
    return list(await session.scalars(over.order_by(CallTask.expire_time).limit(limit)))


async def held(session: AsyncSession, agent_id: uuid.UUID, limit: int) -> list[CallTask]:
    """Returns tasks that an agent has, locked."""
    mine = sa.select(CallTask).where(CallTask.agent_id == agent_id, CallTask.end_time.is_(None))
    return list(await session.scalars(mine.order_by(CallTask.call_task_id).limit(limit).with_for_update()))


async def figures(
    reader: Reader,
    scope: Scope,
    grouping: int,
    dealer_id: uuid.UUID | None,
    span: tuple[datetime | None, datetime | None],
) -> list[asyncpg.Record]:
    """Counts the tasks in sight that were ended after one call at least, by group."""
    conditions = query.Conditions()
    _narrow(conditions, scope)
    conditions.add("end_time IS NOT NULL AND attempt_count > 0")
    if dealer_id is not None:
        conditions.add("dealer_id = {}", dealer_id)
    for moment, sign in zip(span, (">=", "<"), strict=True):
        if moment is not None:
            conditions.add(f"end_time {sign} {{}}", moment)
    sql = f"""
    SELECT {_GROUPS[grouping]} AS key, count(*) AS tasks, sum(attempt_count) AS attempts, count(*) FILTER (WHERE reached) AS reached,
        count(*) FILTER (WHERE state = 3 AND reason = '') AS completed, count(*) FILTER (WHERE reason = 'REFUSED') AS refused,
        count(*) FILTER (WHERE verdict IN (1, 2, 3)) AS checked, count(*) FILTER (WHERE verdict = 1) AS confirmed
    FROM survey_calls WHERE {conditions.sql} GROUP BY 1 ORDER BY 1 LIMIT {MOST_GROUPS}"""  # noqa: S608 - our own words
    return list(await reader.fetch(sql, *conditions.arguments))
