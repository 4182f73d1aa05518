"""Import of customers by the ImportCustomers stream, against PostgreSQL's COPY of the same rows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

from google.protobuf.json_format import MessageToDict

from bench import data
from bench.cpu import Meter, Peak
from bench.report import Figure, Target
from bench.world import World

_FAR = 100_000_000  # numbers that no other bench uses: every row is new
_SERVING = ("customer", "postgres", "nats")  # the events of a row leave within its CPU seconds too
ROWS = (10_000, 50_000)  # quick, full


async def imports(world: World) -> list[Figure]:
    """Rows for each CPU second of service, database and broker; the memory of the service at one and at four times the rows."""
    rows = ROWS[0] if world.quick else ROWS[1]
    await world.import_customers(_FAR, 2_000)
    await world.settled()
    pid = world.pids["customer"]
    with Meter(world.roots(*_SERVING)) as used, Peak(pid) as small:
        wall = await world.import_customers(_FAR + 10_000, rows)
        await world.settled()
    spent, raw_cpu = dict(used.spent), await _copy(world, rows)
    with Peak(pid) as large:
        await world.import_customers(_FAR + 1_000_000, 4 * rows)
        await world.settled()
    with Meter(world.roots(*_SERVING)) as again:
        await world.import_customers(_FAR + 10_000, rows)
        await world.settled()
    with Meter(world.roots(*_SERVING)) as related:
        await world.import_customers(_FAR + 10_000_000, rows, dealer=True)
        await world.settled()
    parts = ", ".join(f"{name} {value / rows * 1e6:,.0f}" for name, value in spent.items())
    note = (
        f"{rows:,} rows in {wall:.1f} s wall, the client on the same cores; {parts} µs of CPU a row; "
        "normalisation, outbox, relay and audit included"
    )
    return [
        Figure(
            "import", "customers, all new", rows / sum(spent.values()), "rows/CPU-s", rows / raw_cpu, "COPY into a plain table",
            Target("ours", "at least", 8000), note,
        ),
        Figure("import", "customers, each with a dealer's relation", rows / related.total, "rows/CPU-s"),
        Figure("import", "the same file again: nothing changes", rows / again.total, "rows/CPU-s"),
        Figure(
            "import", "service's peak memory at 4 × the rows", large.bytes / 2**20, "MB", small.bytes / 2**20, "at 1 ×",
            Target("ratio", "at most", 1.15), f"{rows:,} and {4 * rows:,} rows",
        ),
    ]  # fmt: skip


async def _copy(world: World, rows: int) -> float:
    """Copies the same rows into a plain table; returns the CPU seconds of client and database."""
    lines = "".join(
        json.dumps(MessageToDict(data.customer(_FAR + 10_000 + number), preserving_proto_field_name=True)) + "\n"
        for number in range(rows)
    )
    argv = [sys.executable, "-m", "bench.yardsticks.copy", world.platform.databases["customer"]]
    with Meter(world.roots("postgres")) as used:
        done = await asyncio.to_thread(subprocess.run, argv, input=lines, text=True, capture_output=True, check=True)
    return used.total + float(json.loads(done.stdout)["cpu"])
