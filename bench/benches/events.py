"""From a commit in one service to the effect's commit in another: a sale in vehicle, on the buyer's time line in customer.

Both moments are PostgreSQL's own commit times (`track_commit_timestamp`) on one clock, so neither polling nor a client is in the figure.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid
from datetime import datetime
from typing import Any

import asyncpg
from google.type import date_pb2
from marque.vehicle.v1 import sale_events_pb2, sale_pb2, sale_service_pb2, vehicle_import_service_pb2, vehicle_pb2
from servicekit.ids import new_uuid
from servicekit.testing.platform import until

from bench import data
from bench.cpu import Meter
from bench.report import Figure, Target
from bench.stats import percentile
from bench.world import ROLE, World

_PROCESSES = ("vehicle", "customer", "postgres", "nats")
_TYPE = sale_events_pb2.SaleRecorded.DESCRIPTOR.full_name
_COLUMNS = ("event_id", "event_type", "aggregate_id", "aggregate_version", "payload", "create_time")
_EFFECTS = (
    "SELECT reference_id, pg_xact_commit_timestamp(xmin) AS moment FROM interactions WHERE reference_id = ANY($1)"
)
_LAST = "SELECT EXISTS (SELECT FROM interactions WHERE reference_type = 'vehicle.sale' AND reference_id = $1 AND subject_key <> '')"
_COUNT = "SELECT count(*) FROM interactions WHERE reference_id = ANY($1)"
RATE = 1500
SALES = (120, 400)  # quick, full
WARM = 20  # sales before the first that counts: statements prepared, plans made, as in the middle of a day
EVENTS = (1_500, 20_000)


async def events(world: World) -> list[Figure]:
    """Latency when idle, the rate that a flood drains with, and the latency at the rate asked for."""
    await world.grow(5_000)
    await world.settled()
    idle = await _idle(world, SALES[0] if world.quick else SALES[1])
    await world.settled()
    flood = await _flood(world, EVENTS[0] if world.quick else EVENTS[1])
    await world.settled()
    if not flood.met:  # more would come in than goes out: a latency at that rate would only tell how long we looked
        return [idle, flood]
    return [idle, flood, await _steady(world)]


async def _idle(world: World, count: int) -> Figure:
    """Sales recorded one by one by RecordSale while nothing else happens."""
    sales = await world.platform.sql("network", "SELECT dealer_id FROM dealers ORDER BY code LIMIT 1")
    dealer, buyers = str(sales[0][0]), await world.customer_ids(WARM + count)
    message = vehicle_import_service_pb2.ImportVehiclesRequest(
        rows=[data.car(number) for number in range(WARM + count)]
    )
    message.header.source = data.SOURCE
    client = world.platform.client("vehicle", ROLE)
    async for answer in client.stream("vehicle.v1.VehicleImportService/ImportVehicles", iter([message])):
        if answer.summary.rejected:
            raise RuntimeError(f"cars were rejected: {answer.rejected[0]}")
    await world.settled()
    ids = []
    for number, buyer in enumerate(buyers):
        sale = sale_pb2.Sale(
            dealer_id=dealer, vin=data.vin(number), buyer_customer_id=buyer, invoice_number=f"B-{number}",
            invoice_date=date_pb2.Date(year=2026, month=6, day=1), use=vehicle_pb2.VEHICLE_USE_PRIVATE,
        )  # fmt: skip
        ids.append(
            (
                await client.call("vehicle.v1.SaleService/RecordSale", sale_service_pb2.RecordSaleRequest(sale=sale))
            ).sale_id
        )
        await asyncio.sleep(0.05)
    effects = await _effects(world, ids, 60)
    ids = ids[WARM:]
    rows = await world.platform.sql(
        "vehicle",
        "SELECT sale_id::text AS id, pg_xact_commit_timestamp(xmin) AS moment FROM sales WHERE sale_id = ANY($1::uuid[])",
        ids,
    )
    lags = sorted((effects[row["id"]] - row["moment"]).total_seconds() * 1000 for row in rows)
    marks = f"p50 {percentile(lags, 0.5):.1f} ms, p90 {percentile(lags, 0.9):.1f} ms, worst {lags[-1]:.1f} ms"
    note = f"{len(lags)} sales; {marks}; from commit to commit"
    return Figure(
        "events",
        "commit to effect, idle",
        percentile(lags, 0.99),
        "ms p99",
        target=Target("ours", "under", 100),
        note=note,
    )


async def _flood(world: World, count: int) -> Figure:
    """Events that lie committed in the outbox all at once, until the last effect is committed."""
    rows = await _sales(world, count)
    payload = rows[0][4]
    connection = await asyncpg.connect(world.platform.databases["vehicle"])
    try:
        with Meter(world.roots(*_PROCESSES)) as used:
            await connection.copy_records_to_table("outbox_messages", records=rows, columns=_COLUMNS)
            effects = await _effects(world, [row[2] for row in rows], 600)
            await world.settled()
    finally:
        await connection.close()
    moments = sorted(moment.timestamp() for moment in effects.values())
    rate = 0.8 * count / (percentile(moments, 0.9) - percentile(moments, 0.1))
    raw = await _publish(world, count, payload)
    parts = ", ".join(f"{name} {spent / count * 1e6:,.0f}" for name, spent in used.spent.items())
    note = f"{count:,} events, effects between the 10th and 90th percentile; {parts} µs of CPU an event"
    return Figure(
        "events",
        "one pair of services, flood",
        rate,
        "events/s",
        raw,
        "raw JetStream publish",
        Target("ours", "at least", RATE),
        note,
    )


async def _steady(world: World) -> Figure:
    """The rate asked for, committed evenly in small transactions, and how late the effects are."""
    seconds = max(4.0, world.seconds)
    rows = await _sales(world, int(RATE * seconds))
    connection = await asyncpg.connect(world.platform.databases["vehicle"])
    step, began = 15, time.perf_counter()
    committed: dict[str, datetime] = {}
    try:
        for number, start in enumerate(range(0, len(rows), step)):
            part = rows[start : start + step]
            await asyncio.sleep(max(0.0, began + number * step / RATE - time.perf_counter()))
            await connection.copy_records_to_table("outbox_messages", records=part, columns=_COLUMNS)
            moment = await connection.fetchval("SELECT clock_timestamp()")
            committed.update((row[2], moment) for row in part)
        wall = time.perf_counter() - began
    finally:
        await connection.close()
    effects = await _effects(world, list(committed), 120)
    lags = sorted((effects[one] - moment).total_seconds() * 1000 for one, moment in committed.items())
    note = (
        f"{len(lags) / wall:,.0f} events/s committed for {wall:.1f} s; p50 {percentile(lags, 0.5):.0f} ms, worst {lags[-1]:.0f} ms; "
        "written past the service, so that the relay is woken by its poll of 100 ms only"
    )
    return Figure("events", f"commit to effect at {RATE:,}/s", percentile(lags, 0.99), "ms p99", note=note)


async def _sales(world: World, count: int) -> list[tuple[Any, ...]]:
    """Rows of the outbox: sales to customers that exist, by dealers that exist."""
    buyers = await world.customer_ids(5_000)
    dealers = [
        str(row[0]) for row in await world.platform.sql("network", "SELECT dealer_id FROM dealers ORDER BY code")
    ]
    found = []
    for number in range(count):
        sale_id = str(new_uuid())
        event = sale_events_pb2.SaleRecorded(
            sale_id=sale_id, aggregate_version=1, vin=data.vin(number), dealer_id=dealers[number % len(dealers)],
            customer_id=buyers[number % len(buyers)], use=vehicle_pb2.VEHICLE_USE_PRIVATE,
        )  # fmt: skip
        event.occur_time.GetCurrentTime()
        event.invoice_date.year, event.invoice_date.month, event.invoice_date.day = 2026, 6, 1
        found.append(
            (uuid.uuid4(), _TYPE, sale_id, 1, event.SerializeToString(), event.occur_time.ToDatetime().astimezone())
        )
    return found


async def _effects(world: World, ids: list[str], seconds: float) -> dict[str, datetime]:
    """Waits until every sale is on a time line; returns when each was committed there."""
    connection = await asyncpg.connect(world.platform.databases["customer"])
    try:

        async def all_there() -> bool:
            # The newest first: the table is asked for the last event before all are counted, which costs a scan.
            await asyncio.sleep(0.3)
            if not await connection.fetchval(_LAST, ids[-1]):
                return False
            return bool(await connection.fetchval(_COUNT, ids) >= len(ids))

        await until(all_there, seconds, "not every effect arrived")
        return {row["reference_id"]: row["moment"] for row in await connection.fetch(_EFFECTS, ids)}
    finally:
        await connection.close()


async def _publish(world: World, count: int, payload: bytes) -> float:
    argv = [sys.executable, "-m", "bench.yardsticks.publish", world.nats.url, str(count)]
    done = await asyncio.to_thread(subprocess.run, argv, input=payload, capture_output=True, check=True)
    found = json.loads(done.stdout)
    return float(found["count"] / found["wall"])
