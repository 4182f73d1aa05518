"""SQL of what people did with what they got."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db.engine import Reader
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import CampaignResponse

_responses: sa.Table = CampaignResponse.__table__  # type: ignore[assignment]
# A year is as long as a campaign may count for; a deed is owed to nothing older. The family is all who were merged into one person.
_TOUCHES = sa.text("""
WITH RECURSIVE up AS (
    SELECT CAST(:person AS uuid) AS customer_id, 0 AS depth
    UNION ALL SELECT a.to_customer_id, u.depth + 1 FROM up u JOIN customer_aliases a ON a.from_customer_id = u.customer_id
    WHERE a.known_until IS NULL AND u.depth < 32),
family AS (
    SELECT customer_id FROM (SELECT customer_id FROM up ORDER BY depth DESC LIMIT 1) top
    UNION SELECT a.from_customer_id FROM customer_aliases a JOIN family f ON a.to_customer_id = f.customer_id
    WHERE a.known_until IS NULL)
SELECT s.send_id, s.campaign_id, s.create_time, s.hand_time, c.attribution, c.response_days
FROM campaign_sends s JOIN campaigns c ON c.campaign_id = s.campaign_id
WHERE s.customer_id IN (SELECT customer_id FROM family) AND s.create_time <= :moment
AND (s.hand_time IS NOT NULL AND s.hand_time > :moment - interval '366 days' OR s.create_time > :moment - interval '366 days')
ORDER BY s.send_id LIMIT 1000
""")
_SENT = """
SELECT s.send_id, s.campaign_id, s.customer_id, s.language, s.channel, c.dealer_id, c.purpose
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


async def touches(session: AsyncSession, customer_id: uuid.UUID, moment: datetime) -> list[sa.Row[Any]]:
    """Returns the lines of a person, under whatever id they stand, that were drawn in the year before a moment."""
    return list(await session.execute(_TOUCHES, {"person": customer_id, "moment": moment}))


async def remove(session: AsyncSession, source_key: str) -> None:
    """Forgets a deed."""
    await session.execute(sa.delete(_responses).where(_responses.c.source_key == source_key))


def touch(campaign_id: uuid.UUID, send_id: uuid.UUID, kind: int, key: str, moment: datetime) -> dict[str, Any]:
    """The row of something that was done with a message itself, which nobody in a holdout can do."""
    return {"campaign_id": campaign_id, "send_id": send_id, "kind": kind, "source_key": key, "occur_time": moment,
            "credited": True, "in_trial": False}  # fmt: skip
