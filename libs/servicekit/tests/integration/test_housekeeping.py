"""Housekeeping on real PostgreSQL: what is past its age goes, what waits stays however old it is."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from servicekit.audit.keys import AuditKeys
from servicekit.db import housekeeping as module
from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.housekeeping import EVERY, housekeeping
from servicekit.db.uow import UnitOfWork
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal
from servicekit.settings import ServiceSettings

SETTINGS = ServiceSettings(
    outbox_days=3, inbox_days=60, idempotency_days=2, dead_letter_days=30, import_days=90, stream_max_age_days=14
)
TABLES = (
    "outbox_messages",
    "inbox_messages",
    "idempotency_keys",
    "dead_letters",
    "imports",
    "import_errors",
    "republishes",
    "audit_records",
)
# table → the statement that makes a row of a name and an age, ages in days that stay and that go
ROWS: dict[str, tuple[str, float, float]] = {
    "outbox_messages": (
        "INSERT INTO outbox_messages (event_id, event_type, aggregate_id, aggregate_version, payload, publish_time)"
        " VALUES ($1, 't', 'a', 1, '', now() - $2::interval)",
        2.9,
        3.1,
    ),
    "inbox_messages": ("INSERT INTO inbox_messages VALUES ('c', $1, now() - $2::interval)", 59.9, 60.1),
    "idempotency_keys": (
        "INSERT INTO idempotency_keys VALUES ('p', 'm', $1::uuid::text, '', '', now() - $2::interval)",
        1.9,
        2.1,
    ),
    "dead_letters": (
        "INSERT INTO dead_letters VALUES ($1, 'c', $1, 't', '{}', '', 'r', now() - interval '1 year', now() - $2::interval)",
        29.9,
        30.1,
    ),
    "imports": (
        "INSERT INTO imports (import_id, kind, state, principal, claims, options, file_name, file_format, file_size, file_sha256, end_time)"
        " VALUES ($1, 'k', 'FAILED', 'p', '{}', '{}', '', '', 0, '', now() - $2::interval)",
        89.9,
        90.1,
    ),
    "republishes": (
        "INSERT INTO republishes (republish_id, principal, aggregates, current, position, create_time, end_time)"
        " VALUES ($1, 'p', '{}', '', '', now() - interval '9 years', now() - $2::interval)",
        89.9,
        90.1,
    ),
}
OLD_BUT_NEEDED = [
    "INSERT INTO outbox_messages (event_id, event_type, aggregate_id, aggregate_version, payload, create_time)"
    " VALUES ($1, 't', 'a', 1, '', now() - interval '9 years')",
    "INSERT INTO dead_letters VALUES ($1, 'c', $1, 't', '{}', '', 'r', now() - interval '9 years', NULL)",
    "INSERT INTO imports (import_id, kind, state, principal, claims, options, file_name, file_format, file_size, file_sha256, create_time)"
    " VALUES ($1, 'k', 'RUNNING', 'p', '{}', '{}', '', '', 0, '', now() - interval '9 years')",
    "INSERT INTO audit_records (audit_id, create_time, principal, roles, method, action, resource_type, resource_id)"
    " VALUES ($1, now() - interval '9 years', 'p', '', 'm', 'a', 't', 'i')",
]


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def _empty(database: Database) -> AsyncIterator[None]:
    yield
    for table in TABLES:
        await database.reader.fetch(f"TRUNCATE {table} CASCADE")


async def count(database: Database, table: str) -> int:
    return int(await database.reader.fetchval(f"SELECT count(*) FROM {table}"))


async def keep_house(database: Database) -> float:
    """Runs the due work once; returns in how many seconds it wants to come again."""
    async with (uow := UnitOfWork(database, Call(Principal("s"), "/m"))):
        again = await housekeeping(SETTINGS, AuditKeys())(uow, "")
    assert again is not None
    return (again - now()).total_seconds()


class TestHousekeeping:
    @pytest.mark.parametrize("table", sorted(ROWS))
    async def test_a_row_goes_when_it_is_past_its_age(self, database: Database, table: str) -> None:
        statement, young, old = ROWS[table]
        kept = uuid.uuid4()
        await database.reader.fetch(statement, kept, timedelta(days=young))
        await database.reader.fetch(statement, uuid.uuid4(), timedelta(days=old))

        assert await keep_house(database) > EVERY.total_seconds() - 60

        assert await count(database, table) == 1
        (row,) = await database.reader.fetch(f"SELECT * FROM {table}")
        assert str(kept) in {str(value) for value in row.values()}

    @pytest.mark.parametrize("statement", OLD_BUT_NEEDED, ids=lambda text: text.split()[2])
    async def test_what_still_waits_or_is_evidence_stays(self, database: Database, statement: str) -> None:
        await database.reader.fetch(statement, uuid.uuid4())
        await keep_house(database)
        assert await count(database, statement.split()[2]) == 1

    async def test_rejected_rows_go_before_their_import_a_step_at_a_time(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_STEP", 10)
        old, young = uuid.uuid4(), uuid.uuid4()
        for import_id, days in ((old, 91), (young, 1)):
            await database.reader.fetch(ROWS["imports"][0], import_id, timedelta(days=days))
            rows = "INSERT INTO import_errors SELECT $1, n, 'k', '[]' FROM generate_series(1, 25) n"
            await database.reader.fetch(rows, import_id)
        left = []
        for _ in range(3):
            assert await keep_house(database) < 300
            left.append((await count(database, "import_errors"), await count(database, "imports")))
        assert left == [(40, 2), (30, 2), (25, 1)]

    async def test_a_full_step_comes_again_soon(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_STEP", 5)
        for _ in range(7):
            await database.reader.fetch(ROWS["inbox_messages"][0], uuid.uuid4(), timedelta(days=99))
        assert await keep_house(database) < 5
        assert await keep_house(database) > 200
        assert await count(database, "inbox_messages") == 0
