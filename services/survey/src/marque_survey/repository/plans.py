"""SQL of plans and quotas."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.db.tables import known_dealers
from servicekit.paging import Page
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.models import Questionnaire, SurveyPlan, SurveyQuota, SurveyWave

_COLUMNS = ", ".join(column.name for column in SurveyPlan.__table__.columns)
_quotas: sa.Table = SurveyQuota.__table__  # type: ignore[assignment]
NOBODY = uuid.UUID(int=0)


async def get(reader: Reader, plan_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a plan."""
    return await reader.fetchrow(f"SELECT {_COLUMNS} FROM survey_plans WHERE plan_id = $1", plan_id)  # noqa: S608


async def list_rows(
    reader: Reader, active: bool, order: query.Order, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of plans, and one more."""
    conditions = query.Conditions()
    if active:
        conditions.add("active")
    order.after(conditions, after)
    return await query.page(reader, "survey_plans", _COLUMNS, conditions, order, page, None)


async def lock(session: AsyncSession, plan_id: uuid.UUID) -> SurveyPlan | None:
    """Returns a plan for change."""
    found = sa.select(SurveyPlan).where(SurveyPlan.plan_id == plan_id)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def published_number(session: AsyncSession, questionnaire_id: uuid.UUID) -> int | None:
    """Returns the number of the latest version of a questionnaire, 0 for none; None where there is no such questionnaire."""
    found = sa.select(Questionnaire.number).where(Questionnaire.questionnaire_id == questionnaire_id)
    return (await session.scalars(found)).one_or_none()


async def holding(session: AsyncSession, trigger: int) -> Sequence[tuple[SurveyPlan, Questionnaire]]:
    """Returns the plans that hold for a trigger, with their questionnaires."""
    found = sa.select(SurveyPlan, Questionnaire).join(
        Questionnaire, Questionnaire.questionnaire_id == SurveyPlan.questionnaire_id
    )
    rows = await session.execute(
        found.where(SurveyPlan.trigger == trigger, SurveyPlan.active).order_by(SurveyPlan.plan_id)
    )
    return [(plan, questionnaire) for plan, questionnaire in rows.all()]


async def reserve(session: AsyncSession, plan: SurveyPlan, dealer_id: uuid.UUID | None, period: date) -> bool:
    """Takes a place of a dealer's quota, and tells whether there was one. Exact under any race: the row itself decides."""
    first = insert(_quotas).values(plan_id=plan.plan_id, dealer_id=dealer_id or NOBODY, period=period, taken=1)
    c = _quotas.c
    more = first.on_conflict_do_update(
        index_elements=[c.plan_id, c.dealer_id, c.period],
        set_={"taken": c.taken + 1},
        where=c.taken < plan.dealer_quota,
    )
    return (await session.execute(more.returning(c.taken))).one_or_none() is not None


async def release(session: AsyncSession, plan_id: uuid.UUID, dealer_id: uuid.UUID | None, period: date) -> None:
    """Gives a place back that will not be used."""
    c = _quotas.c
    mine = sa.and_(c.plan_id == plan_id, c.dealer_id == (dealer_id or NOBODY), c.period == period, c.taken > 0)
    await session.execute(sa.update(_quotas).where(mine).values(taken=c.taken - 1))


async def zone_of(session: AsyncSession, dealer_id: uuid.UUID) -> str:
    """Returns the zone of a dealer; empty where it is not known."""
    found = sa.select(known_dealers.c.time_zone).where(known_dealers.c.dealer_id == dealer_id)
    return await session.scalar(found) or ""


async def wave_of(session: AsyncSession, questionnaire_id: uuid.UUID) -> int:
    """Returns the number of the latest wave of a questionnaire; 0 before the first."""
    found = sa.select(sa.func.max(SurveyWave.number)).where(SurveyWave.questionnaire_id == questionnaire_id)
    return int(await session.scalar(found) or 0)


async def list_waves(
    reader: Reader, questionnaire_id: uuid.UUID, size: int, before: int | None
) -> list[asyncpg.Record]:
    """Returns a page of waves, the latest first, and one more."""
    sql = (
        "SELECT questionnaire_id, number, name, start_time FROM survey_waves "
        "WHERE questionnaire_id = $1 AND ($2::integer IS NULL OR number < $2) ORDER BY number DESC LIMIT $3"
    )
    return list(await reader.fetch(sql, questionnaire_id, before, size + 1))
