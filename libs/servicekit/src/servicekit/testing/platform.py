"""A platform for a test: real PostgreSQL, real NATS, an issuer, and our services in this process or as processes of their own.

A service gets a database cloned from a template that its migrations made once per worker; NATS is fresh for each platform.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from devstack.issuer import PERSON_LIFETIME
from devstack.nats import EmbeddedNats
from devstack.ports import free_port
from devstack.postgres import EmbeddedPostgres
from pydantic import SecretStr

from servicekit.audit.keys import new_key_pem
from servicekit.db import migrate
from servicekit.messaging import streams
from servicekit.sealing.keys import make_key
from servicekit.service import Build, Running, connect_nats, make_kit
from servicekit.settings import ServiceSettings
from servicekit.testing import web
from servicekit.testing.asking import Asking
from servicekit.testing.client import Client
from servicekit.testing.issuer import IssuerServer

SECRET = "test-secret"  # noqa: S105 - of the issuer that lives in this process only


class Platform:
    """The surroundings of a test and the services it starts; `close` ends everything."""

    def __init__(self, postgres: EmbeddedPostgres, nats: EmbeddedNats, issuer: IssuerServer, folder: Path) -> None:
        self.postgres = postgres
        self.nats = nats
        self.issuer = issuer
        self.folder = folder
        self.peers: dict[str, str] = {}
        self.databases: dict[str, str] = {}
        self._running: list[Running] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._clients: list[Client] = []
        self._asking = Asking()
        self._gateway: Any = None
        self.http_url = ""

    async def start(self, name: str, **overrides: Any) -> Running:
        """Starts a service inside this process, migrated, with its loops; returns it when it is ready."""
        span_exporter = overrides.pop("span_exporter", None)
        settings = await self.prepare(name, **overrides)
        running = Running(build_of(name), settings, name, span_exporter=span_exporter)
        await running.start()
        self._running.append(running)
        self.peers[name] = f"127.0.0.1:{running.port}"
        return running

    async def spawn(self, name: str, **overrides: Any) -> subprocess.Popen[bytes]:
        """Starts a service as a process of its own, for tests that kill it; returns when it is ready."""
        settings = await self.prepare(name, **overrides)
        return await self.spawn_again(name, settings)

    async def spawn_again(self, name: str, settings: ServiceSettings) -> subprocess.Popen[bytes]:
        """Starts the process of prepared settings: the first time, or after a kill."""
        environment = {**os.environ, **environment_of(settings), "MARQUE_ENVIRONMENT": "development"}
        log = (self.folder / f"{name}.log").open("ab")
        process = _popen(name, environment, log)
        log.close()
        self._processes.append(process)
        self.peers[name] = f"127.0.0.1:{settings.grpc_port}"
        await until(lambda: ready(settings.health_port), 60.0, f"{name} is not ready")
        return process

    async def open_gateway(self, **overrides: Any) -> Any:
        """Opens both doors of the gateway inside this process, in front of the services started so far."""
        module = importlib.import_module("marque_gateway.service")
        span_exporter = overrides.pop("span_exporter", None)
        settings = self._settings("gateway", {"http_port": free_port(), **overrides})
        self._gateway = module.Gateway(settings, span_exporter)
        await self._gateway.start()
        self.peers["gateway"] = f"127.0.0.1:{settings.grpc_port}"
        self.http_url = f"http://127.0.0.1:{settings.http_port}"
        return self._gateway

    async def spawn_gateway(self, **overrides: Any) -> subprocess.Popen[bytes]:
        """Opens both doors of the gateway in a process of its own, for tests that end it; returns when it is ready."""
        settings = self._settings("gateway", {"http_port": free_port(), **overrides})
        self.http_url = f"http://127.0.0.1:{settings.http_port}"
        return await self.spawn_again("gateway", settings)

    def http(self, role: str = "", **scope: Any) -> httpx.AsyncClient:
        """Returns an HTTP client of the gateway that speaks with a role."""
        token = scope.pop("token", None) or (self.token(role, **scope) if role else None)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return web.client(self.http_url, headers=headers, timeout=60)

    async def prepare(self, name: str, **overrides: Any) -> ServiceSettings:
        """Makes database, streams and settings of a service without starting it."""
        if name not in self.databases:
            self.databases[name] = await asyncio.to_thread(self._database, name)
        values = {"database_url": SecretStr(self.databases[name]), "database_pool_size": 5, **overrides}
        settings = self._settings(name, values)
        broker = await connect_nats(settings.nats_url, "test")
        kit = make_kit(settings, name)
        service = build_of(name)(kit)
        await streams.reconcile(broker.jetstream(), name, service.subscriptions, replicas=1, max_age_days=1)
        await broker.close()
        for part in (*service.closing, kit.verifier):
            await part.close()
        return settings

    def client(self, name: str, role: str = "", **scope: Any) -> Client:
        """Returns a client of a service that speaks with a role; `scope` is that of `Issuer.person_token`, `token` overrides all."""
        token = scope.pop("token", None)
        if token is None and role:
            token = self.token(role, **scope)
        client = Client(self.peers[name], token)
        self._clients.append(client)
        return client

    def token(self, role: str, *, subject: str | None = None, **scope: Any) -> str:
        """Returns a token of a role."""
        if role == "service":
            return self.issuer.issuer.service_token(subject or "test", PERSON_LIFETIME)  # a proof may go on for long
        return self.issuer.issuer.person_token(subject or f"test:{role}", [role], **scope)

    def _settings(self, name: str, values: dict[str, Any]) -> Any:
        secret = self.folder / "secret"
        secret.write_text(SECRET)
        settings_class: type[ServiceSettings] = importlib.import_module(f"marque_{name}.settings").Settings
        common: dict[str, Any] = {
            "environment": "test",
            "nats_url": self.nats.url,
            "issuer_url": self.issuer.url,
            "client_id": name,
            "client_secret_file": secret,
            "grpc_port": free_port(),
            "health_port": free_port(),
            "peers": dict(self.peers),
            "drain_seconds": 1.0,
            "audit_keys": self.audit_keys(),
            "sealing_keys": self.sealing_keys(),
            "objects_folder": self.folder / "objects",
            "log_level": "WARNING",
        }
        return settings_class(**{**common, **values})

    def audit_keys(self) -> Path:
        """Returns the folder with the key that signs audit trails, made at the first asking."""
        folder = self.folder / "audit-keys"
        if not folder.is_dir():
            folder.mkdir()
            (folder / "test-1.pem").write_text(new_key_pem())
        return folder

    def sealing_keys(self) -> Path:
        """Returns the folder with the key that seals sensitive columns, made at the first asking."""
        return make_key(self.folder / "sealing-keys", "test-1").parent

    async def sql(self, name: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Runs a query in a service's database, past the service."""
        return await self._asking.fetch(self.databases[name], query, *arguments)

    async def configure(self, name: str, setting: str) -> None:
        """Changes a setting of a service's database (`search_path = public`): for every session that begins from now on."""
        (database,) = await self.sql(name, "SELECT current_database() AS name")
        await self.sql(name, f'ALTER DATABASE "{database["name"]}" SET {setting}')
        await self._asking.forget(self.databases[name])

    async def stop(self) -> None:
        """Stops the gateway and the services of this process; their databases and streams stay."""
        if self._gateway is not None:
            await self._gateway.stop()
            self._gateway = None
        while self._running:
            await self._running.pop().stop()

    async def deploy(self, name: str, running: Running) -> Running:
        """Stops a service of this process gracefully and starts it again with the same settings, at the same address."""
        await running.stop()
        self._running.remove(running)
        again = Running(build_of(name), running.settings, name)
        await again.start()
        self._running.append(again)
        return again

    def running(self, name: str) -> Running:
        """Returns the service of this process that was started last under a name."""
        return next(one for one in reversed(self._running) if one.name == name)

    async def close(self) -> None:
        """Ends clients, services and processes."""
        self._asking.close()
        for client in self._clients:
            await client.close()
        await self.stop()
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def _database(self, name: str) -> str:
        template = f"template_{name}"
        if template not in _TEMPLATES.setdefault(str(self.postgres.data_dir), set()):
            url = self.postgres.create_role_and_database(template)
            asyncio.run(_migrate(url, name))
            _TEMPLATES[str(self.postgres.data_dir)].add(template)
        return self.postgres.clone_database(template, f"{name}_{time.monotonic_ns()}")


def _popen(name: str, environment: dict[str, str], log: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", f"marque_{name}", "serve"], env=environment, stdout=log, stderr=log)  # noqa: S603


PATIENCE = 4
_TEMPLATES: dict[str, set[str]] = {}


async def _migrate(url: str, name: str) -> None:
    kit = make_kit(ServiceSettings(database_url=SecretStr(url)), name)
    service = build_of(name)(kit)
    try:
        await migrate.upgrade(kit.database, service.migrations)
    finally:
        await kit.database.engine.dispose()
        for part in (*service.closing, kit.verifier):
            await part.close()


def build_of(name: str) -> Build:
    """Returns the `build` of a service by its name."""
    found: Build = importlib.import_module(f"marque_{name}.service").build
    return found


async def until(check: Callable[[], Awaitable[Any]], seconds: float, message: str) -> Any:
    """Waits until `check` returns something true and returns it; fails with the message when nothing came for long.

    `seconds`: what it takes at most on a machine that does nothing else. A busy one is given `PATIENCE` times as long: that something comes
    is promised, and not how fast the machine of a test is.
    """
    ends, pause = time.monotonic() + seconds * PATIENCE, 0.01
    while True:
        found = await check()
        if found:
            return found
        if time.monotonic() > ends:
            raise AssertionError(f"{message} after {seconds * PATIENCE} s")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


async def ready(health_port: int) -> bool:
    """Tells whether a service's process says that it is ready."""
    try:
        async with web.client(timeout=1.0) as client:
            return (await client.get(f"http://127.0.0.1:{health_port}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


def environment_of(settings: ServiceSettings) -> dict[str, str]:
    """Returns the environment by which a process reads these settings."""
    found = {}
    for name, value in settings.model_dump(mode="json").items():
        if isinstance(getattr(settings, name), SecretStr):
            value = getattr(settings, name).get_secret_value()
        if value is None:
            continue
        found[f"MARQUE_{name.upper()}"] = value if isinstance(value, str) else json.dumps(value)
    return found
