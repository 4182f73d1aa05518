"""Campaign's read model made anew: customer and vehicle say their whole state, campaign forgets and hears, and asks them of everybody.

The services are processes as they are deployed, with their own PostgreSQL and NATS between them. Beside it stands the bare copy of the rows
that come of it, inside PostgreSQL, in the same run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from servicekit.testing import rebuild

from bench import cpu
from bench.cpu import Meter
from bench.report import Figure, Target
from bench.world import World

PEOPLE = (10_000, 1_000_000)  # quick, full; each with a car
_IMPORTED = 5_000
_LONGEST = 7200.0
_SOURCES = ("customer", "vehicle")
_ALL = ("campaign", *_SOURCES, "postgres", "nats")
_KEPT = ("audience_people", "audience_cars", "audience_holdings", "audience_deeds", "audience_scores")
# Nobody searches here, and these indexes would take most of the time to fill.
_SEARCH = "SELECT indexname FROM pg_indexes WHERE tablename = $1 AND indexdef LIKE '%USING gin%'"
_PEOPLE_COPIED = """
INSERT INTO customers
    (customer_id, version, create_time, update_time, status_time, kind, status, full_name, search_text, search_tokens, card)
SELECT gen_random_uuid(), 1, now(), now(), now(), kind, status, full_name, search_text, search_tokens, card
FROM (SELECT * FROM customers LIMIT $1) known, generate_series(1, $2::integer)"""
_AGREED = """
INSERT INTO consent_entries
SELECT gen_random_uuid(), customer_id, 1, 2, 3, 1, '', 1, 't', 'bench', now(), '', '', now(), 'bench' FROM customers"""
_CARS = """
WITH owners AS (SELECT customer_id, row_number() OVER () AS n FROM unnest($1::uuid[]) customer_id), cars AS (
    INSERT INTO vehicles (vin, version, create_time, update_time, make, model, model_year)
    SELECT 'B' || lpad((n + $2::bigint)::text, 16, '0'), 1, now(), now(), 'Marque', 'One', 2024 FROM owners RETURNING vin)
INSERT INTO ownerships (ownership_id, version, vin, customer_id, role, valid_from, known_from)
SELECT gen_random_uuid(), 1, 'B' || lpad((n + $2::bigint)::text, 16, '0'), customer_id, 1, now() - interval '1 year', now() FROM owners"""
_OWNED = "SELECT ownership_id, customer_id, vin, valid_from FROM ownerships ORDER BY ownership_id LIMIT $1 OFFSET $2"
# Customer heard of the cars when they were sold.
_KNOWN = """
INSERT INTO known_cars (ownership_id, customer_id, vin, role, valid_start_time, voided, version, plate)
SELECT *, false, 1, '' FROM unnest($1::uuid[], $2::uuid[], $3::text[], array_fill(1, ARRAY[cardinality($3::text[])]), $4::timestamptz[])"""
_PART = 100_000
_WAITING = "SELECT EXISTS (SELECT 1 FROM audience_stale) AS stale, (SELECT count(*) FROM audience_people) AS people"


async def rebuilding(quick: bool) -> list[Figure]:
    """Fills the owners past their doors, then has everything said again; ends when nobody is left to be asked about."""
    count = PEOPLE[0] if quick else PEOPLE[1]
    async with World(quick=quick) as world:
        await world.start_some({name: {} for name in _SOURCES})
        await world.grow(_IMPORTED)
        await _fill(world, count)
        await world.start_some({"campaign": {}})
        await rebuild.quiet(world.platform, ("campaign", *_SOURCES), 600)
        for table in (*_KEPT, "audience_stale"):
            await world.platform.sql("campaign", f"TRUNCATE {table}")
        seen: list[int] = []
        with Meter(world.roots(*_ALL)) as used:
            began = time.perf_counter()
            said = await rebuild.republish(world.platform, _SOURCES)
            while not await _known(world, count):
                seen.append(cpu.resident(world.pids["campaign"]))
                if time.perf_counter() - began > _LONGEST:
                    raise TimeoutError("the read model is not made anew")
                await asyncio.sleep(1.0)
            wall = time.perf_counter() - began
        told = await rebuild.ended(world.platform, said, 600)
        counts = {table: await _count(world, table) for table in _KEPT}
        if counts["audience_cars"] != count or counts["audience_deeds"] != count:
            raise RuntimeError(f"of {count} people with a car each are known: {counts}")
        bare = await _copied(world)
        return _figures(count, wall, used.spent, seen, bare, sum(told.values()))


async def _fill(world: World, count: int) -> None:
    sql = world.platform.sql
    for (index,) in [*await sql("customer", _SEARCH, "customers")]:
        await sql("customer", f"DROP INDEX {index}")
    await sql("customer", _PEOPLE_COPIED, _IMPORTED, count // _IMPORTED - 1)
    await sql("customer", _AGREED)
    people = [row["customer_id"] for row in await sql("customer", "SELECT customer_id FROM customers")]
    if len(people) != count:
        raise RuntimeError(f"{len(people)} customers, not {count}")
    for first in range(0, count, _PART):
        await sql("vehicle", _CARS, people[first : first + _PART], first)
    for first in range(0, count, _PART):
        owned = await sql("vehicle", _OWNED, _PART, first)
        await sql("customer", _KNOWN, *(list(column) for column in zip(*owned, strict=True)))
    for name in _SOURCES:
        await world.vacuum(name)


async def _known(world: World, count: int) -> bool:
    (row,) = await world.platform.sql("campaign", _WAITING)
    if row["stale"] or row["people"] < count:
        return False
    await rebuild.quiet(world.platform, ("campaign",), 600)
    (row,) = await world.platform.sql("campaign", _WAITING)
    return not row["stale"]


async def _count(world: World, table: str) -> int:
    return int((await world.platform.sql("campaign", f"SELECT count(*) FROM {table}"))[0][0])


async def _copied(world: World) -> float:
    """CPU seconds of PostgreSQL for copying the rows into tables with the same indexes."""
    with Meter(world.roots("postgres")) as used:
        for table in _KEPT:
            await world.platform.sql("campaign", f"CREATE TABLE copy_{table} (LIKE {table} INCLUDING ALL)")
            await world.platform.sql("campaign", f"INSERT INTO copy_{table} SELECT * FROM {table}")
    return used.spent["postgres"]


def _figures(
    count: int, wall: float, spent: dict[str, float], seen: Sequence[int], bare: float, said: int
) -> list[Figure]:
    by = ", ".join(f"{name} {value / count * 1000:,.2f}" for name, value in spent.items())
    half = len(seen) // 2
    early, late = max(seen[: half or 1]), max(seen[half:])
    return [
        Figure(
            "rebuild", f"{count:,} people with a car each, made anew", wall / 60, "min",
            note=f"{said:,} snapshots said, {count / wall:,.0f} people/s with everything on the same cores",
        ),
        Figure(
            "rebuild", "CPU of all", sum(spent.values()) / count * 1000, "ms/person", bare / count * 1000, "the rows copied in PostgreSQL",
            note=f"ms a person: {by}",
        ),
        Figure(
            "rebuild", "memory of campaign, second half", late / 2**20, "MB", early / 2**20, "the first half",
            Target("ratio", "at most", 1.2),
        ),
    ]  # fmt: skip
