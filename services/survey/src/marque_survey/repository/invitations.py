"""SQL of invitations and answers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa
from servicekit.db import query, sets
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.models import Invitation, SurveyAnswer
from marque_survey.repository.scope import Scope
from marque_survey.rules import kinds

COLUMNS = ", ".join(column.name for column in Invitation.__table__.columns)
_ANSWERS = """
SELECT question_code, value::text AS value, save_time FROM survey_answers WHERE invitation_id = $1 ORDER BY question_code"""
_SCORES = (
    "SELECT measure, weight_set_id, value FROM survey_scores WHERE invitation_id = $1 ORDER BY measure, weight_set_id"
)
_invitations: sa.Table = Invitation.__table__  # type: ignore[assignment]
_answers: sa.Table = SurveyAnswer.__table__  # type: ignore[assignment]


def _narrow(conditions: query.Conditions, scope: Scope) -> None:
    if scope.everything:
        return
    if scope.customers:
        conditions.add("customer_id = ANY({})", list(scope.customers))
    else:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))


async def get(reader: Reader, scope: Scope, invitation_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns an invitation in the caller's sight."""
    conditions = query.Conditions()
    conditions.add("invitation_id = {}", invitation_id)
    _narrow(conditions, scope)
    sql = f"SELECT {COLUMNS} FROM invitations WHERE {conditions.sql}"  # noqa: S608 - our own words
    return await reader.fetchrow(sql, *conditions.arguments)


async def by_id(reader: Reader, invitation_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns an invitation for whoever has its link."""
    return await reader.fetchrow(f"SELECT {COLUMNS} FROM invitations WHERE invitation_id = $1", invitation_id)  # noqa: S608


async def list_rows(
    reader: Reader,
    scope: Scope,
    filters: dict[str, Any],
    customers: Sequence[uuid.UUID],
    order: query.Order,
    page: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:
    """Returns a page of invitations and one more. `customers`: only those of these, who are not hidden from the caller."""
    conditions = query.Conditions()
    _narrow(conditions, scope)
    for name in ("state", "dealer_id", "plan_id"):
        if filters[name]:
            conditions.add(f"{name} = {{}}", filters[name])
    if customers and not scope.knows_persons:
        conditions.add("NOT anonymous")
    order.after(conditions, after)
    driver: query.Driver | None = None
    if customers or scope.customers:
        driver = "customer_id", customers or scope.customers, "uuid"
    elif filters["dealer_id"] or scope.dealers:
        driver = "dealer_id", [filters["dealer_id"]] if filters["dealer_id"] else scope.dealers, "uuid"
    return await query.page(reader, "invitations", COLUMNS, conditions, order, page, driver)


async def lock(session: AsyncSession, scope: Scope, invitation_id: uuid.UUID) -> Invitation | None:
    """Returns an invitation in the caller's sight for change."""
    found = sa.select(Invitation).where(Invitation.invitation_id == invitation_id, scope.clause)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def add_once(session: AsyncSession, rows: sets.Rows) -> set[uuid.UUID]:
    """Writes invitations of a plan, but none for an occurrence that has one; returns the ids of those written."""
    begun = {"version": 1, "claim": 0, "attempts": 0, "send_count": 0}
    return await sets.insert(session, _invitations, [{**begun, **row} for row in rows], "invitation_id")


async def leave_out(session: AsyncSession, ids: Sequence[uuid.UUID], reason: str) -> None:
    """Notes of invitations just written why nobody is asked: they hold no place of a quota."""
    change = sa.update(_invitations).where(_invitations.c.invitation_id.in_(ids))
    await session.execute(change.values(state=kinds.NOT_SENT, reason=reason, quota_period=None))


async def claim(session: AsyncSession, now: datetime, lease: timedelta, limit: int) -> list[Invitation]:
    """Returns invitations that are due, and those whose worker was not heard of for longer than its lease, locked; not what others hold."""
    due = sa.and_(Invitation.state == kinds.PLANNED, Invitation.due_time <= now)
    lost = sa.and_(Invitation.state == kinds.SENDING, Invitation.claim_time < now - lease)
    found: list[Invitation] = []
    for which, order in ((due, Invitation.due_time), (lost, Invitation.claim_time)):
        query_ = sa.select(Invitation).where(which).order_by(order).limit(limit).with_for_update(skip_locked=True)
        found += await session.scalars(query_)
    return found


async def expired(session: AsyncSession, now: datetime, limit: int) -> list[Invitation]:
    """Returns invitations whose time went by, locked."""
    over = sa.select(Invitation).where(
        Invitation.state.in_((kinds.SENT, kinds.ANSWERING, kinds.UNKNOWN)), Invitation.expire_time < now
    )
    rows = await session.scalars(over.order_by(Invitation.expire_time).limit(limit).with_for_update(skip_locked=True))
    return list(rows)


async def keep_answer(session: AsyncSession, row: dict[str, Any]) -> bool:
    """Keeps an answer, unless what is kept is as new within the same submission; tells whether it was kept."""
    c = _answers.c
    made = insert(_answers).values(**row)
    newer = sa.or_(c.submission_id != made.excluded.submission_id, c.sequence < made.excluded.sequence)
    names = ("value", "submission_id", "sequence", "save_time")
    made = made.on_conflict_do_update(
        index_elements=[c.invitation_id, c.question_code],
        set_={name: made.excluded[name] for name in names},
        where=newer,
    )
    return (await session.execute(made.returning(c.question_code))).one_or_none() is not None


async def answers_of(session: AsyncSession, invitation_id: uuid.UUID) -> dict[str, dict[str, Any]]:
    """Returns the answers to an invitation by question; those that were taken back are empty."""
    found = sa.select(_answers.c.question_code, _answers.c.value).where(_answers.c.invitation_id == invitation_id)
    return {row.question_code: row.value for row in await session.execute(found) if row.value}


async def drop_answers(session: AsyncSession, invitation_id: uuid.UUID, codes: Sequence[str]) -> None:
    """Deletes answers that do not count: to questions that are not shown."""
    mine = sa.and_(_answers.c.invitation_id == invitation_id, _answers.c.question_code.in_(codes))
    await session.execute(sa.delete(_answers).where(mine))


async def read_answers(reader: Reader, invitation_id: uuid.UUID) -> dict[str, Any]:
    """Returns question → `{value, save_time}` for a plain read, without what was taken back."""
    rows = await reader.fetch(_ANSWERS, invitation_id)
    found = {row["question_code"]: {"value": orjson.loads(row["value"]), "save_time": row["save_time"]} for row in rows}
    return {code: row for code, row in found.items() if row["value"]}


async def read_scores(reader: Reader, invitation_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns the scores of a response."""
    return list(await reader.fetch(_SCORES, invitation_id))
