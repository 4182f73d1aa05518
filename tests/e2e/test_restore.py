"""A service's database put back to a backup by docs/runbook.md: who was erased since stays erased, who withdrew since stays withdrawn."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from devstack.binaries import postgres_bin
from devstack.ports import LOOPBACK, free_port
from pydantic import SecretStr
from servicekit.settings import ServiceSettings
from servicekit.testing import residue
from servicekit.testing.platform import Platform, environment_of, until

PURPOSE, CHANNEL = "CONSENT_PURPOSE_MARKETING", "CHANNEL_EMAIL"


class Person:
    """Somebody with a word that nobody else has."""

    def __init__(self) -> None:
        self.word = f"zq{uuid.uuid4().hex[:14]}"
        self.id = ""


class Place:
    """The customer service alone with the gateway, its database backed up and put back."""

    def __init__(self, platform: Platform, settings: ServiceSettings) -> None:
        self.platform, self.settings = platform, settings

    async def send(self, verb: str, path: str, body: Any = None) -> Any:
        async with self.platform.http("oem.admin") as http:
            answer = await http.request(verb, path, json=body, headers={"idempotency-key": uuid.uuid4().hex})
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    async def meet(self) -> Person:
        person = Person()
        body = {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": person.word}}
        person.id = (await self.send("POST", "/v1/customers", body))["customerId"]
        await self.say(person, "grant")
        return person

    async def say(self, person: Person, verb: str) -> None:
        entry = {
            "purpose": PURPOSE,
            "channel": CHANNEL,
            "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"},
            "textVersion": "1",
            "source": "web",
        }
        await self.send("POST", f"/v1/customers/{person.id}/consents:{verb}", {"entry": entry})

    async def allowed(self, person: Person) -> bool:
        rows = await self.platform.sql(
            "customer",
            "SELECT action FROM consent_entries WHERE customer_id = $1 ORDER BY sequence DESC LIMIT 1",
            uuid.UUID(person.id),
        )
        return bool(rows and rows[0]["action"] == 1)

    def program(self, name: str, *words: str) -> None:
        postgres = self.platform.postgres
        argv = [str(postgres_bin() / name), "-h", LOOPBACK, "-p", str(postgres.port), "-U", "postgres", *words]
        environment = {**os.environ, "PGPASSWORD": postgres.password("postgres")}
        subprocess.run(argv, env=environment, check=True, capture_output=True, timeout=120)

    def back_up(self, file: Path) -> None:
        self.program("pg_dump", "-Fc", "--exclude-extension=*", "-f", str(file), self.database)

    def put_back(self, file: Path) -> None:
        """Into a database of another name: what was lost stays to be looked at."""
        fresh = f"restored_{uuid.uuid4().hex[:8]}"
        url = self.platform.postgres.create_role_and_database(fresh)
        self.program("pg_restore", "--exit-on-error", "--no-owner", "--role", fresh, "-d", fresh, str(file))
        self.platform.databases["customer"] = url

    @property
    def database(self) -> str:
        return self.platform.databases["customer"].rpartition("/")[2]

    async def replay(self, since: datetime) -> dict[str, Any]:
        settings = self.settings.model_copy(update={"database_url": SecretStr(self.platform.databases["customer"])})
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "marque_customer", "replay-rights", since.isoformat(),
            env={**os.environ, **environment_of(settings)}, stdout=subprocess.PIPE,
        )  # fmt: skip
        said = (await process.communicate())[0]
        assert process.returncode == 0
        told: dict[str, Any] = json.loads(said.splitlines()[-1])
        return told


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(platform: Platform) -> AsyncIterator[Place]:
    port = free_port()
    told = {"grpc_port": port, "health_port": free_port(), "peers": {}, "erasure_settle_seconds": 0.0}
    settings = await platform.prepare("customer", **told)
    await platform.start("customer", **told)
    platform.peers["customer"] = f"127.0.0.1:{port}"
    await platform.open_gateway()
    yield Place(platform, settings)


async def erased(place: Place, person: Person) -> bool:
    return not await residue.in_databases(place.platform, [person.word])


class TestRestore:
    @pytest.mark.timeout(600)
    async def test_who_was_erased_or_withdrew_since_the_backup_is_not_resurrected(
        self, place: Place, tmp_path: Path
    ) -> None:
        gone, quiet, stays = [await place.meet() for _ in range(3)]
        moment = datetime.now(UTC) - timedelta(minutes=1)
        await asyncio.to_thread(place.back_up, tmp_path / "customer.dump")
        await place.say(quiet, "withdraw")
        await place.send("POST", f"/v1/customers/{gone.id}:erase", {"reason": "DEMAND"})
        await until(lambda: erased(place, gone), 90, "the erasure does not end")

        async def said() -> bool:
            return not await place.platform.sql("customer", "SELECT 1 FROM outbox_messages WHERE publish_time IS NULL")

        await until(said, 60, "events stay in the outbox")

        await place.platform.stop()  # nothing takes a permit now
        await asyncio.to_thread(place.put_back, tmp_path / "customer.dump")
        assert await residue.in_databases(place.platform, [gone.word]), "the backup holds who was erased since"
        assert await place.allowed(quiet)

        first = await place.replay(moment)
        assert (first["withdrawals"], first["erasures"]) == (1, 1)
        again = await place.replay(moment)
        assert "withdrawals" not in again
        assert "erasures" not in again
        assert not await place.allowed(quiet)
        assert await place.allowed(stays)

        await place.platform.start("customer", grpc_port=place.settings.grpc_port, peers={}, erasure_settle_seconds=0.0)
        await until(lambda: erased(place, gone), 90, "the erasure is not done again")
        assert await residue.in_databases(place.platform, [stays.word])
        rows = await place.platform.sql(
            "customer", "SELECT state FROM customer_erasures WHERE customer_id = $1", uuid.UUID(gone.id)
        )
        assert len(rows) == 1
