"""SQL of how steps of an index were rated, and of what looks like gaming."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.models import Invitation, SurveyFactor, SurveyScore, SurveyText
from marque_survey.repository import results
from marque_survey.repository.scope import EVERYTHING, Scope
from marque_survey.rules import kinds, signs
from marque_survey.rules.drivers import DEALER_ROWS, MOST_ROWS, Rated
from marque_survey.rules.scores import NO_SET

_factors: sa.Table = SurveyFactor.__table__  # type: ignore[assignment]
_texts: sa.Table = SurveyText.__table__  # type: ignore[assignment]
_TOP = 100.0


async def keep(session: AsyncSession, invitation: Invitation, shares: Mapping[str, float]) -> None:
    """Writes how the steps of a response were rated; the same again changes nothing."""
    if not shares:
        return
    facts = {
        "invitation_id": invitation.invitation_id,
        "questionnaire_id": invitation.questionnaire_id,
        "dealer_id": invitation.dealer_id,
        "finish_time": invitation.finish_time,
    }
    rows = [{**facts, "factor": factor, "share": share} for factor, share in sorted(shares.items())]
    await session.execute(insert(_factors).values(rows).on_conflict_do_nothing())


async def weights(reader: Reader, weight_set_id: uuid.UUID) -> dict[str, int] | None:
    """Returns the weights of a set by step."""
    sql = "SELECT factors::text AS factors FROM weight_sets WHERE weight_set_id = $1"
    row = await reader.fetchrow(sql, weight_set_id)
    return orjson.loads(row["factors"]) if row is not None else None


async def rated(reader: Reader, scope: Scope, filters: dict[str, Any]) -> dict[str, Rated]:
    """Returns how each step was rated in the responses in sight, and what the best quarter of all dealers reach in the same time."""
    conditions = query.Conditions()
    results.narrow(conditions, scope, filters)
    sql = f"SELECT factor, count(*) AS count, avg(share) AS mean FROM survey_factors WHERE {conditions.sql} GROUP BY 1"  # noqa: S608
    mine = await reader.fetch(sql, *conditions.arguments)
    best = await _benchmarks(reader, {**filters, "dealer_id": None})
    return {row["factor"]: Rated(row["count"], row["mean"], best.get(row["factor"])) for row in mine}


async def _benchmarks(reader: Reader, filters: dict[str, Any]) -> dict[str, float]:
    conditions = query.Conditions()
    results.narrow(conditions, EVERYTHING, filters)
    sql = f"""
    SELECT factor, percentile_cont(0.75) WITHIN GROUP (ORDER BY mean) AS best FROM (
        SELECT factor, avg(share) AS mean FROM survey_factors WHERE {conditions.sql} AND dealer_id IS NOT NULL
        GROUP BY factor, dealer_id HAVING count(*) >= {DEALER_ROWS}) AS dealers
    GROUP BY factor HAVING count(*) >= 4"""  # noqa: S608 - our own words
    return {row["factor"]: row["best"] for row in await reader.fetch(sql, *conditions.arguments)}


async def rows(reader: Reader, scope: Scope, filters: dict[str, Any]) -> list[tuple[dict[str, float], float]]:
    """Returns the steps and the recommendation of the latest responses in sight."""
    conditions = query.Conditions()
    conditions.add("measure = {} AND weight_set_id = {}", kinds.NPS, uuid.UUID(NO_SET))
    results.narrow(conditions, scope, filters)
    sql = f"""
    WITH latest AS (
        SELECT invitation_id, value FROM survey_scores WHERE {conditions.sql} ORDER BY finish_time DESC LIMIT {MOST_ROWS})
    SELECT l.value, array_agg(f.factor) AS names, array_agg(f.share) AS shares
    FROM latest l JOIN survey_factors f USING (invitation_id) GROUP BY l.invitation_id, l.value"""  # noqa: S608 - our own words
    found = await reader.fetch(sql, *conditions.arguments)
    return [(dict(zip(row["names"], row["shares"], strict=True)), row["value"]) for row in found]


async def keep_hash(session: AsyncSession, invitation: Invitation, text_hash: str) -> int:
    """Keeps the hash of a response's text; returns in how many other responses about the dealer the same stands."""
    values = {"invitation_id": invitation.invitation_id, "text_hash": text_hash, "dealer_id": invitation.dealer_id}
    await session.execute(insert(_texts).values(values).on_conflict_do_nothing())
    c = _texts.c
    same = sa.select(sa.func.count()).where(
        c.dealer_id == invitation.dealer_id, c.text_hash == text_hash, c.invitation_id != invitation.invitation_id
    )
    return int(await session.scalar(same) or 0)


def _top(dealer_id: uuid.UUID, since: datetime, until: datetime) -> list[sa.ColumnElement[bool]]:
    """The best recommendations about a dealer within a time."""
    score = SurveyScore
    return [
        score.dealer_id == dealer_id, score.measure == kinds.NPS, score.weight_set_id == uuid.UUID(NO_SET),
        score.value == _TOP, score.finish_time > since, score.finish_time <= until,
    ]  # fmt: skip


async def top_counts(session: AsyncSession, dealer_id: uuid.UUID, now: datetime) -> tuple[int, int]:
    """Returns how many best recommendations about a dealer came in the last hour, and in the 30 days before it."""
    hour = now - signs.BURST_SPAN
    spans = ((hour, now), (hour - signs.USUAL_SPAN, hour))
    one, two = [
        int(
            await session.scalar(sa.select(sa.func.count()).select_from(SurveyScore).where(*_top(dealer_id, *span)))
            or 0
        )
        for span in spans
    ]
    return one, two


async def top_in_hour(session: AsyncSession, dealer_id: uuid.UUID, now: datetime) -> Sequence[Invitation]:
    """Returns the responses of a burst, locked in the order of their ids."""
    told = sa.select(SurveyScore.invitation_id).where(*_top(dealer_id, now - signs.BURST_SPAN, now))
    found = sa.select(Invitation).where(Invitation.invitation_id.in_(told)).order_by(Invitation.invitation_id)
    return list(await session.scalars(found.with_for_update()))


async def mark(session: AsyncSession, invitation_ids: Sequence[uuid.UUID]) -> None:
    """Marks the scores of responses that bear a sign."""
    mine = SurveyScore.invitation_id.in_(invitation_ids)
    await session.execute(sa.update(SurveyScore).where(mine, ~SurveyScore.signed).values(signed=True))
