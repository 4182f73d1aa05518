"""Import of leads by the ImportLeads stream: people who are new, and people who are known; beside the import of customers alone."""

from __future__ import annotations

from collections.abc import Iterator

from marque.customer.v1 import lead_import_rows_pb2 as wire
from marque.type.v1 import import_pb2

from bench import data
from bench.cpu import Meter
from bench.report import Figure
from bench.world import ROLE, World

_FAR = 300_000_000  # numbers that no other bench uses: everybody is new
_SERVING = ("customer", "postgres", "nats")
_CHUNK = 1000
ROWS = (2_000, 20_000)  # quick, full


async def leads(world: World) -> list[Figure]:
    """Rows for each CPU second of service, database and broker: half of the leads name a dealer, the others wait for one."""
    rows = ROWS[0] if world.quick else ROWS[1]
    await _send(world, "warm", _FAR, 200)
    await world.settled()
    with Meter(world.roots(*_SERVING)) as new:
        await _send(world, "new", _FAR + 1_000_000, rows)
        await world.settled()
    await world.import_customers(_FAR + 2_000_000, rows)
    await world.settled()
    with Meter(world.roots(*_SERVING)) as known:
        await _send(world, "known", _FAR + 2_000_000, rows)
        await world.settled()
    with Meter(world.roots(*_SERVING)) as again:
        await _send(world, "known", _FAR + 2_000_000, rows)
        await world.settled()
    with Meter(world.roots(*_SERVING)) as alone:
        await world.import_customers(_FAR + 3_000_000, rows, dealer=True)
        await world.settled()
    against, yard = "customers with a dealer's relation", rows / alone.total
    parts = ", ".join(f"{name} {value / rows * 1e6:,.0f}" for name, value in new.spent.items())
    return [
        Figure(
            "lead-import",
            "leads of new people",
            rows / new.total,
            "rows/CPU-s",
            yard,
            against,
            note=f"{parts} µs of CPU a row",
        ),
        Figure("lead-import", "leads of known people", rows / known.total, "rows/CPU-s", yard, against),
        Figure("lead-import", "the same file again", rows / again.total, "rows/CPU-s", yard, against),
    ]


def _messages(source: str, first: int, count: int) -> Iterator[wire.ImportLeadsRequest]:
    for start in range(first, first + count, _CHUNK):
        message = wire.ImportLeadsRequest(
            rows=[_row(number) for number in range(start, min(start + _CHUNK, first + count))]
        )
        if start == first:
            message.header.CopyFrom(import_pb2.ImportStreamHeader(source=f"bench-{source}"))
        yield message


def _row(number: int) -> wire.LeadImportRow:
    """The lead of the person whom `data.customer` makes of the same number."""
    person = data.customer(number)
    return wire.LeadImportRow(
        source_key=str(number),
        full_name=person.full_name or f"{person.given_name} {person.family_name}",
        phone=person.phone,
        email=person.email,
        country_code=person.country_code,
        model=("One", "Two", "Three")[number % 3],
        timeframe_days=str(number % 90),
        dealer_code=data.dealer_code(number) if number % 2 else "",
    )


async def _send(world: World, source: str, first: int, count: int) -> None:
    client = world.platform.client("customer", ROLE)
    messages = _messages(source, first, count)
    answers = client.stream("customer.v1.CustomerImportService/ImportLeads", messages, timeout=3600)
    async for answer in answers:
        if answer.summary.rejected:
            raise RuntimeError(f"leads were rejected: {answer.rejected[0]}")
