"""Segments over a million people with cars and visits: each rule's SQL beside what somebody would write by hand, and a launch to one."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import marque_campaign
import sqlalchemy as sa
from devstack.postgres import EmbeddedPostgres
from marque_campaign.repository import addressing, sends
from marque_campaign.repository.segment_sql import PEOPLE, Asked, SegmentSql
from marque_campaign.rules.segments.check import read
from servicekit.db import migrate
from servicekit.db.base import now
from servicekit.db.engine import Database
from sqlalchemy.ext.asyncio import AsyncSession

from bench.report import Figure, Target
from bench.stats import median

PEOPLE_COUNT, QUICK_PEOPLE = 1_000_000, 100_000
ROUNDS, QUICK_ROUNDS = 5, 3
TODAY = date(2026, 3, 1)
_AT_ONCE = 20_000
_FILL = (
    """
    INSERT INTO audience_people (customer_id, kind, language, market, region, stage, tier, birth_month, birth_day, consents, spend,
        visit_count, last_visit_date, purchase_count, last_purchase_date, open_cases, last_score, dealer_ids)
    SELECT md5(n::text)::uuid, 'PERSON', (ARRAY['zh-CN', 'en', 'de'])[1 + n % 3], 'CN', 'R' || n % 31,
        (ARRAY['OWNER', 'ACTIVE', 'AT_RISK', 'LOST', 'PROSPECT'])[1 + n % 5], (ARRAY['GOLD', 'SILVER', NULL])[1 + n % 3],
        1 + n % 12, 1 + n % 28, CASE WHEN n % 4 > 0 THEN '{MARKETING:EMAIL,MARKETING:SMS}'::text[] ELSE '{}' END, n % 500000,
        n % 9, CASE WHEN n % 9 > 0 THEN DATE '2026-03-01' - (n % 900)::int END, n % 3,
        CASE WHEN n % 3 > 0 THEN DATE '2026-03-01' - (n % 2500)::int END, (n % 50 = 0)::int, n % 11, '{}'
    FROM generate_series(1, :count) n""",
    """
    INSERT INTO audience_cars (vin, person_id, make, model, model_year, energy, odometer_km, sold_date, warranty_end_date,
        next_service_date, open_recalls)
    SELECT 'V' || n, md5((1 + n * 7 % :count)::text)::uuid, 'Marque', 'M' || n % 12, 2015 + n % 11,
        (ARRAY['PETROL', 'ELECTRIC', 'HYBRID'])[1 + n % 3], n % 200000, DATE '2026-03-01' - (n % 2500)::int,
        DATE '2026-03-01' + (n % 1100 - 500)::int, DATE '2026-03-01' + (n % 400 - 100)::int, (n % 40 = 0)::int
    FROM generate_series(1, :count * 12 / 10) n""",
)
_CAR = "EXISTS (SELECT FROM audience_cars c WHERE c.person_id = p.customer_id AND {})"
_NO_CAR = "NOT EXISTS (SELECT FROM audience_cars c WHERE c.person_id = p.customer_id AND {})"
RULES: Sequence[tuple[str, str, str]] = (
    ("birthday", "person.birth_month == 3 && person.birth_day == 1", "birth_month = 3 AND birth_day = 1"),
    (
        "service due", "cars.exists(c, c.days_to_service >= 0 && c.days_to_service <= 30)",
        _CAR.format("c.next_service_date BETWEEN DATE '2026-03-01' AND DATE '2026-03-31'"),
    ),
    ("recall open", "cars.exists(c, c.open_recalls > 0)", _CAR.format("c.open_recalls > 0")),
    (
        "warranty ends", "cars.exists(c, c.warranty_days_left > 0 && c.warranty_days_left < 60)",
        _CAR.format("c.warranty_end_date > DATE '2026-03-01' AND c.warranty_end_date < DATE '2026-04-30'"),
    ),
    (
        "lost for a year", 'person.stage == "LOST" && person.days_since_visit > 365',
        "stage = 'LOST' AND last_visit_date < DATE '2025-03-01'",
    ),
    (
        "newsletter", '"MARKETING:EMAIL" in person.consents && person.language == "zh-CN"',
        "'MARKETING:EMAIL' = ANY(consents) AND language = 'zh-CN'",
    ),
    (
        "no electric car", 'person.stage in ["OWNER", "ACTIVE"] && !cars.exists(c, c.energy == "ELECTRIC")',
        "stage IN ('OWNER', 'ACTIVE') AND " + _NO_CAR.format("c.energy = 'ELECTRIC'"),
    ),
    (
        "far driven", 'cars.exists(c, c.model == "M3" && c.odometer_km > 100000)',
        _CAR.format("c.model = 'M3' AND c.odometer_km > 100000"),
    ),
    (
        "good and content", 'person.tier == "GOLD" && person.last_score >= 9.0 && person.open_cases == 0',
        "tier = 'GOLD' AND last_score >= 9.0 AND open_cases = 0",
    ),
    (
        "spent or came", "person.spend > 400000 || person.visit_count >= 8", "spend > 400000 OR visit_count >= 8",
    ),
)  # fmt: skip


@asynccontextmanager
async def filled(count: int) -> AsyncIterator[Database]:
    """A read model of so many people, made by SQL, on a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory(prefix="marque-segments-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(Path(folder) / "data", settings={"shared_buffers": "512MB"})
        postgres.start()
        try:
            url = postgres.create_role_and_database("campaign")
            database = Database(url, pool_size=1, command_timeout=None)
            await migrate.upgrade(database, Path(marque_campaign.__file__).parent / "migrations")
            try:
                async with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                    await connection.execute(sa.text("SET statement_timeout = 0"))
                    for statement in _FILL:
                        await connection.execute(sa.text(statement), {"count": count})
                    await connection.execute(sa.text("VACUUM ANALYZE audience_people, audience_cars"))
                yield database
            finally:
                await database.engine.dispose()
        finally:
            postgres.stop()


async def segments(quick: bool) -> list[Figure]:
    """Fills the read model by SQL, then asks both ways in turn; the figure is the median of rounds."""
    count, rounds = (QUICK_PEOPLE, QUICK_ROUNDS) if quick else (PEOPLE_COUNT, ROUNDS)
    async with filled(count) as database:
        async with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            await connection.execute(sa.text("SET statement_timeout = 0"))
            found = [await _one(connection, name, rule, by_hand, rounds) for name, rule, by_hand in RULES]
        async with AsyncSession(database.engine) as session:
            return [*found, *await _launch(session, count)]


async def _one(connection: Any, name: str, rule: str, by_hand: str, rounds: int) -> Figure:
    where = SegmentSql(Asked(TODAY, {})).where(read(rule).condition)
    ours = sa.select(sa.func.count()).select_from(PEOPLE).where(where)
    theirs = sa.text(f"SELECT count(*) FROM audience_people p WHERE {by_hand}")
    taken: list[tuple[float, float]] = []
    for _ in range(rounds + 1):  # the first round reads the pages
        one, mine = await _timed(connection, ours)
        other, hand = await _timed(connection, theirs)
        if mine != hand:
            raise AssertionError(f"{name}: the rule counts {mine}, by hand it is {hand}")
        taken.append((one, other))
    kept = taken[1:]
    return Figure(
        "segments", name, median([one for one, _ in kept]) * 1000, "ms", median([other for _, other in kept]) * 1000,
        "SQL by hand", Target("ratio", "at most", 1.2), f"{mine:,} people", tuple(one / other for one, other in kept),
    )  # fmt: skip


async def _timed(connection: Any, statement: Any) -> tuple[float, int]:
    began = time.perf_counter()
    found = (await connection.execute(statement)).scalar_one()
    return time.perf_counter() - began, int(found)


async def _launch(session: AsyncSession, count: int) -> list[Figure]:
    """A campaign to everybody: the snapshot of its people in one statement, then its ledger in pieces."""
    campaign, listed = uuid.uuid4(), uuid.uuid4()
    made = {"campaign": campaign, "list": listed}
    for statement in (
        "INSERT INTO audience_lists (audience_list_id, version, create_time, update_time, name) VALUES (:list, 1, now(), now(), 'all')",
        "INSERT INTO campaigns (campaign_id, version, create_time, update_time, name, kind, state, frozen, author) "
        "VALUES (:campaign, 1, now(), now(), 'all', 1, 5, '{}', 'bench')",
    ):
        await session.execute(sa.text(statement), made)
    moment, began = now(), time.perf_counter()
    everybody = addressing.Audience(listed, None, None, read("true").condition, ())
    whole = await addressing.snapshot(session, everybody, Asked(TODAY, {}), moment)
    shot, after = time.perf_counter() - began, uuid.UUID(int=0)
    values = {**made, "channel": 3, "launched": moment, "most": _AT_ONCE, "now": moment}
    while (last := await sends.plan(session, {**values, "after": after})) is not None:
        after = last
    seconds = time.perf_counter() - began
    await session.rollback()
    note = f"{whole:,} people of {count:,}; {shot:.1f} s of it the snapshot; whom a rule keeps out is asked as lines are claimed"
    return [Figure("segments", "launch to all: planned", seconds, "s", note=note)]
