"""SQL of lines that follow another of the same person: a further call, and the next channel."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

_NEW = (
    "INSERT INTO campaign_sends (send_id, campaign_id, customer_id, step, occurrence, channel, state, retry_time, create_time, "
    "update_time, told_state) "
)
_LINE = sa.text(
    "SELECT s.occurrence, c.most_calls FROM campaign_sends s JOIN campaigns c USING (campaign_id) "
    "WHERE s.send_id = :send AND s.channel = 1 AND c.state IN (5, 6)"
)
_CALL = sa.text(
    _NEW
    + "SELECT gen_random_uuid(), campaign_id, customer_id, step, :occurrence, channel, 1, :due, :due, :now, told_state * 0 "
    "FROM campaign_sends WHERE send_id = :send ON CONFLICT DO NOTHING"
)
# The next of a campaign's channels after that of a line; its own channel stands before all others.
_FALL = sa.text(
    f"""{_NEW}
SELECT gen_random_uuid(), s.campaign_id, s.customer_id, s.step, split_part(s.occurrence, '~', 1) || '~ch' || f.channel, f.channel, 1,
    m.t, m.t, m.t, s.told_state * 0
FROM campaign_sends s JOIN campaigns c USING (campaign_id), (SELECT CAST(:now AS timestamptz) AS t) m,
    LATERAL (SELECT CAST(n.one ->> 'channel' AS integer) AS channel FROM jsonb_array_elements(c.fallbacks) WITH ORDINALITY AS n (one, place)
        WHERE n.place > coalesce((SELECT o.place FROM jsonb_array_elements(c.fallbacks) WITH ORDINALITY AS o (one, place)
            WHERE CAST(o.one ->> 'channel' AS integer) = s.channel), 0)
        ORDER BY n.place LIMIT 1) f
WHERE s.send_id = ANY(:sends) AND c.state IN (5, 6) ON CONFLICT DO NOTHING"""  # noqa: S608 - our own words
)


async def call_of(session: AsyncSession, send_id: uuid.UUID) -> Any:
    """Returns the occurrence of a call and how often its campaign calls somebody, while it goes on; else None."""
    return (await session.execute(_LINE, {"send": send_id})).one_or_none()


async def plan_call(session: AsyncSession, send_id: uuid.UUID, occurrence: str, due: datetime, now: datetime) -> None:
    """Plans a further call of the person of a line, once."""
    await session.execute(_CALL, {"send": send_id, "occurrence": occurrence, "due": due, "now": now})


async def plan_next(session: AsyncSession, send_ids: Sequence[uuid.UUID], now: datetime) -> None:
    """Plans messages by the next channel of their campaigns to the people of lines, where there is one and the campaign goes on."""
    await session.execute(_FALL, {"sends": list(send_ids), "now": now})
