"""SQL of what campaigns of a plan's months cost and brought, of what was spent outside them, and of where leads came from."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db.engine import Reader
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import OutsideSpend

NOBODY = uuid.UUID(int=0)
"""The maker, as owner of what was spent."""
MOST_CAMPAIGNS = 1000
SAID = ("day", "channel", "source", "currency", "minor", "note")
"""What is told of a spend under its key."""
_SPENDS: sa.Table = OutsideSpend.__table__  # type: ignore[assignment]
_CALENDAR = """
SELECT campaign_id, name, kind, channel, state, coalesce(launch_time, start_time) AS start_time, finish_time FROM campaigns
WHERE dealer_id IS NOT DISTINCT FROM $1 AND coalesce(launch_time, start_time) >= $2::date::timestamp AT TIME ZONE $4
AND coalesce(launch_time, start_time) < $3::date::timestamp AT TIME ZONE $4 ORDER BY 6, 1 LIMIT $5
"""
# What a provider took, or may have taken, is paid. A deed is counted once for each line to which it is owed.
_CAMPAIGNS = """
SELECT c.campaign_id, c.channel, c.state, c.currency, c.goal, c.budget_minor, c.thousand_cost_minor, c.response_value_minor,
    to_char(coalesce(c.launch_time, c.start_time) AT TIME ZONE $4, 'YYYY-MM') AS month,
    (SELECT count(*) FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state IN (4, 5, 6, 8) AND s.claim_time IS NOT NULL)
        AS paid,
    (SELECT coalesce(jsonb_object_agg(kind, count), '{}') FROM (
        SELECT r.kind, count(DISTINCT r.send_id) AS count FROM campaign_responses r
        WHERE r.campaign_id = c.campaign_id AND r.credited GROUP BY 1) AS told)::text AS responses
FROM campaigns c WHERE c.dealer_id IS NOT DISTINCT FROM $1
AND coalesce(c.launch_time, c.start_time) >= $2::date::timestamp AT TIME ZONE $4
AND coalesce(c.launch_time, c.start_time) < $3::date::timestamp AT TIME ZONE $4
"""
# What a campaign of the owner brought stands with the campaign.
_LEADS = """
SELECT to_char(l.create_time AT TIME ZONE $4, 'YYYY-MM') AS month, l.source, count(*) AS count FROM known_leads l
WHERE ($1::uuid IS NULL OR l.dealer_id = $1)
AND l.create_time >= $2::date::timestamp AT TIME ZONE $4 AND l.create_time < $3::date::timestamp AT TIME ZONE $4
AND NOT EXISTS (SELECT FROM campaign_responses r JOIN campaigns c USING (campaign_id)
    WHERE r.source_key = 'lead:' || l.lead_id AND r.credited AND c.dealer_id IS NOT DISTINCT FROM $1)
GROUP BY 1, 2
"""
# What is told of a lead comes in any order: where it came from stands once told, who has it is told by the newest version.
_HEAR_LEADS = sa.text("""
INSERT INTO known_leads AS l (lead_id, dealer_id, source, create_time, heard_version)
SELECT * FROM unnest(CAST(:leads AS uuid[]), CAST(:dealers AS uuid[]), CAST(:sources AS integer[]), CAST(:moments AS timestamptz[]),
    CAST(:versions AS bigint[]))
ON CONFLICT (lead_id) DO UPDATE SET source = coalesce(l.source, excluded.source),
    create_time = coalesce(l.create_time, excluded.create_time),
    dealer_id = CASE WHEN l.heard_version < excluded.heard_version THEN excluded.dealer_id ELSE l.dealer_id END,
    heard_version = greatest(l.heard_version, excluded.heard_version)
WHERE l.heard_version < excluded.heard_version OR (l.create_time IS NULL AND excluded.create_time IS NOT NULL)
""")
_OUTSIDE = """
SELECT to_char(day, 'YYYY-MM') AS month, channel, source, sum(minor)::bigint AS minor FROM outside_spends
WHERE owner = $1 AND day >= $2 AND day < $3 AND currency = $4 GROUP BY 1, 2, 3
"""


async def calendar(
    reader: Reader, dealer: uuid.UUID | None, days: tuple[date, date], zone: str
) -> list[asyncpg.Record]:
    """Returns the campaigns of an owner that start on some days, by their start."""
    return list(await reader.fetch(_CALENDAR, dealer, *days, zone, MOST_CAMPAIGNS))


async def campaigns(
    reader: Reader, dealer: uuid.UUID | None, days: tuple[date, date], zone: str
) -> list[asyncpg.Record]:
    """Returns what campaigns of an owner that start on some days cost and brought."""
    return list(await reader.fetch(_CAMPAIGNS, dealer, *days, zone))


async def outside(
    reader: Reader, dealer: uuid.UUID | None, days: tuple[date, date], currency: str
) -> list[asyncpg.Record]:
    """Returns what was spent outside campaigns, by month, channel and source."""
    return list(await reader.fetch(_OUTSIDE, dealer or NOBODY, *days, currency))


async def leads(reader: Reader, dealer: uuid.UUID | None, days: tuple[date, date], zone: str) -> list[asyncpg.Record]:
    """Returns how many leads came on some days that no campaign of the owner brought, by month and source: a dealer's, or for None all."""
    return list(await reader.fetch(_LEADS, dealer, *days, zone))


async def hear_leads(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps what was told of leads, of each lead one row; what is older than known changes nothing."""
    names = {"leads": "lead_id", "dealers": "dealer_id", "sources": "source", "moments": "create_time"}
    names["versions"] = "heard_version"
    await session.execute(_HEAR_LEADS, {many: [row[one] for row in rows] for many, one in names.items()})


async def known_spends(
    session: AsyncSession, keys: Iterable[tuple[uuid.UUID, str]]
) -> dict[tuple[uuid.UUID, str], sa.Row[Any]]:
    """Returns what is known under some keys, by owner and key."""
    mine = sa.tuple_(_SPENDS.c.owner, _SPENDS.c.source_key).in_(sorted(set(keys)))
    rows = await session.execute(sa.select(_SPENDS).where(mine))
    return {(row.owner, row.source_key): row for row in rows}


async def put_spends(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> int:
    """Writes what was spent, each key once; returns how many were new or otherwise before."""
    statement = insert(_SPENDS).values(list(rows))
    names = SAID
    new = sa.tuple_(*(statement.excluded[name] for name in names))
    old = sa.tuple_(*(_SPENDS.c[name] for name in names))
    told = {name: statement.excluded[name] for name in (*names, "update_time")}
    written = statement.on_conflict_do_update(
        index_elements=["owner", "source_key"], set_=told, where=old.is_distinct_from(new)
    )
    return len((await session.execute(written.returning(_SPENDS.c.source_key))).all())
