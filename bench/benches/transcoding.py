"""The gateway's own CPU a request beside Envoy's, before the same customer service."""

from __future__ import annotations

import asyncio
import base64

from marque.customer.v1 import customer_service_pb2

from bench import load_grpc, measure, same
from bench.benches import reads
from bench.cpu import Meter
from bench.load_grpc import GrpcJob
from bench.report import Figure, Target
from bench.stats import median
from bench.world import World

AGAINST = "Envoy's transcoder"
_GET = "/marque.customer.v1.CustomerService/GetCustomer"


async def transcode(world: World) -> list[Figure]:
    """One customer and a page of 50, through our gateway and through Envoy; both check the token and count the rate."""
    await reads.prepare(world)
    if "envoy" not in world.urls:
        await world.spawn_envoy()
    ids = await world.customer_ids(500)
    one = await _compare(
        world, "one customer", [f"/v1/customers/{found}" for found in ids], Target("ratio", "at most", 3.0)
    )
    page = await _compare(world, "page of 50", [reads.PAGE], Target("ratio", "at most", 1.3))
    return [one, page, await _direct(world, ids)]


async def _compare(world: World, what: str, paths: list[str], target: Target) -> Figure:
    doors = {name: world.urls[name] for name in ("gateway", "envoy")}
    size = await same.check(doors, paths[0], world.headers)
    await measure.warm(world, tuple(doors), paths)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(world.rounds):
        ours.append((await measure.run(world, "gateway", paths, ("gateway", "customer"))).micros("gateway"))
        theirs.append((await measure.run(world, "envoy", paths, ("envoy", "customer"))).micros("envoy"))
    rounds = tuple(one / other for one, other in zip(ours, theirs, strict=True))
    note = f"{size:,} bytes of JSON, equal in meaning at both doors; ratios of the rounds {', '.join(f'{one:.2f}' for one in rounds)}"
    return Figure("transcode", what, median(ours), "µs CPU/request", median(theirs), AGAINST, target, note, rounds)


async def _direct(world: World, ids: list[str]) -> Figure:
    """The same read straight at the service over gRPC: what is left when the gateway is taken away."""
    asked = [
        base64.b64encode(customer_service_pb2.GetCustomerRequest(customer_id=one).SerializeToString()).decode()
        for one in ids
    ]
    job = GrpcJob(world.platform.peers["customer"], _GET, asked, world.seconds, world.token)
    with Meter(world.roots("customer", "postgres", "nats")) as used:
        result = await asyncio.to_thread(load_grpc.run, job)
        await world.settled()
    note = (
        ", ".join(f"{name} {spent / result.requests * 1e6:,.0f}" for name, spent in used.spent.items())
        + " µs of CPU a request"
    )
    return Figure(
        "transcode",
        "one customer over gRPC without the gateway",
        result.requests / used.total,
        "requests/CPU-s",
        note=note,
    )
