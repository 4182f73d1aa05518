"""SQL of plans and quotas."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.db.tables import known_dealers
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.models import Questionnaire, SurveyPlan, SurveyQuota, SurveyWave

_COLUMNS = ", ".join(column.name for column in SurveyPlan.__table__.columns)
_quotas: sa.Table = SurveyQuota.__table__  # type: ignore[assignment]
NOBODY = uuid.UUID(int=0)
Place = tuple[uuid.UUID, date]  # of a quota: whose (NOBODY where there is no dealer), and of which month
_WANTED = "unnest(CAST(:dealers AS uuid[]), CAST(:periods AS date[]), CAST(:numbers AS integer[])) AS w (dealer_id, period, number)"
_TAKE = sa.text(
    "INSERT INTO survey_quotas AS q (plan_id, dealer_id, period, taken) "  # noqa: S608
    f"SELECT CAST(:plan AS uuid), dealer_id, period, number FROM {_WANTED}"
    " ON CONFLICT (plan_id, dealer_id, period) DO UPDATE SET taken = q.taken + excluded.taken RETURNING dealer_id, period, taken"
)
_GIVE_BACK = sa.text(
    f"UPDATE survey_quotas q SET taken = q.taken - number FROM {_WANTED} WHERE q.plan_id = CAST(:plan AS uuid)"  # noqa: S608
    " AND q.dealer_id = w.dealer_id AND q.period = w.period"
)


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


async def reserve(session: AsyncSession, plan: SurveyPlan, wanted: Mapping[Place, int]) -> dict[Place, int]:
    """Takes places of dealers' quotas, as many of those wanted as there are, and returns how many these were.

    Exact under any race: the rows are locked by the first statement, so that nobody sees more taken than there are.
    """
    places = sorted(wanted)
    told = {
        "plan": plan.plan_id,
        "dealers": [dealer for dealer, _ in places],
        "periods": [period for _, period in places],
    }
    numbers = [wanted[place] for place in places]
    taken = {
        (row.dealer_id, row.period): row.taken for row in await session.execute(_TAKE, {**told, "numbers": numbers})
    }
    over = [min(wanted[place], max(0, taken[place] - plan.dealer_quota)) for place in places]
    if any(over):
        await session.execute(_GIVE_BACK, {**told, "numbers": over})
    return {place: wanted[place] - back for place, back in zip(places, over, strict=True)}


async def release(session: AsyncSession, plan_id: uuid.UUID, dealer_id: uuid.UUID | None, period: date) -> None:
    """Gives a place back that will not be used."""
    c = _quotas.c
    mine = sa.and_(c.plan_id == plan_id, c.dealer_id == (dealer_id or NOBODY), c.period == period, c.taken > 0)
    await session.execute(sa.update(_quotas).where(mine).values(taken=c.taken - 1))


async def zones_of(session: AsyncSession, dealers: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Returns the zones of the dealers that are known."""
    c = known_dealers.c
    rows = await session.execute(sa.select(c.dealer_id, c.time_zone).where(c.dealer_id.in_(dealers)))
    return {row.dealer_id: row.time_zone for row in rows}


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
