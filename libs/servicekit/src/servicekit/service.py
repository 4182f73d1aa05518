"""The life of a service process: start, ready, drain, stop; and its three commands `serve`, `work`, `migrate`.

`serve` answers RPCs, `work` runs what is not asked for (relay, consumers, due work). Locally `serve` does both.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import nats
import uvloop
from nats.aio.client import Client as Nats
from opentelemetry.sdk.trace.export import SpanExporter

from servicekit import memory, sweeps, tasks, telemetry
from servicekit.audit import ReadAudit
from servicekit.audit.appender import ChainAppender
from servicekit.audit.keys import AuditKeys
from servicekit.db import migrate
from servicekit.db.committed import Committed
from servicekit.db.due import DueHandler, DueWorker
from servicekit.db.engine import Database
from servicekit.db.housekeeping import HOUSEKEEPING, housekeeping
from servicekit.db.vitals import Vitals
from servicekit.health import HealthServer
from servicekit.messaging import streams
from servicekit.messaging.broker import BrokerAccess
from servicekit.messaging.consumer import Consumer, Subscription
from servicekit.messaging.relay import Relay
from servicekit.republish import republish_due
from servicekit.roster import ServiceRoster
from servicekit.rpc.cluster import make_verifier
from servicekit.rpc.server import RpcServer
from servicekit.rpc.tls import certificate_of
from servicekit.rpc.tokens import ServiceIdentity, TokenVerifier
from servicekit.sealing.keys import Keyring
from servicekit.sealing.sealer import Sealer
from servicekit.settings import ServiceSettings
from servicekit.snapshots import SnapshotReader
from servicekit.sweeps import Sweep
from servicekit.telemetry import logs, metrics
from servicekit.telemetry.database import instrument_engine
from servicekit.telemetry.figures import Figure

log = logs.get_logger(__name__)


class Closing(Protocol):
    """Something that is closed when the service stops."""

    async def close(self) -> None:
        """Closes it."""


@dataclass
class Kit:
    """What a service's `build` is given: the parts that stand before any business."""

    settings: ServiceSettings
    database: Database
    verifier: TokenVerifier
    identity: ServiceIdentity
    committed: Committed
    audit: ReadAudit
    audit_keys: AuditKeys
    sealer: Sealer


@dataclass
class Service:
    """What a service's `build` returns."""

    name: str
    migrations: Path
    servicers: Sequence[Any]
    subscriptions: Sequence[Subscription] = ()
    due: Mapping[str, DueHandler] = field(default_factory=dict)
    snapshots: Mapping[str, SnapshotReader] = field(default_factory=dict)
    sweeps: Mapping[str, Sweep] = field(default_factory=dict)
    closing: Sequence[Closing] = ()
    figures: Sequence[Figure] = ()


Build = Callable[[Kit], Service]


def make_kit(settings: ServiceSettings, name: str, *, command_timeout: float | None = 60.0) -> Kit:
    """Makes the parts of a service; nothing is connected yet. `command_timeout` is that of `Database`."""
    database = Database(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        application=f"marque-{name}",
        command_timeout=command_timeout,
        ca_file=settings.database_ca_file,
    )
    identity = ServiceIdentity(
        token_file=settings.service_token_file,
        issuer=settings.issuer_url,
        client_id=settings.client_id,
        secret_file=settings.client_secret_file,
        ca_file=settings.tls_ca_file,
    )
    verifier = make_verifier(settings)
    keys = AuditKeys.read(settings.audit_keys, settings.audit_key_id)
    sealer = Sealer(Keyring.read(settings.sealing_keys, settings.sealing_key_id))
    return Kit(settings, database, verifier, identity, Committed(), ReadAudit(database), keys, sealer)


class Running:
    """A service that runs in this process; tests start and stop it as production does."""

    def __init__(
        self,
        build: Build,
        settings: ServiceSettings,
        name: str,
        *,
        serve: bool = True,
        work: bool = True,
        span_exporter: SpanExporter | None = None,
    ) -> None:
        self._build = build
        self._settings = settings
        self._name = name
        self._serve = serve
        self._work = work
        self._span_exporter = span_exporter
        self._tasks: list[asyncio.Task[None]] = []
        self._nats: Nats | None = None
        self._server: RpcServer | None = None
        self.port = 0

    @property
    def name(self) -> str:
        """Which service it is."""
        return self._name

    @property
    def settings(self) -> ServiceSettings:
        """What it was started with."""
        return self._settings

    async def start(self) -> None:
        """Connects, refuses a schema older than this image, listens, and says that it is ready."""
        settings = self._settings
        self._telemetry = telemetry.start(
            self._name,
            environment=settings.environment,
            instance_id=settings.instance_id or f"{os.uname().nodename}-{os.getpid()}",
            otlp_endpoint=settings.otlp_endpoint,
            sample_ratio=settings.trace_sample_ratio,
            log_level=settings.log_level,
            log_format=settings.log_format,
            span_exporter=self._span_exporter,
        )
        self._kit = make_kit(settings, self._name)
        self._service = self._build(self._kit)
        metrics.current().declare(self._service.figures)
        instrument_engine(self._kit.database.engine.sync_engine)
        self._health = HealthServer(settings.health_host, settings.health_port, self._checks(), metrics.exposition)
        await self._health.start()
        await migrate.wait_until_current(self._kit.database, self._service.migrations, settings.schema_wait_seconds)
        if self._work:
            await self._start_work()
        if self._serve:
            roster = ServiceRoster(self._kit.database)
            self._server = RpcServer(
                self._service.servicers,
                self._kit.verifier,
                audit=self._kit.audit,
                max_message_bytes=settings.max_message_bytes,
                reflection=settings.reveal_contracts,
                roster=roster,
                mark=self._kit.sealer.mark,
            )
            self.port = await self._server.start(
                settings.grpc_host, settings.grpc_port, certificate_of(settings.tls_cert_file, settings.tls_key_file)
            )
            self._spawn("audit", self._kit.audit.run())
            self._spawn("roster", roster.run())
        self._health.set_ready(True)
        log.info("ready", extra={"port": self.port})

    async def stop(self) -> None:
        """Drains: tells the world it is not ready, ends calls under way, then the loops, then the connections."""
        self._health.draining()
        if self._server is not None:
            await self._server.stop(self._settings.drain_seconds)
        await tasks.end(self._tasks)
        if self._nats is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._nats.close(), 5)
        for part in (*self._service.closing, self._kit.verifier):
            await part.close()
        await self._kit.database.stop()
        await self._health.stop()
        await asyncio.to_thread(self._telemetry.shutdown)

    async def _start_work(self) -> None:
        kit, service = self._kit, self._service
        self._nats = await connect_nats(kit.settings.nats_url, self._name, kit.settings.broker_access)
        self._spawn("relay", Relay(kit.database, self._nats, kit.committed, self._name).run())
        for subscription in service.subscriptions:
            self._spawn(subscription.name, Consumer(kit.database, self._nats, subscription, kit.committed).run())
        for name, sweep in service.sweeps.items():
            self._spawn(name, sweeps.run(name, sweep, kit.settings.drain_seconds))
        handlers = {
            **service.due,
            **republish_due(service.snapshots),
            HOUSEKEEPING: housekeeping(kit.settings, kit.audit_keys),
        }
        if kit.audit_keys.current:
            chain = ChainAppender(kit.database, self._name, kit.audit_keys, kit.settings)
            self._spawn("audit chain", chain.run())
        elif kit.settings.environment == "production":
            raise RuntimeError("MARQUE_AUDIT_KEYS names no folder with a key to sign the audit trail")
        heard = [subscription.name for subscription in service.subscriptions]
        self._spawn("vitals", Vitals(kit.database, handlers, heard).run())
        self._spawn("due", DueWorker(kit.database, handlers, kit.committed).run())

    def _checks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        return {"database": self._kit.database.ping}

    def _spawn(self, name: str, work: Any) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_report)
        self._tasks.append(task)


def _report(task: asyncio.Task[None]) -> None:
    """A loop that ends by itself is a fault: better a restart by the supervisor than a service that is half alive."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("a loop ended", exc_info=task.exception(), extra={"task": task.get_name()})
        os._exit(70)


async def connect_nats(url: str, name: str, access: BrokerAccess = BrokerAccess()) -> Nats:
    """Connects to the broker; reconnects for ever. `url` may name several servers of a cluster, parted by commas."""

    async def quiet(error: Exception) -> None:
        log.warning("broker", extra={"error_type": type(error).__name__})

    return await nats.connect(
        url.split(","),
        name=f"marque-{name}",
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.25,
        error_cb=quiet,
        connect_timeout=5,
        allow_reconnect=True,
        **access.options(),
    )


async def migrate_all(build: Build, settings: ServiceSettings, name: str) -> None:
    """Brings schema and streams to what this image declares."""
    kit = make_kit(settings, name, command_timeout=None)
    service = build(kit)
    await migrate.upgrade(kit.database, service.migrations)
    broker = await connect_nats(settings.nats_url, name, settings.broker_access)
    try:
        await streams.reconcile(
            broker.jetstream(),
            name,
            service.subscriptions,
            replicas=settings.stream_replicas,
            max_age_days=settings.stream_max_age_days,
            max_bytes=settings.stream_max_bytes,
        )
    finally:
        await broker.close()
        await kit.database.engine.dispose()


async def run(build: Build, settings: ServiceSettings, name: str, *, serve: bool, work: bool) -> None:
    """Runs until SIGTERM or SIGINT."""
    running = Running(build, settings, name, serve=serve, work=work)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    starting, told = asyncio.create_task(running.start()), asyncio.create_task(stopping.wait())
    await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # it waits for its schema, and is asked to go: nothing is under way yet
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    await starting
    memory.settle()
    await told
    await running.stop()


def main(build: Build, settings_class: type[ServiceSettings], name: str) -> None:
    """The command line of a service: `serve` (in development with the loops of `work`), `work`, `migrate`, and, after its database was put
    back, `replay-erasures MOMENT`.
    """
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if len(sys.argv) == 3 and sys.argv[1] == "replay-erasures" and name != "customer":
        from servicekit import restoring  # only this command needs it

        uvloop.run(restoring.run(build, settings_class(), name, sys.argv[2]))
        return
    if command not in ("serve", "work", "migrate"):
        raise SystemExit(f"usage: python -m marque_{name} serve | work | migrate | replay-erasures MOMENT")
    settings = settings_class()
    if command == "migrate":
        uvloop.run(migrate_all(build, settings, name))
    else:
        both = settings.environment == "development" and command == "serve"
        uvloop.run(run(build, settings, name, serve=command == "serve", work=both or command == "work"))
