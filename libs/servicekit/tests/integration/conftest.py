"""The laboratory (servicekit.testing.lab) on real PostgreSQL and NATS, in this process or in one that a test kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import nats
import pytest
import pytest_asyncio
from devstack.ports import free_port
from nats.aio.client import Client as Nats
from nats.js import JetStreamContext
from pydantic import SecretStr
from servicekit.db.engine import Database
from servicekit.service import Running, migrate_all
from servicekit.testing.asking import Asking
from servicekit.testing.client import Client
from servicekit.testing.lab.service import LabSettings, build
from servicekit.testing.platform import SECRET, Platform, ready, until
from servicekit.testing.trail import SEGMENT, Trail, keys_in


class Lab:
    """A laboratory with a database of its own; its services and clients end with `close`."""

    def __init__(self, platform: Platform, settings: LabSettings, url: str) -> None:
        self.platform = platform
        self.settings = settings
        self.url = url
        self.running: Running | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._clients: list[Client] = []
        self._asking = Asking()

    async def start(self, *, work: bool = True) -> None:
        """Starts it in this process."""
        self.running = Running(build, self.settings, "customer", work=work)
        await self.running.start()

    async def worker(self, pause: float) -> subprocess.Popen[bytes]:
        """Starts a process that does the background work, with a pause in every chunk."""
        return await self.process("work", pause)

    async def process(self, command: str, pause: float) -> subprocess.Popen[bytes]:
        """Starts a process of one of the service's commands, with a pause in every chunk; returns when it is ready."""
        settings = self.settings.model_copy(
            update={"health_port": free_port(), "lab_pause": pause, "drain_seconds": 15.0}
        )
        found = {}
        for name in type(settings).model_fields:
            value = getattr(settings, name)
            if value is not None:
                value = value.get_secret_value() if isinstance(value, SecretStr) else value
                plain = value if isinstance(value, str) else json.dumps(value, default=str)
                found[f"MARQUE_{name.upper()}"] = str(value) if isinstance(value, Path) else plain
        log = (self.platform.folder / "lab.log").open("ab")
        process = subprocess.Popen(  # noqa: ASYNC220 - a test that kills it has nothing else to do
            [sys.executable, "-m", "servicekit.testing.lab", command],
            env={**os.environ, **found},
            stdout=log,
            stderr=log,
        )
        log.close()
        self._processes.append(process)
        await until(lambda: ready(settings.health_port), 60.0, f"the process `{command}` is not ready")
        return process

    def client(self, role: str, **scope: Any) -> Client:
        port = self.settings.grpc_port if self.running is None else self.running.port
        made = Client(f"127.0.0.1:{port}", self.platform.token(role, **scope))
        self._clients.append(made)
        return made

    async def sql(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        return await self._asking.fetch(self.url, query, *arguments)

    async def close(self) -> None:
        self._asking.close()
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for client in self._clients:
            await client.close()
        if self.running is not None:
            await self.running.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lab_made(platform: Platform) -> AsyncIterator[Lab]:
    """A laboratory that a module shares, not started yet."""
    url = platform.postgres.create_role_and_database(f"lab_{os.urandom(4).hex()}")
    secret = platform.folder / "secret"
    secret.write_text(SECRET)
    settings = LabSettings(
        environment="test",
        database_url=SecretStr(url),
        nats_url=platform.nats.url,
        issuer_url=platform.issuer.url,
        client_id="customer",
        client_secret_file=secret,
        grpc_port=free_port(),
        health_port=free_port(),
        drain_seconds=1.0,
        audit_keys=platform.audit_keys(),
        log_level="WARNING",
    )
    await migrate_all(build, settings, "customer")
    lab = Lab(platform, settings, url)
    yield lab
    await lab.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lab(lab_made: Lab) -> Lab:
    """A laboratory that serves and works in this process."""
    await lab_made.start()
    return lab_made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(lab_made: Lab) -> AsyncIterator[Database]:
    """The laboratory's database, for tests of the core's parts by themselves."""
    made = Database(lab_made.url, pool_size=5)
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def broker(platform: Platform) -> AsyncIterator[Nats]:
    """The broker of this module."""
    made = await nats.connect(platform.nats.url)
    yield made
    await made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def jetstream(broker: Nats) -> JetStreamContext:
    """The streams of the broker."""
    return broker.jetstream()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def trails(database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trail]:
    """The audit trail of the laboratory's database, which nobody else writes."""
    connection = await database.direct()
    yield Trail(database, keys_in(tmp_path_factory.mktemp("keys"), "2026-1"), connection)
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def trail(trails: Trail) -> AsyncIterator[Trail]:
    """An empty trail."""
    await trails.empty()
    yield trails
    trails.closes_after = SEGMENT
    await trails.empty()
