"""The surroundings of a bench: real PostgreSQL (durable, as in production) and NATS, an issuer, our processes, the yardsticks."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
from devstack.nats import EmbeddedNats
from devstack.ports import free_port, is_listening
from devstack.postgres import EmbeddedPostgres
from marque_gateway.settings import Settings as GatewaySettings
from servicekit.testing.issuer import IssuerServer
from servicekit.testing.platform import SECRET, Platform, ready, until

from bench import cpu, data
from bench.yardsticks import envoy

DOMAIN = ("network", "customer", "vehicle", "complaint", "campaign")
ROLE = "oem.manager"
SAMPLE_RATIO = 0.01
UNLIMITED = 1_000_000_000  # per minute: the limiter counts every request, and refuses none of the bench's
_PART = 50_000
_START_SECONDS = 120.0  # on an idle machine one or two; a neighbour on the same cores must not end a bench
_POSTGRES = {"track_commit_timestamp": "on", "shared_buffers": "256MB", "max_wal_size": "2GB"}


class World:
    """Everything a bench may need, started when it is first asked for and ended together."""

    def __init__(self, *, quick: bool) -> None:
        self.quick = quick
        self.seconds = 3.0 if quick else 6.0
        self.rounds = 3 if quick else 5
        self.customers = 0
        self.pids: dict[str, int] = {}
        self.urls: dict[str, str] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._quiet = 0.15

    async def __aenter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="marque-bench-", ignore_cleanup_errors=True)
        self.folder = Path(self._scratch.name)
        self.folder.chmod(0o711)  # PostgreSQL may run as another user below it
        self.postgres = EmbeddedPostgres(self.folder / "pg" / "data", statistics=True, settings=_POSTGRES)
        self.nats = EmbeddedNats(self.folder / "nats")
        self.issuer = IssuerServer(dict.fromkeys((*DOMAIN, "survey", "gateway", "test"), SECRET))
        self.postgres.start()
        self.nats.start()
        self.platform = Platform(self.postgres, self.nats, self.issuer, self.folder)
        self.token = self.platform.token(ROLE)
        self.pids.update(postgres=self.postgres.pid or 0, nats=self.nats.pid or 0)
        self.otlp = f"http://127.0.0.1:{self._sink()}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        await self.platform.close()
        self.issuer.stop()
        self.nats.stop()
        self.postgres.stop()
        self._scratch.cleanup()

    async def start_some(self, told: Mapping[str, Mapping[str, Any]]) -> None:
        """Starts some domain services by name with settings of their own, as they are deployed, tracing one request of a hundred."""
        held = {name: free_port() for name in told}
        self.platform.peers.update({name: f"127.0.0.1:{port}" for name, port in held.items()})
        for name, settings in told.items():
            self.pids[name] = await self._spawn_service(name, grpc_port=held[name], **self.traced(), **settings)
        await self._learn_idle()

    async def start(self) -> None:
        """Starts the domain services and the gateway, tracing one request of a hundred; imports the dealers."""
        await self.start_some({name: {} for name in DOMAIN})
        await self.spawn_gateway("gateway", **self.traced())
        client = self.platform.client("network", ROLE)
        async for answer in client.stream("network.v1.NetworkImportService/ImportDealers", iter([data.dealers()])):
            if answer.summary.rejected:
                raise RuntimeError(f"dealers were rejected: {answer.rejected[0]}")
        for name in ("customer", "vehicle"):
            await until(
                lambda name=name: self._knows_dealers(name), _START_SECONDS, f"{name} does not know the dealers"
            )
        await self._learn_idle()

    async def _spawn_service(self, name: str, **overrides: Any) -> int:
        """Starts a domain service; returns its process id. Raises RuntimeError with the end of its log."""
        try:
            return (await self.platform.spawn(name, **overrides)).pid
        except AssertionError as error:
            log = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{error}: {log[-400:]}") from None

    def traced(self) -> dict[str, Any]:
        """Settings of a process whose traces are sampled at 1 % and sent to the sink."""
        return {"otlp_endpoint": self.otlp, "trace_sample_ratio": SAMPLE_RATIO, "drain_seconds": 1.0}

    async def spawn_gateway(self, name: str, peers: dict[str, str] | None = None, **overrides: Any) -> None:
        """Starts a gateway as `name`; it is in `pids` and `urls` from then on."""
        settings = GatewaySettings(
            environment="development",
            nats_url=self.nats.url,
            issuer_url=self.issuer.url,
            client_id="gateway",
            peers=peers or self.platform.peers,
            http_port=free_port(),
            grpc_port=free_port(),
            health_port=free_port(),
            principal_rate=UNLIMITED,
            address_rate=UNLIMITED,
            log_level="WARNING",
            **overrides,
        )
        told = {
            f"MARQUE_{key.upper()}": _text(value)
            for key, value in settings.model_dump(mode="json", exclude={"database_url"}).items()
            if value is not None
        }
        self.pids[name] = self._spawn(name, [sys.executable, "-m", "marque_gateway", "serve"], told).pid
        self.urls[name] = f"http://127.0.0.1:{settings.http_port}"
        await until(lambda: ready(settings.health_port), _START_SECONDS, f"{name} is not ready")

    async def spawn_bare_api(self) -> None:
        """Starts yardstick (a) on the customer service's own database."""
        port = free_port()
        told = {
            "BARE_DATABASE": self.platform.databases["customer"],
            "BARE_JWKS": json.dumps(self.issuer.issuer.keys.jwks()),
            "BARE_ISSUER": self.issuer.url,
        }
        argv = [
            "granian",
            "--interface",
            "asgi",
            "--workers",
            "1",
            "--loop",
            "uvloop",
            "--no-access-log",
            "--log-level",
            "warning",
        ]
        argv += ["--host", "127.0.0.1", "--port", str(port), "bench.yardsticks.bare_api:app"]
        self.pids["bare_api"] = self._spawn("bare_api", [sys.executable, "-m", *argv], told).pid
        self.urls["bare_api"] = f"http://127.0.0.1:{port}"
        await self._listening(port, "bare_api")

    async def spawn_envoy(self) -> None:
        """Starts yardstick (d) before the customer service."""
        port = free_port()
        found = envoy.configuration(
            port=port,
            upstream=self.platform.peers["customer"],
            jwks=self.issuer.issuer.keys.jwks(),
            issuer=self.issuer.url,
            audience="marque",
            services=["marque.customer.v1.CustomerService"],
        )
        process = envoy.start(self.folder, found)
        self._processes.append(process)
        self.pids["envoy"] = process.pid
        self.urls["envoy"] = f"http://127.0.0.1:{port}"
        await self._listening(port, "envoy")

    async def grow(self, total: int) -> None:
        """Imports customers through ImportCustomers until there are `total`, a stream for each part: a connection has a longest age."""
        while total > self.customers:
            part = min(total - self.customers, _PART)
            await self.import_customers(self.customers, part)
            self.customers += part

    async def import_customers(self, first: int, count: int, *, dealer: bool = False) -> float:
        """Imports made-up customers; returns wall seconds. Raises RuntimeError where one was rejected."""
        client = self.platform.client("customer", ROLE)
        began, last = time.perf_counter(), None
        async for answer in client.stream(
            "customer.v1.CustomerImportService/ImportCustomers", data.chunks(first, count, dealer=dealer), timeout=3600
        ):
            last = answer
            if answer.summary.rejected:
                raise RuntimeError(f"customers were rejected: {answer.rejected[0]}")
        if last is None or last.summary.rows_read != count:
            raise RuntimeError("the import ended early")
        return time.perf_counter() - began

    async def customer_ids(self, count: int) -> list[str]:
        """Returns some customers' ids, spread over the table."""
        rows = await self.platform.sql(
            "customer",
            "SELECT customer_id FROM customers WHERE status = 1 ORDER BY md5(customer_id::text) LIMIT $1",
            count,
        )
        return [str(row["customer_id"]) for row in rows]

    async def vacuum(self, name: str = "customer") -> None:
        """Brings statistics and visibility of a service's tables up to date, as autovacuum does in time."""
        await self.platform.sql(name, "VACUUM ANALYZE")

    async def settled(
        self, names: Iterable[str] = ("postgres", "customer", "vehicle", "nats"), limit: float = 300.0
    ) -> None:
        """Waits until the processes named do no more than their idle polls; raises TimeoutError after `limit` seconds."""
        pids, ends = [self.pids[name] for name in names if name in self.pids], time.monotonic() + limit
        while time.monotonic() < ends:
            before = cpu.seconds(pids)
            await asyncio.sleep(1.0)
            if cpu.seconds(pids) - before < self._quiet:
                return
        raise TimeoutError(f"{', '.join(names)} do not come to rest within {limit:.0f} s")

    async def _learn_idle(self) -> None:
        """Learns what the idle polls of everything cost a second here; a busy neighbour makes that dearer."""
        await asyncio.sleep(1.0)
        pids = list(self.pids.values())
        before = cpu.seconds(pids)
        await asyncio.sleep(2.0)
        self._quiet = 0.1 + 1.5 * (cpu.seconds(pids) - before) / 2.0

    def roots(self, *names: str) -> dict[str, list[int]]:
        """Returns the root processes of some names, for `cpu.Meter`."""
        return {name: [self.pids[name]] for name in names if name in self.pids}

    @property
    def headers(self) -> dict[str, str]:
        """Headers of a caller who sees every customer unmasked."""
        return {"authorization": f"Bearer {self.token}", "accept": "application/json"}

    async def _knows_dealers(self, name: str) -> bool:
        return bool((await self.platform.sql(name, "SELECT count(*) FROM known_dealers"))[0][0] >= data.DEALERS)

    async def _listening(self, port: int, name: str) -> None:
        async def open_() -> bool:
            return is_listening("127.0.0.1", port)

        await until(open_, _START_SECONDS, f"{name} does not listen")

    def _sink(self) -> int:
        port = free_port()
        self._spawn("sink", [sys.executable, "-m", "bench.sink", str(port)], {})
        return port

    def _spawn(self, name: str, argv: list[str], told: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                argv, env={**os.environ, **told}, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self._processes.append(process)
        return process


async def superuser(world: World, service: str) -> asyncpg.Connection:
    """Opens a connection of the superuser to a service's database."""
    name = world.platform.databases[service].rpartition("/")[2]
    return await asyncpg.connect(world.postgres.dsn(name))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
