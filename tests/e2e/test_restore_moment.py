"""Point-in-time recovery by docs/runbook.md: a base backup and the archived write-ahead log bring a server to a chosen moment, and one
service of it is put back; who was erased or withdrew since is not resurrected, what was written since is gone, all else is there.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from devstack.binaries import postgres_bin, run_as
from devstack.nats import EmbeddedNats
from devstack.ports import LOOPBACK, free_port
from devstack.postgres import EmbeddedPostgres
from pydantic import SecretStr
from servicekit.settings import ServiceSettings
from servicekit.testing import rebuild, residue
from servicekit.testing.issuer import IssuerServer
from servicekit.testing.platform import Platform, environment_of, until

PURPOSE, CHANNEL = "CONSENT_PURPOSE_MARKETING", "CHANNEL_EMAIL"
SERVICES = ("customer", "complaint")
HANDLER = """INSERT INTO known_staff (subject_key, staff_id, status, roles, region_code, group_code, version, change_time)
    VALUES ($1, $2, 1, '{oem.agent}', '', '', 1, now())"""
# How a case ends; one that is open keeps its person from being erased.
WAY: list[tuple[str, dict[str, Any]]] = [
    ("acknowledge", {}), ("assess", {"severity": 2}), ("assign", {}), ("investigate", {}), ("propose", {"proposal": "Oil"}),
    ("answer", {"accepted": True}), ("resolve", {"resolution": "Oiled"}), ("close", {}),
]  # fmt: skip


class Person:
    """Somebody with a word that nobody else has."""

    def __init__(self, place: Place) -> None:
        self.word, self.id, self.place = f"zq{uuid.uuid4().hex[:14]}", "", place

    async def found(self, service: str) -> bool:
        """Whether a service holds the word anywhere."""
        held = await residue.in_databases(self.place.platform, [self.word])
        return any(one.startswith(f"{service}.") for one in held)

    async def allowed(self) -> bool:
        query = "SELECT action FROM consent_entries WHERE customer_id = $1 ORDER BY sequence DESC LIMIT 1"
        rows = await self.place.platform.sql("customer", query, uuid.UUID(self.id))
        return bool(rows and rows[0]["action"] == 1)


class Place:
    """Two services and the gateway on a server that archives its log."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform, self.folder = platform, folder
        self.ports = {name: free_port() for name in SERVICES}
        self.peers = {name: f"{LOOPBACK}:{port}" for name, port in self.ports.items()}
        self.told: dict[str, dict[str, Any]] = {
            name: {"grpc_port": port, "peers": self.peers, "erasure_settle_seconds": 0.0}
            for name, port in self.ports.items()
        }
        self.staff = str(uuid.uuid4())
        self.lived: dict[str, str] = {}
        self.recovered: EmbeddedPostgres | None = None

    async def open(self, *names: str) -> None:
        for name in names or SERVICES:
            await self.platform.start(name, **self.told[name])
        await self.platform.open_gateway()

    async def send(self, path: str, body: Any) -> Any:
        async with self.platform.http("oem.admin") as http:
            answer = await http.post(path, json=body, headers={"idempotency-key": uuid.uuid4().hex})
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    async def meet(self) -> Person:
        """Makes a person known to both services, with a consent and a complaint that is over."""
        person = Person(self)
        body = {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": person.word}}
        person.id = (await self.send("/v1/customers", body))["customerId"]
        await self.say(person, "grant")
        case = {"case": {"kind": "CASE_KIND_COMPLAINT", "customerId": person.id}, "description": f"It squeals, {person.word}."}  # fmt: skip
        made = (await self.send("/v1/cases", case))["caseId"]
        for verb, told in WAY:
            given = {"staffId": self.staff} if verb == "assign" else told
            await self.send(f"/v1/cases/{made}:{verb}", given)
        return person

    async def say(self, person: Person, verb: str) -> None:
        controller = {"kind": "CONSENT_CONTROLLER_KIND_OEM"}
        entry = {"purpose": PURPOSE, "channel": CHANNEL, "controller": controller, "textVersion": "1", "source": "web"}
        await self.send(f"/v1/customers/{person.id}/consents:{verb}", {"entry": entry})

    def back_up(self) -> None:
        """A base backup as CloudNativePG takes it."""
        server, target = self.platform.postgres, self.folder / "recovered"
        user = run_as(server.data_dir)
        argv = [*user.prefix, str(postgres_bin() / "pg_basebackup"), "-h", LOOPBACK, "-p", str(server.port), "-U", "postgres"]  # fmt: skip
        argv += ["-D", str(target), "-X", "none", "--checkpoint=fast", "--no-sync"]
        target.mkdir(mode=0o700)
        os.chown(target, user.uid, user.gid)
        environment = {**os.environ, "PGPASSWORD": server.password("postgres")}
        subprocess.run(argv, env=environment, check=True, capture_output=True, timeout=120)

    def moment(self) -> datetime:
        """The server's clock."""
        return datetime.fromisoformat(self.platform.postgres.administer("SELECT clock_timestamp()").strip())

    def archive(self) -> None:
        """Returns when the log up to now lies in the archive."""
        segment = self.platform.postgres.administer("SELECT pg_walfile_name(pg_switch_wal())").strip()
        archived = self.folder / "archive" / segment
        for _ in range(600):
            if archived.is_file():
                return
            self.platform.postgres.administer("SELECT pg_sleep(0.1)")
        raise AssertionError(f"{segment} was not archived")

    def recover(self, moment: datetime) -> None:
        """A second server from the base backup and the archive, at the moment."""
        data = self.folder / "recovered"
        (data / "recovery.signal").touch()
        settings = {
            "restore_command": f'cp "{self.folder}/archive/%f" "%p"',
            "recovery_target_time": moment.isoformat(),
            "recovery_target_action": "promote",
        }
        self.recovered = EmbeddedPostgres(
            data, durable=False, settings=settings, passwords=self.platform.postgres.passwords
        )
        self.recovered.start(60)

    async def swap(self, name: str) -> ServiceSettings:
        """Gives one service the database of the recovered server, the others those that lived on; returns its settings."""
        assert self.recovered is not None
        self.platform.databases.update(self.lived)
        role, _, rest = self.lived[name].removeprefix("postgresql://").partition(":")
        database = rest.rpartition("/")[2]
        self.platform.databases[name] = self.recovered.dsn(database, role)
        return self.platform._settings(
            name, {"database_url": SecretStr(self.platform.databases[name]), **self.told[name]}
        )

    async def run(self, name: str, command: str, settings: ServiceSettings, since: datetime) -> dict[str, Any]:
        """A command of the runbook; returns what its last line says."""
        argv = [sys.executable, "-m", f"marque_{name}", command, since.isoformat()]
        environment = {**os.environ, **environment_of(settings)}
        process = await asyncio.create_subprocess_exec(*argv, env=environment, stdout=subprocess.PIPE)
        said = (await process.communicate())[0]
        assert process.returncode == 0
        told: dict[str, Any] = json.loads(said.splitlines()[-1])
        return told


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(issuer_server: IssuerServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("moment")
    (folder / "archive").mkdir()
    (folder / "archive").chmod(0o777)
    settings = {"archive_mode": "on", "archive_command": f'cp "%p" "{folder}/archive/%f"', "wal_level": "replica"}
    server = EmbeddedPostgres(folder / "data", durable=False, settings=settings)
    with server, EmbeddedNats(folder / "nats") as nats:
        platform = Platform(server, nats, issuer_server, folder)
        made = Place(platform, folder)
        await made.open()
        await platform.sql("complaint", HANDLER, made.staff, made.staff)
        made.lived = dict(platform.databases)
        yield made
        await platform.close()
        if made.recovered is not None:
            made.recovered.stop()


class TestRestoreToAMoment:
    @pytest.mark.timeout(600)
    async def test_each_of_two_services_is_put_back_and_nobody_is_resurrected(self, place: Place) -> None:
        gone, quiet, stays = [await place.meet() for _ in range(3)]
        await asyncio.to_thread(place.back_up)
        between = await place.meet()
        moment = await asyncio.to_thread(place.moment)
        late = await place.meet()
        await place.say(quiet, "withdraw")
        await place.send(f"/v1/customers/{gone.id}:erase", {"reason": "DEMAND"})

        async def erased() -> bool:
            return not (await gone.found("customer") or await gone.found("complaint"))

        await until(erased, 90, "the erasure does not end")
        await rebuild.quiet(place.platform, SERVICES)
        await asyncio.to_thread(place.archive)
        await self.shut(place)
        await asyncio.to_thread(place.recover, moment)
        since = moment - timedelta(minutes=1)

        settings = await place.swap("complaint")
        assert await gone.found("complaint"), "the moment holds who was erased since"
        assert await between.found("complaint"), "the log after the base backup was played"
        assert not await late.found("complaint")
        assert (await place.run("complaint", "replay-erasures", settings, since))["erased"] == 1
        assert await erased()  # before any door is opened
        await place.open()
        await rebuild.ended(place.platform, await rebuild.republish(place.platform, ["customer"]))
        assert await erased()
        assert all([await one.found("complaint") for one in (quiet, stays, between)])
        await place.send("/v1/cases", {"case": {"kind": "CASE_KIND_COMPLAINT", "customerId": late.id}, "description": "New"})  # fmt: skip
        await rebuild.quiet(place.platform, SERVICES)
        await self.shut(place)

        settings = await place.swap("customer")
        assert await gone.found("customer")
        assert await quiet.allowed()
        assert not await late.found("customer")
        told = await place.run("customer", "replay-rights", settings, since)
        assert {**told, "known": 0} == {"step": "done", "withdrawals": 1, "erasures": 1, "known": 0}
        assert [await one.allowed() for one in (quiet, stays, between)] == [False, True, True]
        await place.open()
        await until(erased, 90, "the erasure is not done again")
        assert all([await one.found("customer") for one in (quiet, stays, between)])

    @staticmethod
    async def shut(place: Place) -> None:
        """Nothing answers, so nobody takes a contact permit."""
        await place.platform.stop()
        async with httpx.AsyncClient() as http:
            with pytest.raises(httpx.TransportError):
                await http.get(f"{place.platform.http_url}/v1/customers")
        with pytest.raises(OSError):
            await asyncio.open_connection(LOOPBACK, place.ports["customer"])
