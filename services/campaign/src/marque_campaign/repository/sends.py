"""SQL of the ledger. A worker's statements name its lease: one that lost it changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.rules.ledger import CLAIMED, HANDED, OPEN, PLANNED, Verdict, may_come_from

LEASE = timedelta(seconds=60)
_COLUMNS = "send_id, campaign_id, customer_id, step, occurrence, version, channel, state, attempts, create_time"
_PLAN = sa.text(
    "WITH next AS (SELECT customer_id FROM audience_list_members WHERE audience_list_id = :list AND create_time <= :launched "
    "AND customer_id > :after ORDER BY customer_id LIMIT :most), "
    "made AS (INSERT INTO campaign_sends (send_id, campaign_id, customer_id, channel, state, retry_time, create_time, update_time) "
    "SELECT gen_random_uuid(), CAST(:campaign AS uuid), customer_id, CAST(:channel AS integer), 1, m.t, m.t, m.t "
    "FROM next, (SELECT CAST(:now AS timestamptz) AS t) m ON CONFLICT DO NOTHING) "
    "SELECT customer_id FROM next ORDER BY customer_id DESC LIMIT 1"
)
# Some running campaign with something to do; by chance, so that a large one does not keep the others waiting.
_RUNNING = sa.text(
    "SELECT c.campaign_id FROM campaigns c WHERE c.state = 5 AND ("
    "EXISTS (SELECT FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state = 1 AND s.retry_time <= now()) OR "
    "EXISTS (SELECT FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state = 3 AND s.lease_time <= now())) "
    "ORDER BY random() LIMIT 8"
)
_USED = sa.text("SELECT count(*) FROM campaign_sends WHERE campaign_id = :campaign AND claim_time > :since")
# What a worker that is gone began goes first, whatever the rate: it was counted when it was begun.
_CLAIM = sa.text(
    f"WITH begun AS (SELECT send_id FROM campaign_sends WHERE campaign_id = :campaign AND state = {HANDED} AND lease_time <= :now "  # noqa: S608
    "ORDER BY lease_time LIMIT :most FOR UPDATE SKIP LOCKED), "
    f"waiting AS (SELECT send_id FROM campaign_sends WHERE campaign_id = :campaign AND state = {PLANNED} AND retry_time <= :now "
    "ORDER BY retry_time LIMIT :fresh FOR UPDATE SKIP LOCKED) "
    f"UPDATE campaign_sends SET state = CASE state WHEN {PLANNED} THEN {CLAIMED} ELSE state END, lease = :lease, "
    "lease_time = :until, retry_time = NULL, claim_time = :now, attempts = attempts + 1, version = version + 1, update_time = :now "
    "WHERE send_id IN (SELECT send_id FROM begun UNION ALL SELECT send_id FROM waiting) "
    f"RETURNING {_COLUMNS}"
)
_FREE = sa.text(
    f"UPDATE campaign_sends SET state = {PLANNED}, lease = NULL, lease_time = NULL, retry_time = :now, version = version + 1, "  # noqa: S608
    f"update_time = :now WHERE send_id IN (SELECT send_id FROM campaign_sends WHERE state = {CLAIMED} AND lease_time <= :now "
    "LIMIT 1000 FOR UPDATE SKIP LOCKED)"
)
_HAND = sa.text(
    f"UPDATE campaign_sends s SET state = {HANDED}, hand_time = :now, address_hash = g.hash, version = s.version + 1, update_time = :now "  # noqa: S608
    "FROM campaigns c, unnest(CAST(:ids AS uuid[]), CAST(:hashes AS text[])) AS g (send_id, hash) "
    "WHERE s.send_id = g.send_id AND s.lease = :lease AND s.lease_time > :now AND s.state IN (2, 3) "
    "AND c.campaign_id = s.campaign_id AND c.state = 5 RETURNING s.send_id"
)
_SETTLE = sa.text(
    "UPDATE campaign_sends SET state = :state, reason = :reason, retry_time = :retry, lease = NULL, lease_time = :until, "  # noqa: S608
    "language = CASE WHEN :language = '' THEN language ELSE :language END, "
    "variant = CASE WHEN :variant = '' THEN variant ELSE :variant END, version = version + 1, update_time = :now "
    f"WHERE send_id = :send AND state = ANY(:from) AND (lease = :lease OR :truth) RETURNING {_COLUMNS}"
)
_DRAIN = sa.text(
    "WITH gone AS (SELECT send_id FROM campaign_sends WHERE campaign_id = :campaign AND "
    "(state = 1 OR (state IN (2, 3) AND lease_time <= :now)) LIMIT :most FOR UPDATE SKIP LOCKED) "
    "UPDATE campaign_sends s SET state = CASE s.state WHEN 3 THEN 8 ELSE 9 END, "
    "reason = CASE s.state WHEN 3 THEN 'LOST' ELSE 'CANCELLED' END, lease = NULL, lease_time = NULL, retry_time = NULL, "
    "version = s.version + 1, update_time = :now FROM gone WHERE s.send_id = gone.send_id "
    "RETURNING s.send_id, s.campaign_id, s.customer_id, s.version, s.channel, s.state, s.reason"
)
# What a budget pays: what was taken, what may have been, and what is under way.
_SPENT = sa.text(
    "SELECT count(*) AS spent, count(*) FILTER (WHERE state IN (2, 3)) AS under_way FROM campaign_sends "
    "WHERE campaign_id = :campaign AND state IN (2, 3, 4, 5, 6, 8)"
)
_EXHAUST = sa.text(
    "WITH gone AS (SELECT send_id FROM campaign_sends WHERE campaign_id = :campaign AND state = 1 LIMIT :most FOR UPDATE SKIP LOCKED) "
    "UPDATE campaign_sends s SET state = 9, reason = :reason, retry_time = NULL, version = s.version + 1, update_time = :now FROM gone "
    "WHERE s.send_id = gone.send_id RETURNING s.send_id, s.campaign_id, s.customer_id, s.version, s.channel, s.state, s.reason"
)
_OPEN = sa.text("SELECT EXISTS (SELECT FROM campaign_sends WHERE campaign_id = :campaign AND state IN (1, 2, 3))")
_DONE = sa.text(
    "SELECT campaign_id FROM campaigns c WHERE state = 5 AND plan_time IS NOT NULL AND NOT EXISTS "
    "(SELECT FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state IN (1, 2, 3)) LIMIT 100"
)


async def plan(session: AsyncSession, values: dict[str, Any]) -> uuid.UUID | None:
    """Writes the next people of an audience into the ledger, each once; returns the last of them, None where all are there."""
    found: uuid.UUID | None = await session.scalar(_PLAN, values)
    return found


async def ready(session: AsyncSession) -> list[uuid.UUID]:
    """Returns some running campaigns with something to do now."""
    return list((await session.execute(_RUNNING)).scalars())


async def claimed_since(session: AsyncSession, campaign_id: uuid.UUID, since: datetime) -> int:
    """Returns how many lines of a campaign, which the caller has locked, were begun last since a moment."""
    return int(await session.scalar(_USED, {"campaign": campaign_id, "since": since}) or 0)


async def claim(
    session: AsyncSession, campaign_id: uuid.UUID, lease: uuid.UUID, now: datetime, most: int, fresh: int
) -> list[sa.Row[Any]]:
    """Gives a worker lines of a campaign: those that somebody who is gone began, and at most `fresh` that were not begun."""
    values = {"campaign": campaign_id, "lease": lease, "now": now, "until": now + LEASE, "most": most, "fresh": fresh}
    return list(await session.execute(_CLAIM, values))


async def free(session: AsyncSession, now: datetime) -> int:
    """Takes back the lines of workers that are gone, of which nothing left; returns how many."""
    return int((await session.execute(_FREE, {"now": now})).rowcount)  # type: ignore[attr-defined]


async def hand(
    session: AsyncSession, lease: uuid.UUID, hashes: Mapping[uuid.UUID, str], now: datetime
) -> set[uuid.UUID]:
    """Notes that lines are about to be handed over, to addresses given by their hashes.

    Returns those that the worker still has and whose campaign still runs.
    """
    values = {"lease": lease, "ids": list(hashes), "hashes": list(hashes.values()), "now": now}
    return set((await session.execute(_HAND, values)).scalars())


async def settle(
    session: AsyncSession,
    send_id: uuid.UUID,
    verdict: Verdict,
    now: datetime,
    *,
    lease: uuid.UUID | None,
    language: str = "",
    variant: str = "",
) -> sa.Row[Any] | None:
    """Writes what became of a line, where that may follow; None where the line is not the worker's any more.

    Without a lease it is the truth of the provider, which counts whoever has the line.
    """
    values = {
        "send": send_id,
        "state": verdict.state,
        "reason": verdict.reason,
        "retry": (verdict.retry_time or now) if verdict.state == PLANNED else None,
        "until": (verdict.retry_time or now) if verdict.state == HANDED else None,
        "from": may_come_from(verdict.state),
        "lease": lease,
        "truth": lease is None,
        "language": language,
        "variant": variant,
        "now": now,
    }
    return (await session.execute(_SETTLE, values)).one_or_none()


async def drain(session: AsyncSession, campaign_id: uuid.UUID, now: datetime, most: int) -> list[sa.Row[Any]]:
    """Ends lines of a cancelled campaign that nobody works on: what was not begun is suppressed, what was begun is unknown."""
    return list(await session.execute(_DRAIN, {"campaign": campaign_id, "now": now, "most": most}))


async def spent(session: AsyncSession, campaign_id: uuid.UUID) -> tuple[int, int]:
    """Returns how many messages of a campaign were paid for or may be, and how many of them are under way."""
    row = (await session.execute(_SPENT, {"campaign": campaign_id})).one()
    return int(row.spent), int(row.under_way)


async def exhaust(
    session: AsyncSession, campaign_id: uuid.UUID, reason: str, now: datetime, most: int
) -> list[sa.Row[Any]]:
    """Ends lines of a campaign that nobody has begun."""
    values = {"campaign": campaign_id, "reason": reason, "now": now, "most": most}
    return list(await session.execute(_EXHAUST, values))


async def is_open(session: AsyncSession, campaign_id: uuid.UUID) -> bool:
    """Tells whether a line of a campaign is not final."""
    return bool(await session.scalar(_OPEN, {"campaign": campaign_id}))


async def done(session: AsyncSession) -> list[uuid.UUID]:
    """Returns running campaigns whose every line is final."""
    return list((await session.execute(_DONE)).scalars())


assert frozenset({PLANNED, CLAIMED, HANDED}) == OPEN  # the numbers in the statements above
