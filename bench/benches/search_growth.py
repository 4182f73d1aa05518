"""Search and the look-up of callers as the table grows: buffers touched, and the CPU of the database for one question."""

from __future__ import annotations

import random
import tempfile
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import marque_customer
from devstack.postgres import EmbeddedPostgres
from marque_customer.repository import customers
from marque_customer.repository import search as repository
from marque_customer.repository.sight import Sight
from marque_customer.rules import contacts, documents
from marque_customer.rules.kinds import EMAIL, PHONE
from servicekit.db import migrate
from servicekit.db.engine import Database
from servicekit.ids import new_uuid
from tradekit import search

from bench.report import Figure, Target

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (10_000, 100_000)
ASKED = 40
_PART = 10_000
_CARD = 380  # bytes of a card in the sample world
_NAME = "clerks"
_PAGE, _SHORT_PAGE = 20, 10
# Family names by how many have them (the first ten of a public census are a third of all), given names of 64 characters.
_FAMILIES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
_WEIGHTS = [7.2, 7.1, 6.8, 5.3, 4.5, 3.1, 2.2, 2.1, 2.0, 1.9, *(1.5 - 0.025 * place for place in range(40))]
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国文志海燕鹏飞雪晓东春梦婷宇浩欣然子轩思琪一诺俊辉嘉怡佳琳金龙凤云"
_ALL = Sight(True, None, [], None, None)


async def search_growth(quick: bool) -> list[Figure]:
    """Questions at the smallest size and at each larger one; the tables are filled by COPY, with documents as the service makes them."""
    sizes = QUICK_SIZES if quick else SIZES
    with tempfile.TemporaryDirectory(prefix="marque-search-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(
            Path(folder) / "data", statistics=True, settings={"shared_buffers": "512MB", "track_commit_timestamp": "on"}
        )
        postgres.start()
        try:
            database = Database(postgres.create_role_and_database(_NAME), pool_size=1, command_timeout=None)
            await migrate.upgrade(database, Path(marque_customer.__file__).parent / "migrations")
            await database.start()
            try:
                measured = {
                    size: await _at(database, postgres, known, size)
                    for known, size in zip((0, *sizes), sizes, strict=False)
                }
            finally:
                await database.stop()
        finally:
            postgres.stop()
    small, *larger = sizes
    return [figure for size in larger for figure in _compared(small, measured[small], size, measured[size])]


def _compared(
    small: int, before: dict[str, tuple[float, ...]], large: int, after: dict[str, tuple[float, ...]]
) -> Iterator[Figure]:
    bound, told = Target("ratio", "at most", 1.5), f"at {small:,}"
    for what, (buffers, cpu, rows, cut) in after.items():
        then = before[what]
        note = f"{rows:.0f} candidates ({then[2]:.0f} at {small:,}), {cut:.0%} cut ({then[3]:.0%})"
        yield Figure("search-growth", f"{what}, {large:,}: buffers", buffers, "buffers", then[0], told, bound, note)
        yield Figure("search-growth", f"{what}, {large:,}: CPU", cpu, "µs", then[1], told, bound)


def _people(first: int, count: int) -> Iterator[tuple[uuid.UUID, str, str, str]]:
    chance = random.Random(first)
    for number in range(first, first + count):
        family = chance.choices(_FAMILIES[: len(_WEIGHTS)], _WEIGHTS)[0]
        given = "".join(chance.choices(_GIVEN, k=1 if chance.random() < 0.15 else 2))
        phone = f"+861{chance.choice(('38', '39', '50', '86', '77', '91'))}{chance.randrange(10**8):08d}"
        yield new_uuid(), family + given, phone, f"c{number}@example.org"


async def _fill(connection: asyncpg.Connection, first: int, count: int) -> None:
    """Loads customers; the large indexes are taken away meanwhile and built again, which comes to the same and takes a part of the time."""
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'customers' AND indexdef LIKE '%USING gin%'"
    )
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['indexname']}")
    await _load(connection, first, count)
    await connection.execute("SET maintenance_work_mem = '512MB'")
    for index in indexes:
        await connection.execute(index["indexdef"])


async def _load(connection: asyncpg.Connection, first: int, count: int) -> None:
    moment, card = datetime.now(UTC), random.Random(1).randbytes(_CARD)
    for start in range(first, first + count, _PART):
        people, points = [], []
        for customer_id, name, phone, email in _people(start, min(_PART, first + count - start)):
            known = [contacts.normalise(PHONE, phone), contacts.normalise(EMAIL, email)]
            text, tokens = documents.compose(documents.names_of("", "", name, "", ""), known, ())
            people.append((customer_id, 1, moment, moment, moment, 1, 1, name, text, tokens, card))
            points += [(new_uuid(), customer_id, one.kind, one.value, one.match_key, moment) for one in known]
        await connection.copy_records_to_table(
            "customers", records=people,
            columns=("customer_id", "version", "create_time", "update_time", "status_time", "kind", "status", "full_name", "search_text",
                "search_tokens", "card"),
        )  # fmt: skip
        await connection.copy_records_to_table(
            "contact_points", records=points,
            columns=("contact_point_id", "customer_id", "kind", "value", "match_key", "create_time"),
        )  # fmt: skip


Asked = Callable[[], Awaitable[tuple[int, bool]]]


async def _at(database: Database, postgres: EmbeddedPostgres, known: int, size: int) -> dict[str, tuple[float, ...]]:
    """Fills up to a size; returns by question buffers, median CPU in µs, candidates and the share that was cut."""
    connection = await asyncpg.connect(postgres.dsn(_NAME))
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await _fill(connection, known, size - known)
        await connection.execute("VACUUM (ANALYZE) customers")
        await connection.execute("VACUUM (ANALYZE) contact_points")
        sample = list(_people(0, SIZES[0]))  # the first part: its people are there at every size
        chance = random.Random(5)
        chosen = chance.sample(sample, ASKED)
        pairs = Counter(name[:2] for _, name, _, _ in sample)
        frequent = chance.sample(sorted(pair for pair, many in pairs.items() if many > _SHORT_PAGE), ASKED)
        asked: dict[str, list[Asked]] = {
            "caller's number": [_caller(database, phone) for _, _, phone, _ in chosen],
            "whole number": [_search(database, phone) for _, _, phone, _ in chosen],
            "8 digits of a number": [_search(database, phone[-9:-1]) for _, _, phone, _ in chosen],
            "6 digits of a number": [_search(database, phone[-8:-2]) for _, _, phone, _ in chosen],
            "last 4 digits": [_search(database, phone[-4:]) for _, _, phone, _ in chosen],
            "two Han characters": [_search(database, name[-2:]) for _, name, _, _ in chosen],
            "a whole Han name": [_search(database, name) for _, name, _, _ in chosen],
            # As many are shown at every size: what is left is what grows with the table, and not with the answer.
            "two Han characters, 10 shown": [_search(database, pair, _SHORT_PAGE) for pair in frequent],
            "last 4 digits, 1 shown": [_search(database, phone[-4:], 1) for _, _, phone, _ in chosen],
        }
        return {what: await _measure(connection, database, questions) for what, questions in asked.items()}
    finally:
        await connection.close()


def _caller(database: Database, phone: str) -> Asked:
    async def ask() -> tuple[int, bool]:
        async with database.session() as session:
            return len(await customers.by_phone(session, contacts.normalise(PHONE, phone).match_key)), False

    return ask


def _search(database: Database, text: str, size: int = _PAGE) -> Asked:
    """The statements of a search as usecases/finding.py makes them."""

    async def ask() -> tuple[int, bool]:
        query = search.query(text)
        most = repository.most(query, size)
        found = {row["customer_id"] for row in await repository.named(database.reader, _ALL, query, 0, most)}
        if len(found) <= most:
            others = await repository.candidates(database.reader, _ALL, query, 0, most)
            found |= {row["customer_id"] for row in others}
        return len(found), len(found) > most

    return ask


async def _measure(connection: asyncpg.Connection, database: Database, questions: list[Asked]) -> tuple[float, ...]:
    for ask in questions:  # plans and catalogues are warm
        await ask()
    before, spent, counts = await _touched(connection), [], []
    pids = await connection.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    for ask in questions:
        start = _cpu(pids)
        counts.append(await ask())
        spent.append((_cpu(pids) - start) / 1000)
    buffers = (await _touched(connection) - before) / len(questions)
    rows, cut = (sum(part) / len(counts) for part in zip(*counts, strict=True))
    return buffers, median(spent), rows, cut


def _cpu(pids: list[Any]) -> int:
    """The nanoseconds that the servers' processes ran."""
    return sum(int(Path(f"/proc/{row['pid']}/schedstat").read_text(encoding="ascii").split()[0]) for row in pids)


async def _touched(connection: asyncpg.Connection) -> float:
    return float(
        await connection.fetchval(
            "SELECT COALESCE(sum(shared_blks_hit + shared_blks_read), 0)::float8 FROM pg_stat_statements s"
            " JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database() AND s.query NOT LIKE '%pg_stat%'"
        )
    )
