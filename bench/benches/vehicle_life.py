"""A car's life file and its owners at a moment, as the fleet grows a hundredfold: buffers touched, and CPU in alternating rounds."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import asyncpg
from marque.vehicle.v1 import ownership_service_pb2, vehicle_history_pb2

from bench import fleet
from bench.cpu import Meter
from bench.report import Figure, Target
from bench.stats import median
from bench.world import ROLE, World, superuser

_GROWTH = 100
_REQUESTS, _AT_ONCE, _PROBES = 400, 8, 200
_BOUND = 1.5
_BUFFERS = """
SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0)::float8 FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND (s.query LIKE '%FROM vehicles%' OR s.query LIKE '%FROM ownerships%')
    AND s.query NOT LIKE '%pg_stat_statements%'"""


class Side:
    """A vehicle service with a fleet of its own."""

    def __init__(self, world: World, name: str, database: str, address: str, cars: int) -> None:
        self.world, self.name, self.database, self.cars = world, name, database, cars
        kept = world.platform.peers["vehicle"]
        world.platform.peers["vehicle"] = address
        self.client = world.platform.client("vehicle", ROLE)
        world.platform.peers["vehicle"] = kept

    async def ask(self, what: str, number: int) -> None:
        """Asks one question of a car."""
        vin = fleet.vin(number)
        if what == "history":
            found = await self.client.call(
                "vehicle.v1.VehicleService/GetVehicleHistory",
                vehicle_history_pb2.GetVehicleHistoryRequest(vin=vin),
                timeout=60,
            )
            complete = len(found.entries) >= fleet.VISITS + 3
        else:
            request = ownership_service_pb2.GetOwnersAtRequest(vin=vin)
            request.valid_time.FromDatetime(datetime(2024, 6, 1, tzinfo=UTC) + timedelta(days=number % 700))
            found = await self.client.call("vehicle.v1.OwnershipService/GetOwnersAt", request, timeout=60)
            complete = bool(found.known_time.seconds)
        if not complete:
            raise RuntimeError(f"the answer about {vin} is not whole")

    async def load(self, what: str, requests: int, seed: int) -> None:
        """Asks of random cars, some at once."""
        numbers = iter(random.Random(seed).choices(range(self.cars), k=requests))

        async def one() -> None:
            for number in numbers:
                await self.ask(what, number)

        await asyncio.gather(*(one() for _ in range(_AT_ONCE)))

    async def micros(self, what: str, seed: int) -> float:
        """CPU microseconds a question of the service and the database."""
        with Meter(self.world.roots(self.name, "postgres")) as used:
            await self.load(what, _REQUESTS, seed)
            await asyncio.sleep(1.0)  # the audit of reads is written up to half a second later
        return used.total / _REQUESTS * 1e6

    async def buffers(self, what: str) -> float:
        """Buffers that a question touches on average; plans and catalogues are warm."""
        connection = await superuser_of(self.world, self.database)
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            await self.load(what, _PROBES, 1)
            before = await connection.fetchval(_BUFFERS)
            await self.load(what, _PROBES, 2)
            return float(await connection.fetchval(_BUFFERS) - before) / _PROBES
        finally:
            await connection.close()


async def vehicle_life(world: World) -> list[Figure]:
    """The small fleet has a database and a service of its own, so that both are asked within seconds of each other."""
    cars = 100_000 if world.quick else 1_000_000
    small, large = await _small(world, cars // _GROWTH), await _large(world, cars)
    figures: list[Figure] = []
    for what, title in (("history", "history of a car"), ("owners", "owners of a car as of a moment")):
        touched = [await side.buffers(what) for side in (small, large)]
        bound = Target("ratio", "at most", _BOUND)
        of = f"{cars:,} cars, {cars * fleet.VISITS:,} visits"
        against = f"at {cars // _GROWTH:,}"
        figures.append(Figure("vehicle-life", f"{title}, {of}", touched[1], "buffers", touched[0], against, bound))
        rounds: list[tuple[float, float]] = []
        for number in range(2 + world.rounds):
            sides = (small, large) if number % 2 else (large, small)
            spent = {side.name: await side.micros(what, 10 + number) for side in sides}
            rounds.append((spent[small.name], spent[large.name]))
        lows, highs = ([pair[place] for pair in rounds] for place in (0, 1))
        figures.append(
            Figure(
                "vehicle-life", f"{title}, {of}", median(highs), "µs of CPU", median(lows), against, bound,
                rounds=tuple(high / low for low, high in rounds),
            )
        )  # fmt: skip
    return figures


async def _large(world: World, cars: int) -> Side:
    connection = await superuser(world, "vehicle")
    try:
        await fleet.fill(connection, cars)
    finally:
        await connection.close()
    return Side(world, "vehicle", world.platform.databases["vehicle"], world.platform.peers["vehicle"], cars)


async def _small(world: World, cars: int) -> Side:
    """Starts a second vehicle service on a database of its own; the first stays the one of the world."""
    platform = world.platform
    database, address = platform.databases.pop("vehicle"), platform.peers["vehicle"]
    world.pids["vehicle-small"] = (await platform.spawn("vehicle", **world.traced())).pid
    own, at = platform.databases["vehicle"], platform.peers["vehicle"]
    platform.databases["vehicle"], platform.peers["vehicle"] = database, address
    connection = await superuser_of(world, own)
    try:
        await fleet.fill(connection, cars)
    finally:
        await connection.close()
    return Side(world, "vehicle-small", own, at, cars)


async def superuser_of(world: World, database: str) -> asyncpg.Connection:
    """Opens a connection of the superuser to a database by its address."""
    return await asyncpg.connect(world.postgres.dsn(database.rpartition("/")[2]))
