"""SQL of the ledger. A worker's statements name its lease: one that lost it changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.rules.again import BACK_WITHIN, TOLD_WITHIN
from marque_campaign.rules.ledger import CLAIMED, HANDED, OPEN, PLANNED, STATES, Verdict, may_follow

LEASE = timedelta(seconds=60)
_WAYS = [before * 10 + after for before in STATES for after in STATES if may_follow(before, after)]
_COLUMNS = "send_id, campaign_id, customer_id, step, occurrence, version, channel, state, attempts, create_time"
_PLAN = sa.text(
    "WITH next AS (SELECT customer_id FROM audience_list_members WHERE audience_list_id = :list AND create_time <= :launched "
    "AND customer_id > :after ORDER BY customer_id LIMIT :most), "
    "made AS (INSERT INTO campaign_sends (send_id, campaign_id, customer_id, channel, state, retry_time, create_time, update_time) "
    "SELECT gen_random_uuid(), CAST(:campaign AS uuid), customer_id, CAST(:channel AS integer), 1, m.t, m.t, m.t "
    "FROM next, (SELECT CAST(:now AS timestamptz) AS t) m ON CONFLICT DO NOTHING) "
    "SELECT customer_id FROM next ORDER BY customer_id DESC LIMIT 1"
)
# Letters (channel 4) wait for a file (`repository.letters`).
# Some running campaign with something to do; by chance, so that a large one does not keep the others waiting.
_RUNNING = sa.text(
    "SELECT c.campaign_id FROM campaigns c WHERE c.state = 5 AND ("
    "EXISTS (SELECT FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state = 1 AND s.channel <> 4 "
    "AND s.retry_time <= now()) OR "
    "EXISTS (SELECT FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state = 3 AND s.channel <> 4 "
    "AND s.lease_time <= now())) "
    "ORDER BY random() LIMIT 8"
)
_USED = sa.text("SELECT count(*) FROM campaign_sends WHERE campaign_id = :campaign AND claim_time > :since")
# What a worker that is gone began goes first, whatever the rate: it was counted when it was begun.
_CLAIM = sa.text(
    f"WITH begun AS (SELECT send_id FROM campaign_sends WHERE campaign_id = :campaign AND state = {HANDED} AND channel <> 4 "  # noqa: S608
    "AND lease_time <= :now ORDER BY lease_time LIMIT :most FOR UPDATE SKIP LOCKED), "
    f"waiting AS (SELECT send_id FROM campaign_sends WHERE campaign_id = :campaign AND state = {PLANNED} AND channel <> 4 "
    "AND retry_time <= :now ORDER BY retry_time LIMIT :fresh FOR UPDATE SKIP LOCKED) "
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
# Locked in one order, so that two who settle the same lines wait for each other and never in a circle.
_SETTLE = sa.text(
    "WITH told AS (SELECT * FROM unnest(CAST(:sends AS uuid[]), CAST(:states AS integer[]), CAST(:reasons AS text[]), "  # noqa: S608
    "CAST(:times AS timestamptz[]), CAST(:languages AS text[]), CAST(:variants AS text[]), CAST(:truths AS boolean[])) "
    "AS t (send_id, state, reason, moment, language, variant, truth)), "
    "mine AS (SELECT s.send_id FROM campaign_sends s JOIN told USING (send_id) ORDER BY s.send_id FOR UPDATE OF s) "
    f"UPDATE campaign_sends s SET state = t.state, reason = t.reason, retry_time = CASE t.state WHEN {PLANNED} THEN t.moment END, "
    f"lease = NULL, lease_time = CASE t.state WHEN {HANDED} THEN t.moment END, "
    "language = CASE t.language WHEN '' THEN s.language ELSE t.language END, "
    "variant = CASE t.variant WHEN '' THEN s.variant ELSE t.variant END, version = s.version + 1, update_time = :now "
    "FROM told t JOIN mine ON mine.send_id = t.send_id "
    "WHERE s.send_id = t.send_id AND s.state * 10 + t.state = ANY(CAST(:ways AS integer[])) AND (s.lease = :lease OR t.truth) "
    f"RETURNING {', '.join(f's.{name}' for name in _COLUMNS.split(', '))}, s.reason"
)
_DRAIN = sa.text(
    "WITH gone AS (SELECT send_id FROM campaign_sends WHERE campaign_id = :campaign AND "
    "(state = 1 OR (lease_time <= :now AND (state = 2 OR (state = 3 AND channel <> 4)))) LIMIT :most FOR UPDATE SKIP LOCKED) "
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
# Past the ORM: what a campaign is does not change by it, nor does its etag.
_USED_OF_BUDGET = sa.text("UPDATE campaigns SET budget_used = :used WHERE campaign_id = :campaign")
_BEGUN_OF_BUDGET = sa.text("UPDATE campaigns SET budget_used = budget_used + :count WHERE campaign_id = :campaign")
_EXHAUST = sa.text(
    "WITH gone AS (SELECT send_id FROM campaign_sends WHERE campaign_id = :campaign AND state = 1 LIMIT :most FOR UPDATE SKIP LOCKED) "
    "UPDATE campaign_sends s SET state = 9, reason = :reason, retry_time = NULL, version = s.version + 1, update_time = :now FROM gone "
    "WHERE s.send_id = gone.send_id RETURNING s.send_id, s.campaign_id, s.customer_id, s.version, s.channel, s.state, s.reason"
)
_OPEN = sa.text("SELECT EXISTS (SELECT FROM campaign_sends WHERE campaign_id = :campaign AND state IN (1, 2, 3))")
_DONE = sa.text(
    "SELECT campaign_id FROM campaigns c WHERE state = 5 AND plan_time IS NOT NULL AND NOT EXISTS "
    "(SELECT FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state IN (1, 2, 3)) AND NOT EXISTS "
    "(SELECT FROM campaign_runs r WHERE r.campaign_id = c.campaign_id AND r.state <> 4) "
    # What may still make a line: a call of which nobody told what came of it, and a message that may come back (`rules.again`).
    "AND NOT ((c.channel = 1 OR c.fallbacks <> '[]' OR c.steps @> '[{\"send\": {\"channel\": 1}}]') AND EXISTS "
    "(SELECT FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state = 4 AND "
    "((s.channel = 1 AND s.update_time > now() - CAST(:told AS interval)) OR "
    "(c.fallbacks <> '[]' AND s.hand_time > now() - "
    "CASE s.channel WHEN 4 THEN CAST(:told AS interval) ELSE CAST(:back AS interval) END "
    "AND s.channel <> CAST(c.fallbacks -> -1 ->> 'channel' AS integer))))) LIMIT 100"
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


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a line; `truth`: a provider says so, which counts whoever has the line. Empty words leave what stands there."""

    send_id: uuid.UUID
    verdict: Verdict
    truth: bool = False
    language: str = ""
    variant: str = ""


async def settle_all(
    session: AsyncSession, settled: Sequence[Settled], now: datetime, *, lease: uuid.UUID | None = None
) -> list[sa.Row[Any]]:
    """Writes what became of lines, each once, where that may follow and the line is the worker's still; returns those of which it did."""
    if not settled:
        return []
    values = {
        "sends": [one.send_id for one in settled],
        "states": [one.verdict.state for one in settled],
        "reasons": [one.verdict.reason for one in settled],
        "times": [one.verdict.retry_time or now for one in settled],
        "languages": [one.language for one in settled],
        "variants": [one.variant for one in settled],
        "truths": [one.truth for one in settled],
        "ways": _WAYS,
        "lease": lease,
        "now": now,
    }
    return list(await session.execute(_SETTLE, values))


async def settle(session: AsyncSession, send_id: uuid.UUID, verdict: Verdict, now: datetime) -> sa.Row[Any] | None:
    """Writes what is the truth of a line; None where it may not follow."""
    return next(iter(await settle_all(session, [Settled(send_id, verdict, truth=True)], now)), None)


async def drain(session: AsyncSession, campaign_id: uuid.UUID, now: datetime, most: int) -> list[sa.Row[Any]]:
    """Ends lines of a cancelled campaign that nobody works on: what was not begun is suppressed, what was begun is unknown."""
    return list(await session.execute(_DRAIN, {"campaign": campaign_id, "now": now, "most": most}))


async def spent(session: AsyncSession, campaign_id: uuid.UUID) -> tuple[int, int]:
    """Returns how many messages of a campaign were paid for or may be, and how many of them are under way."""
    row = (await session.execute(_SPENT, {"campaign": campaign_id})).one()
    return int(row.spent), int(row.under_way)


async def note_used(session: AsyncSession, campaign_id: uuid.UUID, used: int) -> None:
    """Writes down how many messages `spent` counted for a campaign, which the caller has locked."""
    await session.execute(_USED_OF_BUDGET, {"campaign": campaign_id, "used": used})


async def note_begun(session: AsyncSession, campaign_id: uuid.UUID, count: int) -> None:
    """Adds messages that were begun since."""
    await session.execute(_BEGUN_OF_BUDGET, {"campaign": campaign_id, "count": count})


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
    """Returns running campaigns whose every line is final, and from which no further line can follow."""
    return list((await session.execute(_DONE, {"told": TOLD_WITHIN, "back": BACK_WITHIN})).scalars())


assert frozenset({PLANNED, CLAIMED, HANDED}) == OPEN  # the numbers in the statements above
