"""SQL of runs through the steps of campaigns: written down with an audience, gone on with in sets, and ended."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import families
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import AudienceCar, AudienceHolding, Campaign, CampaignRun
from marque_campaign.repository.segment_sql import PEOPLE

_RUNS: Any = CampaignRun.__table__
_CARS: Any = AudienceCar.__table__
_HOLDINGS: Any = AudienceHolding.__table__
_NAMES = ", ".join(column.name for column in _RUNS.columns)
_NEXT = (
    "WITH next AS (SELECT customer_id FROM audience_list_members WHERE audience_list_id = :list AND create_time <= :launched "
    "AND customer_id > :after ORDER BY customer_id LIMIT :most), "
)
_INSERT = (
    "INSERT INTO campaign_runs (run_id, campaign_id, customer_id, subject, occurrence, line_key, vin, state, step_time, wake_time, "
    "create_time, update_time) "
)
_PLAN_PEOPLE = sa.text(
    f"{_NEXT} made AS ({_INSERT}"  # noqa: S608 - our own words
    "SELECT gen_random_uuid(), CAST(:campaign AS uuid), customer_id, customer_id::text, CAST(:occurrence AS text), "
    "CAST(:occurrence AS text), '', 1, m.t, m.t, m.t, m.t FROM next, (SELECT CAST(:now AS timestamptz) AS t) m ON CONFLICT DO NOTHING) "
    "SELECT customer_id FROM next ORDER BY customer_id DESC LIMIT 1"
)
# A car is its owner's of now: whoever was merged stands on the list under the id of before. The lines of two cars are told apart by run.
_PLAN_CARS = sa.text(
    f"{_NEXT} cars AS (SELECT gen_random_uuid() AS run, next.customer_id, c.vin FROM next "  # noqa: S608 - our own words
    "LEFT JOIN customer_aliases a ON a.from_customer_id = next.customer_id AND a.known_until IS NULL "
    "JOIN audience_cars c ON c.person_id = coalesce(a.to_customer_id, next.customer_id)), "
    f"made AS ({_INSERT}"
    "SELECT run, CAST(:campaign AS uuid), customer_id, vin, CAST(:occurrence AS text), run::text, vin, 1, m.t, m.t, m.t, m.t "
    "FROM cars, (SELECT CAST(:now AS timestamptz) AS t) m ON CONFLICT DO NOTHING) "
    "SELECT customer_id FROM next ORDER BY customer_id DESC LIMIT 1"
)
_AWAKE = sa.text(
    "SELECT c.campaign_id FROM campaigns c WHERE c.state = 5 AND EXISTS (SELECT FROM campaign_runs r "
    "WHERE r.campaign_id = c.campaign_id AND r.state <> 4 AND r.wake_time <= now()) ORDER BY random() LIMIT 8"
)
_LINES = sa.text(
    "SELECT s.send_id, s.customer_id, s.occurrence, s.step, s.channel, s.state, s.reason, s.hand_time, "
    "coalesce((SELECT array_agg(DISTINCT r.kind) FROM campaign_responses r WHERE r.campaign_id = s.campaign_id AND r.send_id = s.send_id), "
    "'{}') AS responses FROM campaign_sends s JOIN unnest(CAST(:people AS uuid[]), CAST(:keys AS text[])) AS w (customer_id, occurrence) "
    "ON s.customer_id = w.customer_id AND split_part(s.occurrence, '~', 1) = w.occurrence "
    "WHERE s.campaign_id = :campaign AND s.step > 0"
)
_FAMILY = sa.text(
    f"WITH RECURSIVE {families.survivors('CAST(:ids AS uuid[])')}, {families.merged('SELECT DISTINCT customer_id AS root FROM top')} "  # noqa: S608
    "SELECT root, customer_id FROM family"
)
_PLAN_LINES = sa.text(
    "INSERT INTO campaign_sends (send_id, campaign_id, customer_id, step, occurrence, channel, state, retry_time, create_time, "
    "update_time) SELECT n.send_id, CAST(:campaign AS uuid), n.customer_id, n.step, n.key, n.channel, 1, m.t, m.t, m.t "
    "FROM unnest(CAST(:sends AS uuid[]), CAST(:people AS uuid[]), CAST(:steps AS integer[]), CAST(:keys AS text[]), "
    "CAST(:channels AS integer[])) AS n (send_id, customer_id, step, key, channel), "
    "(SELECT CAST(:now AS timestamptz) AS t) m ON CONFLICT DO NOTHING"
)
_MOVE = sa.text(
    "UPDATE campaign_runs r SET step = n.step, state = n.state, wake_time = n.wake_time, reason = n.reason, "
    "send_id = coalesce(n.send_id, r.send_id), update_time = :now, "
    "step_time = CASE WHEN r.step = n.step AND r.state = n.state THEN r.step_time ELSE CAST(:now AS timestamptz) END "
    "FROM unnest(CAST(:runs AS uuid[]), CAST(:steps AS integer[]), CAST(:states AS integer[]), CAST(:wakes AS timestamptz[]), "
    "CAST(:reasons AS text[]), CAST(:sends AS uuid[])) AS n (run_id, step, state, wake_time, reason, send_id) WHERE r.run_id = n.run_id"
)
_END = (
    "UPDATE campaign_runs SET state = 4, reason = :reason, wake_time = NULL, update_time = :now WHERE run_id IN "
    "(SELECT run_id FROM campaign_runs WHERE {} AND state <> 4 LIMIT :most FOR UPDATE)"
)
_DRAIN = sa.text(_END.format("campaign_id = :campaign"))
_TAKE_BACK = sa.text(_END.format("customer_id = CAST(:person AS uuid) AND occurrence = :key"))
_OPEN = sa.text("SELECT EXISTS (SELECT FROM campaign_runs WHERE campaign_id = :campaign AND state <> 4)")
_COUNTS = "SELECT step, state, reason, count(*) AS count FROM campaign_runs WHERE campaign_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
_OF_PERSON = f"""
WITH RECURSIVE {families.family("$2::uuid")}
SELECT {_NAMES} FROM campaign_runs WHERE campaign_id = $1 AND customer_id IN (SELECT customer_id FROM family) ORDER BY run_id LIMIT 100
"""  # noqa: S608 - our own words
_ABOUT = """
SELECT r.send_id, r.due_date, r.vin, c.model, c.model_year, h.kind AS holding_kind FROM campaign_runs r
LEFT JOIN audience_cars c ON c.vin = r.vin AND r.vin <> '' LEFT JOIN audience_holdings h ON h.holding_id = r.holding_id
WHERE r.send_id = ANY($1::uuid[])
"""


async def plan(session: AsyncSession, values: Mapping[str, Any], *, by_car: bool) -> uuid.UUID | None:
    """Writes down runs of the next people of a list, or of their cars; returns the last of the people, None where all are there."""
    found: uuid.UUID | None = await session.scalar(_PLAN_CARS if by_car else _PLAN_PEOPLE, dict(values))
    return found


async def awake(session: AsyncSession) -> list[uuid.UUID]:
    """Returns some running campaigns of which runs are to go on now; by chance, so that a large one keeps no other waiting."""
    return list((await session.execute(_AWAKE)).scalars())


async def share(session: AsyncSession, campaign_id: uuid.UUID) -> Campaign | None:
    """Returns a campaign as it stays until the end of the transaction: whoever pauses or cancels it waits, others go on beside."""
    found = sa.select(Campaign).where(Campaign.campaign_id == campaign_id).with_for_update(read=True)
    return (await session.scalars(found)).one_or_none()


async def claim(session: AsyncSession, campaign_id: uuid.UUID, now: datetime, most: int) -> Sequence[sa.Row[Any]]:
    """Returns runs of a campaign that are to go on, locked; those of another worker are passed over."""
    mine = sa.and_(_RUNS.c.campaign_id == campaign_id, _RUNS.c.state != 4, _RUNS.c.wake_time <= now)
    query = sa.select(_RUNS).where(mine).order_by(_RUNS.c.wake_time).limit(most).with_for_update(skip_locked=True)
    return (await session.execute(query)).all()


async def lines(session: AsyncSession, campaign_id: uuid.UUID, runs: Sequence[Any]) -> Sequence[sa.Row[Any]]:
    """Returns the lines of runs, those of further calls too, with the kinds of what was done after them."""
    values = {"people": [one.customer_id for one in runs], "keys": [one.line_key for one in runs]}
    return (await session.execute(_LINES, {"campaign": campaign_id, **values})).all()


async def family(session: AsyncSession, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Returns everybody who is one person with some customers, by who stands for them."""
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    for row in await session.execute(_FAMILY, {"ids": sorted(set(ids))}):
        found.setdefault(row.root, []).append(row.customer_id)
    return found


async def rivals(session: AsyncSession, campaign_id: uuid.UUID, people: Sequence[uuid.UUID]) -> Sequence[sa.Row[Any]]:
    """Returns the runs of some people through a campaign, save those that gave way to another of the same person."""
    mine = sa.and_(_RUNS.c.campaign_id == campaign_id, _RUNS.c.customer_id.in_(people), _RUNS.c.reason != "SAME_PERSON")
    return (await session.execute(sa.select(_RUNS.c.run_id, _RUNS.c.customer_id, _RUNS.c.occurrence).where(mine))).all()


async def known(
    session: AsyncSession, people: Iterable[uuid.UUID]
) -> tuple[dict[uuid.UUID, Any], dict[uuid.UUID, list[Any]], dict[uuid.UUID, list[Any]]]:
    """Returns what is known of people, of their cars and of their contracts, by person."""
    ids = sorted(set(people))
    rows = (await session.execute(sa.select(PEOPLE).where(PEOPLE.c.customer_id.in_(ids)))).mappings()
    items: list[dict[uuid.UUID, list[Any]]] = []
    for table in (_CARS, _HOLDINGS):
        found: dict[uuid.UUID, list[Any]] = {}
        for row in (await session.execute(sa.select(table).where(table.c.person_id.in_(ids)))).mappings():
            found.setdefault(row["person_id"], []).append(row)
        items.append(found)
    return {row["customer_id"]: row for row in rows}, items[0], items[1]


async def plan_lines(session: AsyncSession, campaign_id: uuid.UUID, made: Sequence[Any], now: datetime) -> None:
    """Writes lines into the ledger, each once."""
    names = {
        "sends": "send_id",
        "people": "customer_id",
        "steps": "step",
        "keys": "key",
        "channels": "channel",
    }
    values = {many: [getattr(line, one) for line in made] for many, one in names.items()}
    await session.execute(_PLAN_LINES, {"campaign": campaign_id, "now": now, **values})


async def move(session: AsyncSession, moves: Sequence[tuple[uuid.UUID, Any, uuid.UUID | None]], now: datetime) -> None:
    """Writes down where runs, which the caller has locked, stand now: run, move, and the line that was planned."""
    values = {
        "runs": [run for run, _, _ in moves],
        "steps": [one.step for _, one, _ in moves],
        "states": [one.state for _, one, _ in moves],
        "wakes": [one.wake for _, one, _ in moves],
        "reasons": [one.reason for _, one, _ in moves],
        "sends": [send for _, _, send in moves],
    }
    await session.execute(_MOVE, {"now": now, **values})


async def drain(session: AsyncSession, campaign_id: uuid.UUID, reason: str, now: datetime, most: int) -> int:
    """Ends runs of a campaign that is over; returns how many."""
    values = {"campaign": campaign_id, "reason": reason, "now": now, "most": most}
    return int((await session.execute(_DRAIN, values)).rowcount)  # type: ignore[attr-defined]


async def take_back(session: AsyncSession, customer_id: uuid.UUID, key: str, reason: str, now: datetime) -> None:
    """Ends the runs that a deed brought about."""
    await session.execute(_TAKE_BACK, {"person": customer_id, "key": key, "reason": reason, "now": now, "most": 10_000})


async def is_open(session: AsyncSession, campaign_id: uuid.UUID) -> bool:
    """Tells whether a run of a campaign is not over."""
    return bool(await session.scalar(_OPEN, {"campaign": campaign_id}))


async def counts(reader: Reader, campaign_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns how many runs of a campaign stand where."""
    return list(await reader.fetch(_COUNTS, campaign_id))


async def of_person(reader: Reader, campaign_id: uuid.UUID, customer_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns the runs of a person, under whatever id they stand."""
    return list(await reader.fetch(_OF_PERSON, campaign_id, customer_id))


async def about(reader: Reader, send_ids: Sequence[uuid.UUID]) -> list[asyncpg.Record]:
    """Returns what lines are about: the date, car and contract of their runs."""
    return list(await reader.fetch(_ABOUT, list(send_ids)))
