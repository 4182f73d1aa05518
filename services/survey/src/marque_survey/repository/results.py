"""SQL of weights, scores, results and alarms."""

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
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.models import Invitation, QuestionnaireVersion, SurveyAlarm, SurveyScore, WeightSet
from marque_survey.repository.scope import Scope
from marque_survey.rules import kinds
from marque_survey.rules.ranking import Group
from marque_survey.rules.scores import Weights

REGION = 4
# What results are told apart by, grouped as it is kept, which is cheaper than as text; and its text.
GROUPINGS = {
    0: ("measure", "''"),
    1: ("dealer_id", "coalesce(key::text, '')"),
    2: ("model", "key"),
    3: ("date_trunc('month', finish_time, 'UTC')", "to_char(key AT TIME ZONE 'UTC', 'YYYY-MM')"),
    REGION: ("coalesce(known_dealers.region_code, '')", "key"),
    5: ("adviser_staff_id", "coalesce(key::text, '')"),
    6: ("wave", "key::text"),
}
MOST_GROUPS = 1000
_scores: sa.Table = SurveyScore.__table__  # type: ignore[assignment]
_alarms: sa.Table = SurveyAlarm.__table__  # type: ignore[assignment]
_ALARMS = "SELECT invitation_id, rules, about_handling, raise_time, case_id, dealer_id FROM survey_alarms"
_SETS = """
SELECT weight_set_id, kind, market, effective_date, factors::text AS factors, minimum_percent, source, create_time
FROM weight_sets"""


async def weights_for(session: AsyncSession, kind: str, market: str) -> list[Weights]:
    """Returns every set of weights of an index in a market."""
    rows = await session.scalars(sa.select(WeightSet).where(WeightSet.kind == kind, WeightSet.market == market))
    return [weights_of(row) for row in rows]


def weights_of(row: WeightSet) -> Weights:
    """Returns a set as the rules read it."""
    return Weights(str(row.weight_set_id), row.kind, row.market, row.factors, row.minimum_percent)


async def list_sets(reader: Reader, market: str, page: Page, after: tuple[Any, ...] | None) -> list[asyncpg.Record]:
    """Returns a page of sets by kind, market and day, and one more."""
    conditions = query.Conditions()
    if market:
        conditions.add("market = {}", market)
    if after is not None:
        conditions.add("(kind, market, effective_date) > ({}, {}, {})", *after)
    limit = conditions.bind(page.size + 1)
    sql = f"{_SETS} WHERE {conditions.sql} ORDER BY kind, market, effective_date LIMIT {limit}"
    return list(await reader.fetch(sql, *conditions.arguments))


async def keep_scores(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Writes scores; the same again replaces them."""
    if not rows:
        return
    made = insert(_scores).values(list(rows))
    key = [_scores.c.invitation_id, _scores.c.measure, _scores.c.weight_set_id]
    await session.execute(made.on_conflict_do_update(index_elements=key, set_={"value": made.excluded.value}))


async def unscored(
    session: AsyncSession, weights: WeightSet, after: uuid.UUID | None, limit: int
) -> list[tuple[Invitation, QuestionnaireVersion]]:
    """Returns the next finished responses that a set of weights fits, in the order of their ids, with what was asked."""
    version = QuestionnaireVersion
    found = sa.select(Invitation, version).join(
        version,
        sa.and_(
            version.questionnaire_id == Invitation.questionnaire_id, version.number == Invitation.questionnaire_number
        ),
    )
    found = found.where(
        Invitation.state == kinds.FINISHED,
        version.document["index"].astext == weights.kind,
        version.document["market"].astext == weights.market,
    )
    if after is not None:
        found = found.where(Invitation.invitation_id > after)
    rows = await session.execute(found.order_by(Invitation.invitation_id).limit(limit))
    return [(invitation, asked) for invitation, asked in rows.all()]


async def results(reader: Reader, scope: Scope, filters: dict[str, Any], grouping: int) -> list[Group]:
    """Returns the results of a measure by group, counted over the scores in sight."""
    conditions = query.Conditions()
    conditions.add("measure = {} AND weight_set_id = {}", filters["measure"], filters["weight_set_id"])
    narrow(conditions, scope, filters)
    key, text = GROUPINGS[grouping]
    table = "survey_scores LEFT JOIN known_dealers USING (dealer_id)" if grouping == REGION else "survey_scores"
    sql = (
        f"SELECT {text} AS key, count, mean, coalesce(variance, 0) AS variance, signed FROM ("  # noqa: S608 - our own words
        f"SELECT {key} AS key, count(*) AS count, avg(value) AS mean, var_samp(value) AS variance, "
        f"count(*) FILTER (WHERE signed) AS signed FROM {table} WHERE {conditions.sql} GROUP BY {key}) AS told "
        f"ORDER BY told.key NULLS FIRST LIMIT {MOST_GROUPS}"
    )
    rows = await reader.fetch(sql, *conditions.arguments)
    return [Group(row["key"], row["count"], row["mean"], row["variance"], row["signed"]) for row in rows]


def narrow(conditions: query.Conditions, scope: Scope, filters: dict[str, Any]) -> None:
    """Leaves what is in sight and asked for, of a table with dealers, questionnaires and moments."""
    if not scope.everything:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))
    for name in ("questionnaire_id", "dealer_id", "model"):
        if filters.get(name):
            conditions.add(f"{name} = {{}}", filters[name])
    if filters.get("region_code"):
        region = "dealer_id IN (SELECT dealer_id FROM known_dealers WHERE region_code = {})"
        conditions.add(region, filters["region_code"])
    for name, sign in (("finish_time_from", ">="), ("finish_time_to", "<")):
        if filters.get(name):
            conditions.add(f"finish_time {sign} {{}}", filters[name])


async def list_alarms(
    reader: Reader, scope: Scope, dealer_id: uuid.UUID | None, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of alarms, the newest first, and one more."""
    conditions = query.Conditions()
    if not scope.everything:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))
    if dealer_id is not None:
        conditions.add("dealer_id = {}", dealer_id)
    if after is not None:
        conditions.add("(raise_time, invitation_id) < ({}, {})", *after)
    limit = conditions.bind(page.size + 1)
    sql = f"{_ALARMS} WHERE {conditions.sql} ORDER BY raise_time DESC, invitation_id DESC LIMIT {limit}"
    return list(await reader.fetch(sql, *conditions.arguments))


async def name_case(session: AsyncSession, invitation_id: uuid.UUID, case_id: uuid.UUID) -> None:
    """Notes which case was opened for an alarm; the first stays."""
    c = _alarms.c
    mine = sa.and_(c.invitation_id == invitation_id, c.case_id.is_(None))
    await session.execute(sa.update(_alarms).where(mine).values(case_id=case_id))


async def set_of(session: AsyncSession, weight_set_id: uuid.UUID) -> WeightSet | None:
    """Returns a set of weights."""
    return await session.get(WeightSet, weight_set_id)


def score_rows(invitation: Invitation, found: dict[tuple[int, str], float]) -> list[dict[str, Any]]:
    """Returns the rows of a response's scores."""
    moment: datetime | None = invitation.finish_time
    return [
        {
            "invitation_id": invitation.invitation_id, "measure": measure, "weight_set_id": uuid.UUID(weights), "value": value,
            "questionnaire_id": invitation.questionnaire_id, "plan_id": invitation.plan_id, "dealer_id": invitation.dealer_id,
            "model": invitation.model, "finish_time": moment, "adviser_staff_id": invitation.adviser_staff_id, "wave": invitation.wave,
            "signed": bool(invitation.signs),
        }
        for (measure, weights), value in found.items()
    ]  # fmt: skip
