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
# Of a campaign in steps only who stands at the call is called again.
_LINE = sa.text(
    "SELECT s.occurrence, c.most_calls FROM campaign_sends s JOIN campaigns c USING (campaign_id) "
    "WHERE s.send_id = :send AND s.channel = 1 AND c.state IN (5, 6) AND (s.step = 0 OR EXISTS "
    "(SELECT FROM campaign_runs r WHERE r.send_id = s.send_id AND r.state = 3))"
)
_HOLD = sa.text("SELECT run_id FROM campaign_runs WHERE send_id = :send FOR UPDATE")
_WHY = sa.text("SELECT reason FROM campaign_sends WHERE send_id = :send AND state = 4 AND channel = 1")
_GO_ON = sa.text(
    "UPDATE campaign_runs SET send_id = coalesce(CAST(:next AS uuid), send_id), wake_time = :now, update_time = :now "
    "WHERE send_id = :send AND state = 3"
)
_CALLS_OF = sa.text(
    "SELECT send_id FROM campaign_sends WHERE customer_id = CAST(:person AS uuid) AND split_part(occurrence, '~', 1) = :key "
    "AND channel = 1 AND state = 4 AND reason = ''"
)
# Locked in the order in which lines are settled.
_WITHDRAW = sa.text(
    "WITH mine AS (SELECT send_id FROM campaign_sends WHERE send_id = ANY(:sends) AND channel = 1 "
    "AND (state = 1 OR (state = 4 AND reason = '')) ORDER BY send_id FOR UPDATE) "
    "UPDATE campaign_sends s SET state = CASE s.state WHEN 1 THEN 9 ELSE s.state END, reason = :reason, retry_time = NULL, "
    "version = s.version + 1, update_time = :now FROM mine WHERE s.send_id = mine.send_id "
    "RETURNING s.send_id, s.campaign_id, s.customer_id, s.version, s.channel, s.state, s.reason"
)
_CALL = sa.text(
    _NEW
    + "SELECT gen_random_uuid(), campaign_id, customer_id, step, :occurrence, channel, 1, :due, :due, :now, told_state * 0 "
    "FROM campaign_sends WHERE send_id = :send ON CONFLICT DO NOTHING RETURNING send_id"
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


async def plan_call(
    session: AsyncSession, send_id: uuid.UUID, occurrence: str, due: datetime, now: datetime
) -> uuid.UUID | None:
    """Plans a further call of the person of a line, once; returns its line, None where it was there."""
    values = {"send": send_id, "occurrence": occurrence, "due": due, "now": now}
    found: uuid.UUID | None = await session.scalar(_CALL, values)
    return found


async def hold_run(session: AsyncSession, send_id: uuid.UUID) -> str:
    """Locks the run that stands at a call, before its line, as whoever goes on with runs does; returns why the call is not to be made
    any more, empty where it is.
    """
    await session.execute(_HOLD, {"send": send_id})
    return await session.scalar(_WHY, {"send": send_id}) or ""


async def go_on(session: AsyncSession, send_id: uuid.UUID, following: uuid.UUID | None, now: datetime) -> None:
    """Wakes the run that stands at a call; it waits for the call that follows, where there is one."""
    await session.execute(_GO_ON, {"send": send_id, "next": following, "now": now})


async def calls_of(session: AsyncSession, customer_id: uuid.UUID, key: str) -> list[uuid.UUID]:
    """Returns the lines of calls that a deed brought about and of which nothing is told."""
    return list((await session.execute(_CALLS_OF, {"person": customer_id, "key": key})).scalars())


async def withdraw(
    session: AsyncSession, send_ids: Sequence[uuid.UUID], reason: str, now: datetime
) -> list[sa.Row[Any]]:
    """Notes of calls that they are not to be made any more, once each: a line that nobody has begun is over, of another its task is to
    be cancelled. Those that a worker has, or of which the outcome is known, stay. Returns the rest.
    """
    return list(await session.execute(_WITHDRAW, {"sends": list(send_ids), "reason": reason, "now": now}))


async def plan_next(session: AsyncSession, send_ids: Sequence[uuid.UUID], now: datetime) -> None:
    """Plans messages by the next channel of their campaigns to the people of lines, where there is one and the campaign goes on."""
    await session.execute(_FALL, {"sends": list(send_ids), "now": now})
