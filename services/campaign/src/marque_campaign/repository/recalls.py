"""SQL of notices of a recall: lines by owner and car, and what is left to tell."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg
import sqlalchemy as sa
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

_WAITING = (
    "SELECT campaign_id FROM campaigns WHERE recall_id IS NOT NULL AND plan_time IS NULL AND state IN (5, 6) "
    "ORDER BY campaign_id LIMIT 8"
)
_PLAN = sa.text("""
INSERT INTO campaign_sends
    (send_id, campaign_id, customer_id, occurrence, channel, state, retry_time, told_state, create_time, update_time)
SELECT gen_random_uuid(), CAST(:campaign AS uuid), o.customer, o.vin, CAST(:channel AS integer), 1, m.t, 0, m.t, m.t
FROM unnest(CAST(:customers AS uuid[]), CAST(:vins AS text[])) AS o (customer, vin), (SELECT CAST(:now AS timestamptz) AS t) m
ON CONFLICT DO NOTHING
""")
# A notice that goes on by a further channel is told of by that one's line.
_UNTOLD = """
SELECT s.send_id, s.state, s.reason, s.told_state, split_part(s.occurrence, '~', 1) AS vin, c.recall_id,
    s.occurrence LIKE '%~ch%' AS further
FROM campaign_sends s JOIN campaigns c ON c.campaign_id = s.campaign_id
WHERE s.told_state <> s.state AND s.state NOT IN (1, 2, 3) AND c.recall_id IS NOT NULL
AND NOT EXISTS (SELECT FROM campaign_sends n WHERE n.campaign_id = s.campaign_id AND n.customer_id = s.customer_id AND n.step = s.step
    AND n.create_time > s.create_time AND split_part(n.occurrence, '~', 1) = split_part(s.occurrence, '~', 1))
ORDER BY s.send_id LIMIT $1
"""
_TOLD = sa.text(
    "UPDATE campaign_sends s SET told_state = t.state FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS integer[])) AS t (id, state) "
    "WHERE s.send_id = t.id AND s.told_state IS NOT NULL"
)


async def waiting(reader: Reader) -> list[uuid.UUID]:
    """Returns launched campaigns whose owners are not all in the ledger."""
    return [row["campaign_id"] for row in await reader.fetch(_WAITING)]


async def plan(
    session: AsyncSession, campaign_id: uuid.UUID, channel: int, owners: Iterable[tuple[str, str]], now: datetime
) -> None:
    """Writes a line for each (customer, VIN), each once."""
    pairs = sorted({(uuid.UUID(customer), vin) for customer, vin in owners})
    values = {"campaign": campaign_id, "channel": channel, "now": now}
    await session.execute(_PLAN, {**values, "customers": [one for one, _ in pairs], "vins": [vin for _, vin in pairs]})


async def untold(reader: Reader, most: int) -> list[asyncpg.Record]:
    """Returns lines that came to an end of which the owner of their recall was not told."""
    return list(await reader.fetch(_UNTOLD, most))


async def told(session: AsyncSession, ends: Sequence[tuple[uuid.UUID, int]]) -> None:
    """Notes that lines were told of in the given states; one that changed since is told of again."""
    await session.execute(_TOLD, {"ids": [one for one, _ in ends], "states": [state for _, state in ends]})


async def models(reader: Reader, vins: Sequence[str]) -> dict[str, str]:
    """Returns make and model of cars that the read model knows, by VIN."""
    sql = "SELECT vin, concat_ws(' ', make, model) AS name FROM audience_cars WHERE vin = ANY($1::text[])"
    return {row["vin"]: row["name"] for row in await reader.fetch(sql, list(vins))}
