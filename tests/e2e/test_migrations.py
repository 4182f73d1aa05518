"""A schema changes under load, on a real service's tables: expand, index, backfill, contract, old and new code side by side."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from marque.customer.v1 import customer_pb2, customer_service_pb2
from marque.type.v1 import person_name_pb2
from marque_customer.service import MIGRATIONS
from servicekit.db import migrate
from servicekit.db.engine import Database
from servicekit.service import Kit, Running, Service
from servicekit.testing.migrations import faults, found_in
from servicekit.testing.platform import Platform, build_of, until

ROWS = 6_000  # customers that are there before
_STEP = "WHERE ctid = ANY(ARRAY(SELECT ctid FROM customers WHERE suite_key = '' LIMIT 200))"
STEPS = {
    "expand": """    op.execute("ALTER TABLE customers ADD COLUMN IF NOT EXISTS suite_key text NOT NULL DEFAULT ''")""",
    "index": """    build_indexes({"ix_customers_suite_key": "customers (suite_key)"})""",
    "backfill": f"""    backfill("UPDATE customers SET suite_key = customer_id::text {_STEP}")""",
    "check": """    op.execute("ALTER TABLE customers ADD CONSTRAINT ck_customers_suite CHECK (length(suite_key) < 50) NOT VALID")""",
    "validate": """    op.execute("ALTER TABLE customers VALIDATE CONSTRAINT ck_customers_suite")""",
    "contract": """    op.execute("ALTER TABLE customers DROP COLUMN suite_key")""",
}
_SOURCE = """
from alembic import op
from servicekit.db.migrate import backfill, build_indexes
revision = "{revision}"
down_revision = "{before}"
{head}
def upgrade():
{body}
"""
_MIGRATE = """
import asyncio, sys
from pathlib import Path
from servicekit.db import migrate
from servicekit.db.engine import Database
asyncio.run(migrate.upgrade(Database(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
"""

_BEGUN = """
SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND (query LIKE '%alembic_version%' OR query LIKE '%suite_key%')"""
_WAITING = """
SELECT query_start FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE customers%'"""


@dataclass
class Traffic:
    """People who work all the time; every answer is counted."""

    platform: Platform
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    answers: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def person(self) -> None:
        async with self.platform.http("oem.agent") as client:
            while not self.stopping.is_set():
                made = await self.ask(
                    client, "POST", "/v1/customers", {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": "李雷"}}
                )
                path = f"/v1/customers/{made['customerId']}"
                await self.ask(client, "PATCH", path, {"occupation": uuid.uuid4().hex})
                await self.ask(client, "GET", path)
                await self.ask(client, "GET", "/v1/customers?pageSize=5")

    async def ask(self, client: httpx.AsyncClient, verb: str, path: str, body: Any = None) -> dict[str, Any]:
        """Asks; a clean refusal to try again is tried again, and counted."""
        for _ in range(50):
            answer = await client.request(verb, path, json=body)
            self.answers[answer.status_code] += 1
            if answer.status_code == 200:
                found: dict[str, Any] = answer.json()
                return found
            if answer.status_code not in (409, 503):
                self.wrong.append(f"{verb} {answer.status_code} {answer.text[:200]}")
            await asyncio.sleep(0.1)
        raise AssertionError(f"{verb} {path} was never answered")


@dataclass
class Scene:
    """One service with traffic, and the folder of its next image's migrations."""

    platform: Platform
    folder: Path
    revisions: dict[str, str]

    async def upgrade(self, step: str) -> None:
        database = Database(self.platform.databases["customer"])
        try:
            await migrate.upgrade(database, self.folder, self.revisions[step])
        finally:
            await database.engine.dispose()

    def process(self, step: str) -> subprocess.Popen[bytes]:
        """The migrate step as a process of its own."""
        address = self.platform.databases["customer"]
        return subprocess.Popen([sys.executable, "-c", _MIGRATE, address, str(self.folder), self.revisions[step]])

    def next_image(self, kit: Kit) -> Service:
        return replace(build_of("customer")(kit), migrations=self.folder)

    async def sql(self, query: str, *arguments: Any) -> list[Any]:
        return await self.platform.sql("customer", query, *arguments)


@pytest_asyncio.fixture(loop_scope="session")
async def scene(platform: Platform, tmp_path: Path) -> AsyncIterator[Scene]:
    """A customer service on a database of its own, with some thousand customers, behind the gateway."""
    platform.databases.pop("customer", None)
    await platform.start("customer", trace_sample_ratio=0.0)
    await platform.open_gateway(trace_sample_ratio=0.0, principal_rate=10**7, address_rate=10**7)
    made = Scene(platform, tmp_path / "marque_customer" / "migrations", {})
    shutil.copytree(MIGRATIONS, made.folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = found_in([made.folder])[-1].revision
    for number, (name, body) in enumerate(STEPS.items(), int(before) + 1):
        head = 'contracts = "The suite itself made it."' if name == "contract" else ""
        text = _SOURCE.format(revision=f"{number:04}", before=before, head=head, body=body)
        (made.folder / "versions" / f"{number:04}_{name}.py").write_text(text)
        made.revisions[name] = before = f"{number:04}"
    await platform.sql(
        "customer",
        "INSERT INTO customers (customer_id, version, create_time, update_time, kind) "
        "SELECT gen_random_uuid(), 1, now(), now(), 1 FROM generate_series(1, $1::integer)",
        ROWS,
    )
    yield made
    await platform.stop()


class TestUnderLoad:
    @pytest.mark.slow
    async def test_no_request_fails_while_the_schema_goes_through_every_step(self, scene: Scene) -> None:
        traffic = Traffic(scene.platform)
        working = [asyncio.create_task(traffic.person()) for _ in range(6)]
        try:
            for step in STEPS:
                if step == "contract":
                    left = await scene.sql(
                        "SELECT count(*) FROM customers WHERE suite_key <> '' AND suite_key <> customer_id::text"
                    )
                    filled = await scene.sql("SELECT count(*) FROM customers WHERE suite_key = customer_id::text")
                await scene.upgrade(step)
                await asyncio.sleep(0.3)
        finally:
            traffic.stopping.set()
            await asyncio.gather(*working)

        assert traffic.wrong == []
        assert traffic.answers[200] > 100
        assert left[0][0] == 0
        assert filled[0][0] >= ROWS

    async def test_its_own_steps_pass_the_lint(self, scene: Scene) -> None:
        steps = [one for one in found_in([scene.folder]) if one.revision in scene.revisions.values()]

        assert [fault for one in steps for fault in faults(one)] == []


class TestLocks:
    async def test_a_lock_that_is_held_for_long_makes_the_migration_step_back_again_and_again(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody reads in a long transaction. Whoever waits for the table's lock makes all others stand behind him: so it gives up."""
        monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "300ms")
        traffic = Traffic(scene.platform)
        holder = await asyncpg.connect(scene.platform.databases["customer"])
        await holder.execute("BEGIN")
        await holder.execute("SELECT count(*) FROM customers")
        migrating = asyncio.create_task(scene.upgrade("expand"))
        working = [asyncio.create_task(traffic.person()) for _ in range(4)]
        tried: set[Any] = set()

        async def stepped_back_thrice() -> bool:
            tried.update(row[0] for row in await scene.sql(_WAITING))
            return len(tried) >= 3

        try:
            await until(stepped_back_thrice, 60, f"tried {len(tried)} times only")
            answered = traffic.answers.total()
            assert not migrating.done()

            async def people_go_on() -> bool:
                return traffic.answers.total() > answered + 20

            await until(people_go_on, 60, "people stand behind the migration")
            assert not migrating.done()
            await holder.execute("ROLLBACK")
            await asyncio.wait_for(migrating, 60)
        finally:
            await holder.close()
            traffic.stopping.set()
            await asyncio.gather(*working)

        assert traffic.wrong == []
        assert await scene.sql("SELECT suite_key FROM customers LIMIT 1")

    async def test_every_step_has_its_limit_not_only_the_first(self, scene: Scene) -> None:
        """Each migration is a transaction of its own."""
        told = "op.get_bind().exec_driver_sql('SHOW lock_timeout').scalar()"
        for path in (scene.folder / "versions").glob("*.py"):
            if path.name[:4] in scene.revisions.values():
                note = f"    op.execute(f\"INSERT INTO told VALUES ('{path.name[:4]}', '{{{told}}}')\")\n"
                path.write_text(path.read_text() + note)
        await scene.sql("CREATE TABLE told (revision text, lock_timeout text)")
        await scene.upgrade("contract")
        found = {row["revision"]: row["lock_timeout"] for row in await scene.sql("SELECT * FROM told")}

        assert found == dict.fromkeys(scene.revisions.values(), migrate.LOCK_TIMEOUT)

    async def test_two_at_once_do_it_once(self, scene: Scene) -> None:
        await asyncio.gather(*(scene.upgrade("validate") for _ in range(3)))
        version = await scene.sql("SELECT version_num FROM alembic_version")

        assert [row[0] for row in version] == [scene.revisions["validate"]]


class TestKilled:
    @pytest.mark.slow
    async def test_a_migration_that_is_killed_goes_on_where_it_was(self, scene: Scene) -> None:
        for seconds in (0.0, 0.15, 0.3, 0.45):
            process = scene.process("backfill")

            async def begun() -> bool:
                return process.poll() is not None or bool(await scene.sql(_BEGUN))  # noqa: B023 - called at once

            await until(begun, 60, "the migration does not begin")
            await asyncio.sleep(seconds)
            process.kill()
            await asyncio.to_thread(process.wait)
        await scene.upgrade("backfill")
        index = await scene.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_customers_suite_key'::regclass")

        assert [row[0] for row in index] == [True]
        assert (await scene.sql("SELECT count(*) FROM customers WHERE suite_key = ''"))[0][0] == 0


class TestSideBySide:
    async def test_old_and_new_code_serve_the_same_database(self, scene: Scene) -> None:
        """The new image waits for the schema; the old one goes on, and may be started again, on the newer schema."""
        settings = await scene.platform.prepare("customer", trace_sample_ratio=0.0)
        early = Running(scene.next_image, settings, "customer")
        with pytest.raises(RuntimeError, match="older than this image"):
            await early.start()
        await early.stop()
        for step in ("expand", "index", "backfill", "check", "validate", "contract"):
            await scene.upgrade(step)

        settings = await scene.platform.prepare("customer", trace_sample_ratio=0.0)
        new = Running(scene.next_image, settings, "customer")
        await new.start()
        again = await scene.platform.start("customer", trace_sample_ratio=0.0)  # the old image, on the newer schema
        try:
            for port in (new.port, again.port):
                scene.platform.peers["one"] = f"127.0.0.1:{port}"
                assert await _creates(scene.platform, "one")
        finally:
            await new.stop()


async def _creates(platform: Platform, name: str) -> str:
    """Makes a customer at one process; returns the id."""
    person = customer_pb2.Customer(
        kind=customer_pb2.CUSTOMER_KIND_PERSON, name=person_name_pb2.PersonName(full_name="韩梅梅")
    )
    client = platform.client(name, "oem.agent")
    request = customer_service_pb2.CreateCustomerRequest(customer=person)
    answer = await client.call("customer.v1.CustomerService/CreateCustomer", request)
    return str(answer.customer_id)
