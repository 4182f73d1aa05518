"""SQL of what is said to those who registered: lines of the ledger, in the campaigns that say it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

PREFIX = "registration:"
# A paused campaign plans on, and sends when it goes on. The occurrence makes each line once, whoever asks how often.
_PLAN = sa.text("""
INSERT INTO campaign_sends (send_id, campaign_id, customer_id, occurrence, channel, state, retry_time, create_time, update_time)
SELECT gen_random_uuid(), c.campaign_id, r.customer_id, 'registration:' || r.registration_id || ':' || CAST(:what AS text),
       c.channel, 1, m.t, m.t, m.t
FROM event_registrations r
JOIN campaigns c ON c.marketing_event_id = r.marketing_event_id AND c.event_notice = :notice AND c.state IN (5, 6),
     (SELECT CAST(:now AS timestamptz) AS t) m
WHERE r.registration_id = ANY(CAST(:ids AS uuid[]))
ON CONFLICT DO NOTHING
""")
_END = sa.text(
    "UPDATE campaign_sends SET state = 9, reason = :reason, retry_time = NULL, version = version + 1, update_time = :now "
    "WHERE customer_id = CAST(:person AS uuid) AND state = 1 AND starts_with(occurrence, :prefix) "
    "RETURNING send_id, campaign_id, customer_id, version, channel, state, reason"
)


async def plan(session: AsyncSession, ids: Sequence[uuid.UUID], notice: int, what: str, now: datetime) -> None:
    """Plans a notice for registrations in every campaign that says it; `what` makes the occurrence the only one of its kind."""
    if ids:
        await session.execute(_PLAN, {"ids": list(ids), "notice": notice, "what": what, "now": now})


async def end(
    session: AsyncSession, customer_id: uuid.UUID, registration_id: uuid.UUID, reason: str, now: datetime
) -> list[sa.Row[Any]]:
    """Ends the notices about a registration that nobody has begun; returns their lines."""
    values = {"person": customer_id, "prefix": f"{PREFIX}{registration_id}:", "reason": reason, "now": now}
    return list(await session.execute(_END, values))
