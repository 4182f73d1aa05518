"""SQL of what people did with what they got."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import sqlalchemy as sa
from servicekit.db import families
from servicekit.db.engine import Reader
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import CampaignResponse


class Line(NamedTuple):
    """A line of the ledger and its campaign."""

    send_id: uuid.UUID
    campaign_id: uuid.UUID


_responses: sa.Table = CampaignResponse.__table__  # type: ignore[assignment]
# A year is as long as a campaign may count for; a deed is owed to nothing older.
_TOUCHES = sa.text(f"""
WITH RECURSIVE {families.survivors("CAST(:people AS uuid[])")},{families.merged("SELECT DISTINCT customer_id AS root FROM top")}
SELECT d.place, t.* FROM unnest(CAST(:people AS uuid[]), CAST(:moments AS timestamptz[])) WITH ORDINALITY AS d (person, moment, place)
JOIN top ON top.asked = d.person CROSS JOIN LATERAL (
    SELECT s.send_id, s.campaign_id, s.create_time, s.hand_time, c.attribution, c.response_days
    FROM family f JOIN campaign_sends s ON s.customer_id = f.customer_id JOIN campaigns c ON c.campaign_id = s.campaign_id
    WHERE f.root = top.customer_id AND s.create_time <= d.moment
    AND (s.hand_time IS NOT NULL AND s.hand_time > d.moment - interval '366 days' OR s.create_time > d.moment - interval '366 days')
    ORDER BY s.send_id LIMIT 1000) t
ORDER BY d.place, t.send_id
""")  # noqa: S608 - our own words
_SENT = """
SELECT s.send_id, s.campaign_id, s.customer_id, s.language, s.channel, c.dealer_id,
    coalesce((c.frozen->'journey'->'sends'->(s.step::text)->>'purpose')::integer, c.purpose) AS purpose
FROM campaign_sends s JOIN campaigns c ON c.campaign_id = s.campaign_id WHERE s.send_id = $1 AND s.hand_time IS NOT NULL
"""


async def sent(reader: Reader, send_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a line that was handed over, with whose campaign it was of and for which purpose; None for any other."""
    return await reader.fetchrow(_SENT, send_id)


async def add(session: AsyncSession, rows: list[dict[str, Any]]) -> int:
    """Keeps what people did, each deed once for a line; returns how many were new."""
    if not rows:
        return 0
    statement = insert(_responses).values(rows).on_conflict_do_nothing().returning(_responses.c.send_id)
    return len((await session.execute(statement)).all())


async def touches(session: AsyncSession, deeds: Sequence[tuple[uuid.UUID, datetime]]) -> dict[int, list[sa.Row[Any]]]:
    """Returns for deeds (who, when), by their place, the lines of the person, under whatever id, drawn in the year before it."""
    values = {"people": [who for who, _ in deeds], "moments": [moment for _, moment in deeds]}
    found: dict[int, list[sa.Row[Any]]] = {}
    for row in await session.execute(_TOUCHES, values):
        found.setdefault(row.place - 1, []).append(row)
    return found


async def remove(session: AsyncSession, source_key: str) -> None:
    """Forgets a deed."""
    await session.execute(sa.delete(_responses).where(_responses.c.source_key == source_key))


def touch(campaign_id: uuid.UUID, send_id: uuid.UUID, kind: int, key: str, moment: datetime) -> dict[str, Any]:
    """The row of something that was done with a message itself, which nobody in a holdout can do."""
    return {"campaign_id": campaign_id, "send_id": send_id, "kind": kind, "source_key": key, "occur_time": moment,
            "credited": True, "in_trial": False}  # fmt: skip
