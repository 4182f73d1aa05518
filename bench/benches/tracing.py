"""What tracing one request of a hundred costs, beside the same processes without a collector."""

from __future__ import annotations

from devstack.ports import free_port

from bench import measure
from bench.benches import reads
from bench.report import Figure, Target
from bench.stats import median
from bench.world import World

_ON = ("gateway", "customer", "postgres")
_OFF = ("gateway_off", "customer_off", "postgres")


async def tracing(world: World) -> list[Figure]:
    """Reads of one customer with 1 % of the traces recorded and exported, and with tracing off."""
    await reads.prepare(world)
    if "gateway_off" not in world.urls:
        await _spawn_untraced(world)
    paths = [f"/v1/customers/{one}" for one in await world.customer_ids(500)]
    await measure.warm(world, ("gateway", "gateway_off"), paths)
    on: list[float] = []
    off: list[float] = []
    for _ in range(world.rounds):
        on.append((await measure.run(world, "gateway", paths, _ON)).per_cpu_second)
        off.append((await measure.run(world, "gateway_off", paths, _OFF)).per_cpu_second)
    costs = [(without / traced - 1) * 100 for traced, without in zip(on, off, strict=True)]
    note = f"{median(on):,.0f} requests/CPU-s with, {median(off):,.0f} without; rounds {', '.join(f'{one:+.0f} %' for one in costs)}"
    return [
        Figure(
            "tracing",
            "1 % sampling against off",
            median(costs),
            "% more CPU",
            target=Target("ours", "under", 25),
            note=note,
        )
    ]


async def _spawn_untraced(world: World) -> None:
    platform = world.platform
    traced = dict(platform.peers)
    process = await platform.spawn("customer", grpc_port=free_port(), otlp_endpoint=None)
    untraced = dict(platform.peers)
    platform.peers.update(traced)
    world.pids["customer_off"] = process.pid
    await world.spawn_gateway("gateway_off", untraced)
