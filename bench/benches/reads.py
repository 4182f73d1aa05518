"""Reads through gateway → gRPC → PostgreSQL, unmasked, against yardstick (a) on the same rows."""

from __future__ import annotations

from bench import measure, same
from bench.measure import Run
from bench.report import Figure, Target
from bench.stats import median
from bench.world import World

OURS = ("gateway", "customer", "postgres", "nats")
THEIRS = ("bare_api", "postgres")
AGAINST = "FastAPI + asyncpg in one file"
SIZES = (10_000, 100_000)  # quick, full
PAGE = "/v1/customers?pageSize=50"


async def read_one(world: World) -> list[Figure]:
    """Reads of single customers spread over the table."""
    await prepare(world)
    paths = [f"/v1/customers/{one}" for one in await world.customer_ids(500)]
    size = await same.check(_doors(world), paths[0], world.headers)
    figures, saturation = await _compare(
        world, "read-one", "one customer", paths, Target("ratio", "at least", 0.25), size
    )
    calm = await measure.run(world, "gateway", paths, OURS, rate=saturation / 2)
    name, result = f"one customer, open loop at {saturation / 2:,.0f}/s (half of saturation)", calm.result
    note = (
        f"p50 {result.p50:.1f} ms, p90 {result.p90:.1f} ms, p99 {result.p99:.1f} ms, worst {result.worst:.1f} ms; "
        "the load driver shares the two cores"
    )
    return [*figures, Figure("read-one", name, result.p99, "ms p99", note=note)]


async def read_page(world: World) -> list[Figure]:
    """The first page of 50 customers, newest change first."""
    await prepare(world)
    size = await same.check(_doors(world), PAGE, world.headers)
    figures, _ = await _compare(world, "read-page", "page of 50", [PAGE], Target("ratio", "at least", 0.4), size)
    return figures


async def prepare(world: World) -> None:
    """Brings the table to its size and starts the yardstick."""
    await world.grow(SIZES[0] if world.quick else SIZES[1])
    await world.vacuum()
    if "bare_api" not in world.urls:
        await world.spawn_bare_api()


def _doors(world: World) -> dict[str, str]:
    return {name: world.urls[name] for name in ("gateway", "bare_api")}


async def _compare(
    world: World, bench: str, what: str, paths: list[str], target: Target, size: int
) -> tuple[list[Figure], float]:
    """Measures both doors in turn, round by round, because the machine's speed moves more between minutes than within one."""
    await measure.warm(world, ("gateway", "bare_api"), paths)
    ours: list[Run] = []
    theirs: list[Run] = []
    for _ in range(world.rounds):
        ours.append(await measure.run(world, "gateway", paths, OURS))
        theirs.append(await measure.run(world, "bare_api", paths, THEIRS))
    rounds = tuple(one.per_cpu_second / other.per_cpu_second for one, other in zip(ours, theirs, strict=True))
    saturation = median([one.result.per_second for one in ours])
    middle, other = _middle(ours), _middle(theirs)
    note = (
        f"{size:,} bytes of JSON; ours {middle.breakdown()}; yardstick {other.breakdown()}; "
        f"ratios of the rounds {', '.join(f'{one:.2f}' for one in rounds)}"
    )
    figure = Figure(
        bench, what, median([one.per_cpu_second for one in ours]), "requests/CPU-s",
        median([one.per_cpu_second for one in theirs]), AGAINST, target, note, rounds,
    )  # fmt: skip
    wall = Figure(
        bench, f"{what}, closed loop of {measure.CONNECTIONS}", saturation, "requests/s",
        median([one.result.per_second for one in theirs]), AGAINST,
        note=f"{_latency(middle)}; yardstick {_latency(other)}",
    )  # fmt: skip
    return [figure, wall], saturation


def _middle(runs: list[Run]) -> Run:
    """The run of the middle, by what it did for a CPU second."""
    return sorted(runs, key=lambda run: run.per_cpu_second)[len(runs) // 2]


def _latency(run: Run) -> str:
    return f"p50 {run.result.p50:.1f} ms, p99 {run.result.p99:.1f} ms"
