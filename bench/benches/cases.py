"""Cases: taken in by the API and by a stream of rows, found again as the table grows, and told of in time when a promise breaks."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
from marque.complaint.v1 import complaint_import_service_pb2 as wire
from marque_complaint.rules import documents
from servicekit.ids import new_uuid
from servicekit.testing.platform import until

from bench.cpu import Meter
from bench.report import Figure, Target
from bench.stats import percentile
from bench.world import World, superuser

CASES, ROWS = (300, 3_000), (5_000, 50_000)  # quick, full: by the API, by a stream
SIZES = ((10_000, 100_000), (10_000, 1_000_000))
CLOCKS, BREACHES = (10_000, 100_000), (200, 1_000)  # running, and of them those that break while we look
_SERVING = ("gateway", "complaint", "postgres", "nats")
_PART, _REPEATS, _CONNECTIONS = 10_000, 20, 8
_FIRST_RESPONSE = timedelta(minutes=60)  # of the policy that a new installation has; its week has no closed hour
_HEAD, _SPREAD = timedelta(seconds=15), 20.0
_WORDS = [f"{begin}{middle}{end}" for begin in ("bra", "sto", "kli", "mer", "pon", "tal") for middle in ("ke", "ra", "lo", "mi", "su")
    for end in ("n", "ts", "d", "rk", "ll", "x", "ft")]  # fmt: skip
_HAN = (
    "变速箱异响",
    "刹车偏软",
    "空调不制冷",
    "发动机抖动",
    "漏油",
    "方向盘跑偏",
    "车漆起泡",
    "油耗偏高",
    "售后拖延",
    "导航失灵",
)
_TOUCHED = """
SELECT COALESCE(sum(shared_blks_hit + shared_blks_read), 0)::float8 FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.query ~ '^ *(SELECT|WITH)' AND s.query ~ 'case_search|FROM cases'
    AND s.query !~ 'pg_stat_statements|FOR UPDATE'"""


async def cases(world: World) -> list[Figure]:
    """Returns figures of intake, of lists and searches at two sizes, and of the lag of breaches."""
    figures = [await _by_api(world), await _by_rows(world)]
    return [*figures, *await _growing(world), await _breaking(world)]


def _told(chance: random.Random) -> tuple[str, str]:
    subject = f"{chance.choice(_HAN)} {chance.choice(_WORDS)}"
    return subject, f"{' '.join(chance.choices(_WORDS, k=25))}。{chance.choice(_HAN)},{chance.choice(_HAN)}。"


def _note(used: Meter, count: int) -> str:
    return ", ".join(f"{name} {value / count * 1e6:,.0f}" for name, value in used.spent.items()) + " µs of CPU a case"


async def _by_api(world: World) -> Figure:
    count, chance = CASES[0] if world.quick else CASES[1], random.Random(1)
    await _post(world, count // 10, chance)
    await world.settled(_SERVING)
    with Meter(world.roots(*_SERVING)) as used:
        await _post(world, count, chance)
    return Figure("cases", "taken in by the API", count / used.total, "cases/CPU-s", note=_note(used, count))


async def _post(world: World, count: int, chance: random.Random) -> None:
    numbers = iter(range(count))

    async def send(web: httpx.AsyncClient) -> None:
        for _ in numbers:
            subject, description = _told(chance)
            body = {"case": {"kind": "CASE_KIND_COMPLAINT"}, "subject": subject, "description": description}
            answer = await web.post("/v1/cases", json=body, headers=world.headers)
            answer.raise_for_status()

    async with httpx.AsyncClient(base_url=world.urls["gateway"], timeout=60) as web:
        await asyncio.gather(*(send(web) for _ in range(_CONNECTIONS)))


async def _by_rows(world: World) -> Figure:
    count = ROWS[0] if world.quick else ROWS[1]
    await _stream(world, "warm", 1_000)
    await world.settled(_SERVING)
    with Meter(world.roots(*_SERVING[1:])) as used:
        await _stream(world, "bench", count)
        await world.settled(_SERVING)
    return Figure("cases", "taken in by rows", count / used.total, "cases/CPU-s", note=_note(used, count))


async def _stream(world: World, source: str, count: int) -> None:
    def rows() -> Iterator[wire.ImportCasesRequest]:
        chance = random.Random(source)
        for first in range(0, count, 500):
            message = wire.ImportCasesRequest()
            if not first:
                message.header.source = source
            for number in range(first, min(first + 500, count)):
                subject, description = _told(chance)
                message.rows.add(
                    row=number + 1, source_key=f"B{number}", receive_date="2026-03-02", make="Marque", model="One",
                    model_year="2025", subject=subject, description=description,
                )  # fmt: skip
            yield message

    client = world.platform.client("complaint", "oem.manager")
    async for answer in client.stream("complaint.v1.ComplaintImportService/ImportCases", rows(), timeout=3600):
        if answer.summary.rejected:
            raise RuntimeError(f"cases were rejected: {answer.rejected[0]}")


async def _growing(world: World) -> list[Figure]:
    small, large = SIZES[0] if world.quick else SIZES[1]
    dealers = [row[0] for row in await world.platform.sql("complaint", "SELECT dealer_id FROM known_dealers LIMIT 20")]
    before = await _at(world, 0, small, dealers)
    after = await _at(world, small, large, dealers)
    bound = Target("ratio", "at most", 1.5)
    return [
        Figure("cases", f"{what} at {large:,}", after[what], "buffers", before[what], f"at {small:,}", bound)
        for what in before
    ]


async def _at(world: World, known: int, size: int, dealers: list[uuid.UUID]) -> dict[str, float]:
    connection = await superuser(world, "complaint")
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        for first in range(known, size, _PART):
            await _fill(connection, first, min(_PART, size - first), dealers)
        await world.settled(_SERVING)
        await world.vacuum("complaint")
        chance = random.Random(3)
        queries = [" ".join(chance.choices(_WORDS, k=2)) for _ in range(_REPEATS)]
        codes = [f"BENCH{chance.randrange(10_000):08d}" for _ in range(_REPEATS)]
        asked = {
            "newest 50": ["/v1/cases?pageSize=50"] * _REPEATS,
            "a dealer's 50": [f"/v1/cases?pageSize=50&dealerId={one}" for one in dealers],
            "found by two words": [f"/v1/cases:search?pageSize=20&query={one.replace(' ', '+')}" for one in queries],
            "found by two Han words": [
                f"/v1/cases:search?pageSize=20&query={one}" for one in chance.choices(_HAN, k=_REPEATS)
            ],
            "found by its code": [f"/v1/cases:search?pageSize=20&query={one}" for one in codes],
        }
        async with httpx.AsyncClient(base_url=world.urls["gateway"], headers=world.headers, timeout=60) as web:
            return {what: await _buffers(connection, web, paths) for what, paths in asked.items()}
    finally:
        await connection.close()


async def _buffers(connection: asyncpg.Connection, web: httpx.AsyncClient, paths: list[str]) -> float:
    """Returns the buffers that a request touches on average; plans and catalogues are warm."""
    for path in paths:
        (await web.get(path)).raise_for_status()
    before = await connection.fetchval(_TOUCHED)
    for path in paths:
        (await web.get(path)).raise_for_status()
    return float(await connection.fetchval(_TOUCHED) - before) / len(paths)


async def _fill(connection: asyncpg.Connection, first: int, count: int, dealers: list[uuid.UUID]) -> None:
    """Closed cases of the years before, one of ten open, with the words that the service would find them by."""
    rows, found, chance = [], [], random.Random(first)
    now = datetime.now(UTC)
    for number in range(first, first + count):
        case_id, code = new_uuid(), f"BENCH{number:08d}"
        moment = now - timedelta(minutes=chance.randrange(60, 1_500_000))
        subject, description = _told(chance)
        closed = None if number % 10 == 0 else moment + timedelta(days=3)
        state = 2 if closed is None else 9
        rows.append((case_id, 1, moment, moment, code, 1, 1, state, 2, chance.choice(dealers), "Marque", "One", 2025, subject,
            description, 1, moment, closed))  # fmt: skip
        text, tokens = documents.build([subject, description], vin="", codes=[code])
        found.append((case_id, text, tokens))
    columns = ("case_id", "version", "create_time", "update_time", "tracking_code", "kind", "channel", "state", "severity", "dealer_id",
        "make", "model", "model_year", "subject", "description", "policy_version", "receive_time", "close_time")  # fmt: skip
    await connection.copy_records_to_table("cases", records=rows, columns=columns)
    await connection.copy_records_to_table(
        "case_search", records=found, columns=("case_id", "search_text", "search_tokens")
    )


async def _breaking(world: World) -> Figure:
    """Cases with running clocks, some of which break in the next seconds: how long after its moment each is told of."""
    at = 0 if world.quick else 1
    running, breaking = CLOCKS[at], BREACHES[at]
    connection = await superuser(world, "complaint")
    chance, moments = random.Random(7), {}
    try:
        for _ in range(0, running, _PART):
            await _wind(connection, [(new_uuid(), timedelta(minutes=chance.uniform(5, 50))) for _ in range(_PART)])
        await connection.execute("ANALYZE")
        left = [(new_uuid(), _HEAD + timedelta(seconds=chance.uniform(0, _SPREAD))) for _ in range(breaking)]
        moments = await _wind(connection, left)

        async def told() -> bool:
            await asyncio.sleep(0.5)
            count = "SELECT count(*) FROM case_clocks WHERE breach_time IS NOT NULL AND case_id = ANY($1::uuid[])"
            return bool(await connection.fetchval(count, list(moments)) >= breaking)

        await until(told, 300, "not every breach was told of")
        rows = await connection.fetch(
            "SELECT aggregate_id, min(create_time) AS moment FROM outbox_messages WHERE event_type LIKE '%Breached' "
            "AND aggregate_id = ANY($1::text[]) GROUP BY 1",
            [str(one) for one in moments],
        )
        lags = sorted((row["moment"] - moments[uuid.UUID(row["aggregate_id"])]).total_seconds() * 1000 for row in rows)
    finally:
        await connection.close()
    if len(lags) != breaking:
        raise RuntimeError(f"{len(lags)} of {breaking} breaches were told of")
    return Figure(
        "cases", f"lag of a breach, p99, {running:,} clocks run", percentile(lags, 0.99), "ms", target=Target("ours", "at most", 2000),
        note=f"{breaking} breaches within {_SPREAD:.0f} s; median {percentile(lags, 0.5):.0f} ms, longest {max(lags):.0f} ms",
    )  # fmt: skip


async def _wind(connection: asyncpg.Connection, wanted: list[tuple[uuid.UUID, timedelta]]) -> dict[uuid.UUID, datetime]:
    """Writes open cases whose first answer is due so much later, as the service would have; returns when each breaks."""
    now = datetime.now(UTC)
    due = {case_id: now + later for case_id, later in wanted}
    began = {case_id: moment - _FIRST_RESPONSE for case_id, moment in due.items()}
    await connection.copy_records_to_table(
        "cases",
        records=[(one, 1, begin, begin, f"CLOCK{one.hex[-12:]}{one.hex[:6]}", 1, 1, 1, 1, 1, begin, due[one])
            for one, begin in began.items()],
        columns=("case_id", "version", "create_time", "update_time", "tracking_code", "kind", "channel", "state", "policy_version",
            "entry_count", "receive_time", "due_time"),
    )  # fmt: skip
    await connection.copy_records_to_table(
        "case_entries",
        records=[(one, 1, "RECEIVED", 1, 0, 0, 0, [60, 960, 4800], 1, begin) for one, begin in began.items()],
        columns=("case_id", "sequence", "action", "state", "waiting", "escalation", "severity", "minutes", "policy_version", "occur_time"),
    )  # fmt: skip
    await connection.copy_records_to_table(
        "case_clocks",
        records=[(one, kind, begin, minutes, begin + timedelta(minutes=minutes))
            for one, begin in began.items() for kind, minutes in ((1, 60), (2, 960), (3, 4800))],
        columns=("case_id", "kind", "start_time", "target_minutes", "due_time"),
    )  # fmt: skip
    await connection.copy_records_to_table(
        "due_work",
        records=[("case-clock", str(one), moment, 0) for one, moment in due.items()],
        columns=("kind", "key", "due_time", "attempts"),
    )  # fmt: skip
    return due
