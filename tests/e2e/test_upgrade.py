"""A rolling upgrade and a rollback under load: an older version of the code and today's stand side by side, with the migrations between
them. No request fails, and every event comes.

The older version is real: it is taken from the project's own history, the newest state of `main` whose migrations today's continue.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import signal
import subprocess
import sys
import tarfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from devstack.ports import free_port
from servicekit.service import connect_nats
from servicekit.settings import ServiceSettings
from servicekit.testing.platform import Platform, environment_of, ready, until
from tradekit.vin import check_digit

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SERVICE = "vehicle"
VERSIONS = f"services/{SERVICE}/src/marque_{SERVICE}/migrations/versions/"
LOOKED_AT = 300
# Seconds, as the charts have it (devstack/delivery/parts/service.yaml): longer than callers pause before they dial again.
PRE_STOP = 5
_PAUSE = 0.02  # of a caller: the sides that start need the machine as well


def git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout


def revisions(names: list[str]) -> list[str]:
    return sorted(name for name in names if name[:4].isdecimal() and name.endswith(".py"))


def older_version() -> str | None:
    """The newest commit of the line of `main` whose migrations are the beginning of today's; None where the history does not reach back."""
    today = revisions(os.listdir(ROOT / VERSIONS))
    for commit in git("log", "--first-parent", f"-{LOOKED_AT}", "--format=%H", "--", VERSIONS).decode().split():
        names = git("ls-tree", "--name-only", f"{commit}:{VERSIONS}").decode().split()
        found = revisions(names)
        if found and len(found) < len(today) and found == today[: len(found)]:
            return commit
    return None


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older version's tree."""
    try:
        commit = older_version()
    except (OSError, subprocess.CalledProcessError):
        commit = None
    if commit is None:
        pytest.skip("the history of this clone holds no older version to upgrade from")
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit, "libs", "services"))) as archive:
        archive.extractall(folder, filter="data")
    return folder


class Side:
    """One version of the service on an address of its own: it migrates, serves with its loops, and ends by SIGTERM."""

    def __init__(self, settings: ServiceSettings, tree: Path, folder: Path) -> None:
        self.settings = settings
        paths = [str(path) for path in (*tree.glob("libs/*/src"), *tree.glob("services/*/src"))]
        self._environment = {
            **os.environ,
            **environment_of(settings),
            "MARQUE_ENVIRONMENT": "development",
            "PYTHONPATH": os.pathsep.join(paths),
        }
        self._log = folder / f"side-{settings.grpc_port}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def _begin(self, command: str) -> asyncio.subprocess.Process:
        with self._log.open("ab") as log:
            argv = [sys.executable, "-m", f"marque_{SERVICE}", command]
            return await asyncio.create_subprocess_exec(*argv, env=self._environment, stdout=log, stderr=log)

    async def migrate(self) -> None:
        process = await self._begin("migrate")
        assert await process.wait() == 0, self._log.read_text()[-2000:]

    async def start(self) -> None:
        self._process = await self._begin("serve")
        await until(lambda: ready(self.settings.health_port), 150, "a side is not ready")

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(self._process.wait(), 60) == 0
        self._process = None

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()


class Load:
    """Callers at the gateway's door who write and read what they wrote; `answers` counts what they were told."""

    def __init__(self, http: httpx.AsyncClient, callers: int) -> None:
        self._http = http
        self._numbers = itertools.count(1)
        self.answers: Counter[str] = Counter()
        self.registered: list[str] = []
        self._going = True
        self._tasks = [asyncio.create_task(self._call()) for _ in range(callers)]

    async def _call(self) -> None:
        while self._going:
            vin = f"LSVCA2180N{next(self._numbers):07d}"
            vin = vin[:8] + check_digit(vin) + vin[9:]
            told = await self._told("POST", "/v1/vehicles", json={"vin": vin, "make": "Marque", "model": "One"})
            if told == "200":
                self.registered.append(vin)
                await self._told("GET", f"/v1/vehicles/{vin}")
            await asyncio.sleep(_PAUSE)

    async def _told(self, verb: str, path: str, **body: Any) -> str:
        headers = {"idempotency-key": uuid.uuid4().hex} if verb == "POST" else {}
        try:
            answer = await self._http.request(verb, path, headers=headers, **body)
        except httpx.HTTPError as error:
            told = type(error).__name__
        else:
            told = str(answer.status_code) if answer.status_code == 200 else f"{answer.status_code} {answer.text[:200]}"
        self.answers[told] += 1
        return told

    async def more(self, answers: int) -> None:
        """Returns when so many more answers came."""
        wanted = self.answers.total() + answers

        async def came() -> bool:
            return self.answers.total() >= wanted

        await until(came, 120, "the load does not go on")

    async def end(self) -> None:
        self._going = False
        await asyncio.gather(*self._tasks)


class Drill:
    """Both sides on one database and one broker, and the gateway before them."""

    def __init__(self, platform: Platform, old: Side, new: Side, http: httpx.AsyncClient) -> None:
        self.platform, self.old, self.new, self.http = platform, old, new, http

    async def replace(self, leaving: Side, coming: Side, load: Load, answers: int) -> None:
        """As a rollout does it: another pod is ready, and the one that goes serves on for its preStop, before it is told to go."""
        await coming.start()
        await load.more(answers)
        await asyncio.sleep(PRE_STOP)
        await leaving.stop()
        await load.more(answers)

    async def heard(self) -> Counter[str]:
        """How often each car's registration stands in the stream."""
        broker = await connect_nats(self.platform.nats.url, "drill")
        found = await broker.jetstream().subscribe("marque.vehicle.v1.VehicleRegistered", ordered_consumer=True)
        info = await broker.jetstream().stream_info(
            "MARQUE_VEHICLE", subjects_filter="marque.vehicle.v1.VehicleRegistered"
        )
        count = (info.state.subjects or {}).get("marque.vehicle.v1.VehicleRegistered", 0)
        counted: Counter[str] = Counter()
        for _ in range(count):
            counted[(await found.next_msg(timeout=60)).headers["ce-subject"]] += 1  # type: ignore[index]
        await broker.close()
        return counted


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def drill(platform: Platform, older: Path) -> AsyncIterator[Drill]:
    name = f"upgrade_{uuid.uuid4().hex[:8]}"
    platform.databases[SERVICE] = await asyncio.to_thread(platform.postgres.create_role_and_database, name)
    sides = []
    for tree in (older, ROOT):
        port = free_port()
        settings = await platform.prepare(SERVICE, grpc_port=port, health_port=free_port(), drain_seconds=10.0)
        sides.append(Side(settings, tree, platform.folder))
    old, new = sides
    await old.migrate()
    await old.start()
    both = ",".join(f"127.0.0.1:{side.settings.grpc_port}" for side in sides)
    limits = {"principal_rate": 10_000_000, "address_rate": 10_000_000}
    await platform.open_gateway(peers={SERVICE: f"ipv4:{both}"}, **limits)
    async with platform.http("oem.admin") as http:
        yield Drill(platform, old, new, http)
    for side in sides:
        side.kill()


class TestUpgrade:
    @pytest.mark.soak
    @pytest.mark.timeout(3600)
    async def test_rolling_forward_and_back_fails_no_request_and_loses_no_event(
        self, drill: Drill, soaking: bool
    ) -> None:
        rounds, answers = (20, 400) if soaking else (1, 20)
        before = await self.schema(drill)
        load = Load(drill.http, 3)
        await load.more(answers)
        await drill.new.migrate()
        assert await self.schema(drill) > before
        for _ in range(rounds):
            await drill.replace(drill.old, drill.new, load, answers)
            await drill.replace(drill.new, drill.old, load, answers)
        await load.end()

        assert set(load.answers) == {"200"}, load.answers.most_common(5)
        assert len(load.registered) > answers

        async def published() -> bool:
            rows = await drill.platform.sql(SERVICE, "SELECT 1 FROM outbox_messages WHERE publish_time IS NULL LIMIT 1")
            return not rows

        await until(published, 60, "events stay in the outbox")
        heard = await drill.heard()
        assert set(heard) == set(load.registered)
        assert set(heard.values()) == {1}
        rows = await drill.platform.sql(SERVICE, "SELECT vin FROM vehicles")
        assert {row["vin"] for row in rows} == set(load.registered)

    @staticmethod
    async def schema(drill: Drill) -> str:
        (row,) = await drill.platform.sql(SERVICE, "SELECT version_num FROM alembic_version")
        return str(row["version_num"])
