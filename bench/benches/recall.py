"""A recall of every car of the fleet: gathered by rule and by list, opened, told of, and listed for a dealer by index."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from marque.vehicle.v1 import recall_pb2, recall_service_pb2, vehicle_import_service_pb2
from servicekit.testing.platform import until

from bench import fleet
from bench.cpu import Meter
from bench.report import Figure, Target
from bench.world import ROLE, World, superuser

_SERVING = ("vehicle", "postgres", "nats")
_RPC = "vehicle.v1.RecallService"
_LISTED = 100_000  # VINs of the list that comes as a stream
_TOLD = 30_000  # cars whose telling is measured; the rest follows unmeasured
_GONE = "SELECT count(*) FROM outbox_messages WHERE event_type = 'marque.vehicle.v1.VehicleRecalled' AND publish_time IS NOT NULL"
_BUFFERS = """
SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0)::float8 FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.query LIKE '%recall_vehicles%' AND s.query NOT LIKE '%pg_stat_statements%'"""


async def recall(world: World) -> list[Figure]:
    """CPU of gathering, opening and telling; buffers of a dealer's page."""
    cars = 100_000 if world.quick else 1_000_000
    connection = await superuser(world, "vehicle")
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await fleet.fill(connection, cars)
        client = world.platform.client("vehicle", ROLE)
        made = recall_pb2.Recall(code=f"BENCH-{time.time_ns()}", title="Brakes", remedy_operation_codes=["RCL-1"])
        listed = await _listed(world, client, cars)
        of_rule = await client.call(f"{_RPC}/CreateRecall", recall_service_pb2.CreateRecallRequest(recall=made))
        await world.settled(_SERVING)
        with Meter(world.roots(*_SERVING)) as gathered:
            added = [await _by_model(client, of_rule.recall_id, model) for model in range(fleet.MODELS)]
        if sum(added) != cars:
            raise RuntimeError(f"{sum(added)} cars met the rules, not {cars}")
        await connection.execute("VACUUM ANALYZE recall_vehicles")
        with Meter(world.roots(*_SERVING)) as opened:
            request = recall_service_pb2.OpenRecallRequest(recall_id=of_rule.recall_id)
            await client.call(f"{_RPC}/OpenRecall", request, timeout=600)
        page = await _page(connection, client, of_rule.recall_id)
        with Meter(world.roots(*_SERVING)) as told:
            count = await _some_told(connection, min(_TOLD, cars))
    finally:
        await connection.close()
    of = f"{cars:,} cars"
    parts = ", ".join(f"{name} {value:.1f}" for name, value in told.spent.items())
    return [
        Figure("recall", f"opened, {of}", opened.total, "CPU-s", target=Target("ours", "under", 120.0)),
        Figure("recall", f"gathered by {fleet.MODELS} rules, {of}", gathered.total, "CPU-s"),
        Figure(
            "recall", f"cars told of afterwards, {count:,} of them", count / told.total, "cars/CPU-s",
            note=f"{parts} CPU-s, in {told.wall:.0f} s",
        ),
        Figure("recall", "a dealer's page of 50 of them", page, "buffers"),
        Figure("recall", f"list of {min(_LISTED, cars):,} VINs by stream", listed, "VINs/CPU-s"),
    ]  # fmt: skip


async def _by_model(client: Any, recall_id: str, model: int) -> int:
    rule = recall_service_pb2.AddRecallVehiclesByRuleRequest(recall_id=recall_id, make="Fleet", models=[f"M{model}"])
    return int((await client.call(f"{_RPC}/AddRecallVehiclesByRule", rule, timeout=600)).added_count)


async def _page(connection: Any, client: Any, recall_id: str) -> float:
    dealers = [
        row[0]
        for row in await connection.fetch("SELECT dealer_id FROM known_dealers WHERE code LIKE 'FLEET-%' LIMIT 20")
    ]
    requests = [
        recall_service_pb2.ListRecallVehiclesRequest(recall_id=recall_id, dealer_id=str(one), page_size=50)
        for one in dealers
    ]
    before = 0.0
    for _ in range(2):  # the first round makes plans and catalogues warm
        before = await connection.fetchval(_BUFFERS)
        for request in requests:
            found = await client.call(f"{_RPC}/ListRecallVehicles", request, timeout=60)
            if len(found.vehicles) != 50:
                raise RuntimeError("a dealer's page is not full")
    return float(await connection.fetchval(_BUFFERS) - before) / len(requests)


async def _some_told(connection: Any, count: int) -> int:
    """Waits until some cars were told of and their events have left; returns how many by then."""

    async def told() -> int:
        found = int(await connection.fetchval(_GONE))
        return found if found >= count else 0

    return int(await until(told, 7200, "the cars are not told of"))


async def _listed(world: World, client: Any, cars: int) -> float:
    code = f"BENCH-{time.time_ns()}"
    made = recall_pb2.Recall(code=code, title="Seats")
    await client.call(f"{_RPC}/CreateRecall", recall_service_pb2.CreateRecallRequest(recall=made))
    count = min(_LISTED, cars)

    def messages() -> Iterator[Any]:
        for begin in range(0, count, 1000):
            message = vehicle_import_service_pb2.ImportRecallVehiclesRequest()
            if not begin:
                message.header.source = "bench"
            for number in range(begin, min(begin + 1000, count)):
                message.rows.add(row=number + 1, recall_code=code, vin=fleet.vin(number))
            yield message

    last: Any = None
    with Meter(world.roots(*_SERVING)) as used:
        async for answer in client.stream(
            "vehicle.v1.VehicleImportService/ImportRecallVehicles", messages(), timeout=3600
        ):
            last = answer
    if last is None or last.summary.created != count:
        raise RuntimeError("the list was not taken whole")
    return count / used.total
