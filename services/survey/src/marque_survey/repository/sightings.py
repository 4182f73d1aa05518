"""SQL of when cars were seen."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.db import sets
from servicekit.db.tables import erasures
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.models import CarSighting, SurveyPlan

_seen: sa.Table = CarSighting.__table__  # type: ignore[assignment]
_plans: sa.Table = SurveyPlan.__table__  # type: ignore[assignment]
# The place of the `limit`th, and all who were seen at the same moment: days of sales are noon of their day.
_REACH = """
SELECT seen_time FROM car_sightings WHERE NOT voided AND seen_time > :since AND seen_time <= :until
ORDER BY seen_time OFFSET :many LIMIT 1"""
_NEWER = (
    "(deed_id) DO UPDATE SET vin = excluded.vin, customer_id = excluded.customer_id, dealer_id = excluded.dealer_id, "
    "seen_time = excluded.seen_time, voided = car_sightings.voided OR excluded.voided"
)
_LAPSED = """
SELECT s.deed_id, s.vin, s.dealer_id, s.seen_time, coalesce(s.customer_id, (
    SELECT b.customer_id FROM car_sightings b WHERE b.vin = s.vin AND NOT b.voided AND b.customer_id IS NOT NULL
    ORDER BY b.seen_time DESC LIMIT 1)) AS customer_id
FROM car_sightings s WHERE NOT s.voided AND s.seen_time > :since AND s.seen_time <= :until AND NOT EXISTS (
    SELECT FROM car_sightings l WHERE l.vin = s.vin AND NOT l.voided AND (l.seen_time, l.deed_id) > (s.seen_time, s.deed_id))
ORDER BY s.seen_time, s.deed_id"""


async def keep(session: AsyncSession, rows: sets.Rows) -> None:
    """Keeps sales and visits, of which the later word of one holds. Who was erased is not named again; what was taken back before it was
    heard of stays taken back.
    """
    named = {row["customer_id"] for row in rows} - {None}
    gone = set(await session.scalars(sa.select(erasures.c.customer_id).where(erasures.c.customer_id.in_(named))))
    deeds: dict[uuid.UUID, dict[str, Any]] = {}
    for row in rows:
        known = deeds.get(row["deed_id"], row)
        told = {"voided": known["voided"] or row["voided"]}
        if row["customer_id"] in gone:
            told["customer_id"] = None
        deeds[row["deed_id"]] = {**row, **told}
    await sets.insert(session, _seen, [deeds[deed] for deed in sorted(deeds)], "deed_id", _NEWER)


async def void(session: AsyncSession, values: dict[str, Any]) -> None:
    """Takes a sale or visit back, also one that was not heard of yet."""
    made = insert(_seen).values({**values, "voided": True})
    await session.execute(made.on_conflict_do_update(index_elements=[_seen.c.deed_id], set_={"voided": True}))


async def lapsed(
    session: AsyncSession, since: datetime, until: datetime, limit: int
) -> tuple[Sequence[sa.Row[Any]], datetime]:
    """Returns the cars that were seen last after one moment and up to another, about `limit` of them, and how far that reaches."""
    span = {"since": since, "until": until}
    reach = await session.scalar(sa.text(_REACH), {**span, "many": limit}) or until
    rows = (await session.execute(sa.text(_LAPSED), {"since": since, "until": reach})).all()
    return rows, reach


async def swept(session: AsyncSession, plan_id: uuid.UUID, moment: datetime) -> None:
    """Notes how far a plan has looked; the plan as people know it does not change by it."""
    await session.execute(sa.update(_plans).where(_plans.c.plan_id == plan_id).values(swept_time=moment))


async def of_customers(session: AsyncSession, ids: Sequence[uuid.UUID]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The sales and visits of a person."""
    for row in await session.execute(sa.select(_seen).where(_seen.c.customer_id.in_(ids)).order_by(_seen.c.deed_id)):
        yield str(row.deed_id), dict(row._mapping)


async def forget(session: AsyncSession, ids: Sequence[uuid.UUID]) -> int:
    """Takes a person out of their sales and visits; returns how many these were."""
    gone = sa.update(_seen).where(_seen.c.customer_id.in_(ids)).values(customer_id=None)
    return int((await session.execute(gone)).rowcount)  # type: ignore[attr-defined]
