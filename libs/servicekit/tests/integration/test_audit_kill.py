"""The appender is killed again and again while the trail grows: one chain comes of it, with every record in it once."""

from __future__ import annotations

import asyncio
import signal
import uuid
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from servicekit.audit.keys import AuditKeys
from servicekit.audit.verifying import Report, Verifier
from servicekit.db.engine import Database
from servicekit.testing.platform import until

INSERT = """
INSERT INTO audit_records (audit_id, principal, roles, method, action, resource_type, resource_id)
SELECT gen_random_uuid(), 'p', 'ops', '/m', 'read', 'customer', n::text FROM generate_series(1, $1) n"""
UNCHAINED = "SELECT count(*) AS n FROM audit_records WHERE audit_id NOT IN (SELECT audit_id FROM audit_links)"
APPENDERS = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'marque-direct'
AND query ILIKE ANY (ARRAY['%audit_%', '%advisory%', 'COMMIT%', 'BEGIN%'])"""


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _small_segments(lab_made: Any) -> None:
    lab_made.settings = lab_made.settings.model_copy(update={"audit_segment_records": 50})


class Writers:
    """Writes records, as many at once as a busy service, until told to stop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = False
        self.written = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        connection = await asyncpg.connect(self._url)
        while not self._stop:
            await connection.execute(INSERT, 40)
            self.written += 40
            await asyncio.sleep(0.01)
        await connection.close()

    async def end(self) -> int:
        self._stop = True
        await self._task
        return self.written


async def verified(lab: Any, database: Database) -> Report:
    async def chained() -> bool:
        return [row["n"] for row in await lab.sql(UNCHAINED)] == [0]

    await until(chained, 90, "the trail is not chained")
    keys = AuditKeys.read(lab.settings.audit_keys)
    return await Verifier(database, "customer", keys, wait=timedelta(hours=1), seconds=120).verify()


class TestKills:
    @pytest.mark.soak
    async def test_a_killed_process_leaves_one_chain(self, lab_made: Any, database: Database, soaking: bool) -> None:
        kills = 200 if soaking else 3
        before = (await lab_made.sql("SELECT count(*) AS n FROM audit_records"))[0]["n"]
        writers = Writers(lab_made.url)
        standby = await lab_made.worker(0.0)
        for _ in range(kills):
            process = await lab_made.worker(0.0)
            standby, process = process, standby
            await asyncio.sleep(0.3)
            process.send_signal(signal.SIGKILL)
            process.wait()
        written = await writers.end()

        report = await verified(lab_made, database)

        assert (report.findings, report.records) == ([], before + written)
        assert report.segments >= written // 50
        standby.kill()
        standby.wait()

    @pytest.mark.soak
    async def test_a_connection_cut_at_any_statement_leaves_one_chain(
        self, lab_made: Any, database: Database, soaking: bool
    ) -> None:
        cuts = 3000 if soaking else 60
        process = await lab_made.worker(0.0)
        before = (await lab_made.sql("SELECT count(*) AS n FROM audit_records"))[0]["n"]
        writers, done, killer = Writers(lab_made.url), 0, await asyncpg.connect(lab_made.url)
        for turn in range(cuts):
            await asyncio.sleep((uuid.uuid4().int % 300) / 1000 if turn % 3 else 0.4)
            done += len(await killer.fetch(f"SELECT pg_terminate_backend(pid) FROM ({APPENDERS}) found"))
        written = await writers.end()
        await killer.close()

        report = await verified(lab_made, database)

        assert done > 0, "nothing was cut"
        assert (report.findings, report.records) == ([], before + written)
        process.kill()
        process.wait()
