"""SQL of campaigns that write to somebody when they did something."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.db import families
from sqlalchemy.ext.asyncio import AsyncSession

# A paused campaign plans on, as one to a list does, and sends when it goes on. The line counts from when it is due.
_WAITING = f"""
FROM campaigns c, LATERAL (SELECT greatest(:now, CAST(:moment AS timestamptz) + c.trigger_delay_hours * interval '1 hour') AS due) d
WHERE c.trigger = :kind AND c.trigger <> 0 AND c.state IN (5, 6) AND c.launch_time <= :moment
AND (c.dealer_id IS NULL OR c.dealer_id = CAST(:dealer AS uuid))
AND (c.audience_list_id IS NULL OR EXISTS (SELECT FROM audience_list_members m
     WHERE m.audience_list_id = c.audience_list_id AND m.customer_id IN (
         WITH RECURSIVE {families.family("CAST(:person AS uuid)")} SELECT customer_id FROM family)))
"""  # noqa: S608 - our own words
_PLAN = sa.text(f"""
INSERT INTO campaign_sends (send_id, campaign_id, customer_id, occurrence, channel, state, retry_time, create_time, update_time)
SELECT gen_random_uuid(), c.campaign_id, CAST(:person AS uuid), CAST(:key AS text), c.channel, 1, d.due, d.due, CAST(:now AS timestamptz)
{_WAITING} AND c.steps = '[]'
ON CONFLICT DO NOTHING
""")
# One in steps begins a run; of a repair order (subject kind 3) the order is what it is about.
_BEGIN = sa.text(f"""
INSERT INTO campaign_runs (run_id, campaign_id, customer_id, subject, occurrence, line_key, state, step_time, wake_time, create_time,
    update_time)
SELECT gen_random_uuid(), c.campaign_id, CAST(:person AS uuid),
    CASE c.subject_kind WHEN 3 THEN CAST(:key AS text) ELSE CAST(CAST(:person AS uuid) AS text) END, :key, :key, 1, d.due, d.due,
    CAST(:now AS timestamptz), :now
{_WAITING} AND c.steps <> '[]'
ON CONFLICT DO NOTHING
""")
_AWAITED = sa.text("SELECT DISTINCT trigger FROM campaigns WHERE trigger <> 0 AND state IN (5, 6)")
_TAKE_BACK = sa.text(
    "UPDATE campaign_sends SET state = 9, reason = :reason, retry_time = NULL, version = version + 1, update_time = :now "
    "WHERE customer_id = CAST(:person AS uuid) AND split_part(occurrence, '~', 1) = :key AND state = 1 "
    "RETURNING send_id, campaign_id, customer_id, version, channel, state, reason"
)


async def awaited(session: AsyncSession) -> set[int]:
    """Returns the kinds of deeds for which some campaign waits."""
    return set((await session.execute(_AWAITED)).scalars())


async def plan(session: AsyncSession, values: dict[str, Any]) -> None:
    """Plans a message of every campaign that waits for a deed, or begins a run of it, for its occurrence once."""
    await session.execute(_PLAN, values)
    await session.execute(_BEGIN, values)


async def take_back(
    session: AsyncSession, customer_id: uuid.UUID, key: str, reason: str, now: datetime
) -> list[sa.Row[Any]]:
    """Ends the messages of a deed that nobody has begun."""
    return list(await session.execute(_TAKE_BACK, {"person": customer_id, "key": key, "reason": reason, "now": now}))
