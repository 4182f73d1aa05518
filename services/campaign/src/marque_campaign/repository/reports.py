"""SQL of what campaigns cost and brought."""

from __future__ import annotations

import uuid

import asyncpg
from servicekit.db.engine import Reader

# Whoever was drawn was begun once: those whom a budget or a cancellation stopped before were neither held out nor not.
_ARMS = """
SELECT variant, count(*) AS drawn, count(*) FILTER (WHERE state IN (4, 5, 6)) AS sent,
       count(*) FILTER (WHERE state = 6) AS bounced, count(*) FILTER (WHERE state = 8) AS unknown
FROM campaign_sends WHERE campaign_id = $1 AND claim_time IS NOT NULL AND reason <> 'HOLDOUT' AND state NOT IN (1, 2, 3)
GROUP BY 1 ORDER BY 1
"""
_RESPONSES = """
SELECT s.variant, r.kind, count(DISTINCT r.send_id) AS count FROM campaign_responses r
JOIN campaign_sends s ON s.send_id = r.send_id WHERE r.campaign_id = $1 AND r.credited GROUP BY 1, 2 ORDER BY 1, 2
"""
_TRIAL = """
SELECT r.kind, count(DISTINCT r.send_id) FILTER (WHERE s.reason <> 'HOLDOUT') AS drawn,
       count(DISTINCT r.send_id) FILTER (WHERE s.reason = 'HOLDOUT') AS held FROM campaign_responses r
JOIN campaign_sends s ON s.send_id = r.send_id
WHERE r.campaign_id = $1 AND r.in_trial AND s.claim_time IS NOT NULL AND s.state NOT IN (1, 2, 3) GROUP BY 1
"""
_HELD = "SELECT count(*) FROM campaign_sends WHERE campaign_id = $1 AND state = 9 AND reason = 'HOLDOUT'"


async def arms(reader: Reader, campaign_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns how many lines of each variant are in which state."""
    return list(await reader.fetch(_ARMS, campaign_id))


async def responses(reader: Reader, campaign_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns how many lines have responses that are owed to the campaign, by variant and kind."""
    return list(await reader.fetch(_RESPONSES, campaign_id))


async def trial(reader: Reader, campaign_id: uuid.UUID) -> dict[int, tuple[int, int]]:
    """Returns by kind of response how many of those drawn and of those held out did it."""
    return {row["kind"]: (row["drawn"], row["held"]) for row in await reader.fetch(_TRIAL, campaign_id)}


async def held_out(reader: Reader, campaign_id: uuid.UUID) -> int:
    """Returns how many were held out."""
    return int(await reader.fetchval(_HELD, campaign_id) or 0)
