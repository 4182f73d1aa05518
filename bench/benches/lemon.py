"""The watch of replacement and return: all cars of the fleet looked at, and a day on which a few stand in the workshop."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from servicekit.testing.platform import until

from bench import fleet
from bench.cpu import Meter
from bench.report import Figure, Target
from bench.world import World, superuser

_SERVING = ("vehicle", "postgres", "nats")
_LEFT = """
SELECT EXISTS (SELECT FROM lemon_watches WHERE next_change <= now()) OR EXISTS (SELECT FROM due_work WHERE kind = 'lemon.check')"""


async def lemon(world: World) -> list[Figure]:
    """Cars for each CPU second of service, database and broker: the first time, when everything is kept and told, and again."""
    cars, of = (
        (50_000, 20_000) if world.quick else (1_000_000, 200_000)
    )  # of the fleet, the last ones are looked at in full
    connection = await superuser(world, "vehicle")
    try:
        await fleet.fill(connection, cars)
        whole = await connection.fetchval("SELECT count(*) FROM vehicles WHERE make = 'Fleet'")
        after = fleet.vin(whole - of - 1)
        await world.settled(_SERVING)
        first = await _sweep(world, connection, f"first/{after}")
        told = await connection.fetchval("SELECT count(*) FROM lemon_marks")
        await connection.execute("VACUUM ANALYZE lemon_watches")
        again = await _sweep(world, connection, f"again/{after}")
        waiting, touched, day = await _day(world, connection)
    finally:
        await connection.close()
    bound = Target("ours", "at least", 3000)
    visits = f"{of:,} cars with {fleet.VISITS} visits each"
    parts = ", ".join(f"{name} {value / of * 1e6:.0f}" for name, value in again.spent.items())
    return [
        Figure(
            "lemon", "all cars looked at, nothing changed", of / again.total, "cars/CPU-s", target=bound,
            note=f"{visits}; {parts} µs of CPU a car",
        ),
        Figure(
            "lemon", "all cars looked at, every watch new", of / first.total, "cars/CPU-s", note=f"{told:,} thresholds told of"
        ),
        Figure(
            "lemon", "a day: watches written", touched, "cars", waiting, "cars in the workshop", Target("ratio", "at most", 1.0)
        ),
        Figure(
            "lemon", "a day", day.total, "CPU-s",
            note=f"{waiting:,} of {whole:,} cars had a day more; {waiting / day.total:,.0f} of them for a CPU second",
        ),
    ]  # fmt: skip


async def _sweep(world: World, connection: Any, key: str) -> Meter:
    async def over() -> bool:
        return not await connection.fetchval("SELECT EXISTS (SELECT FROM due_work WHERE kind = 'lemon.sweep')")

    with Meter(world.roots(*_SERVING)) as used:
        await connection.execute("INSERT INTO due_work VALUES ('lemon.sweep', $1, now(), 0)", key)
        await until(over, 7200, "the sweep does not end")
        await world.settled(_SERVING, limit=3600)
    return used


async def _day(world: World, connection: Any) -> tuple[int, int, Meter]:
    """Lets a day pass for the cars in the workshop; returns how many there are, how many watches were written, and what it took."""
    waiting = await connection.fetchval("SELECT count(*) FROM lemon_watches WHERE next_change IS NOT NULL")
    await connection.execute("UPDATE repair_orders SET open_time = open_time - interval '1 day' WHERE state = 1")
    await connection.execute(
        "UPDATE lemon_watches SET next_change = next_change - interval '1 day' WHERE next_change IS NOT NULL"
    )
    await world.settled(_SERVING)
    began = datetime.now(UTC)

    async def over() -> bool:
        return not await connection.fetchval(_LEFT)

    with Meter(world.roots(*_SERVING)) as used:
        await connection.execute("UPDATE due_work SET due_time = now() WHERE kind = 'lemon.day'")
        await until(over, 3600, "the day does not end")
    touched = await connection.fetchval("SELECT count(*) FROM lemon_watches WHERE update_time >= $1", began)
    return waiting, touched, used
