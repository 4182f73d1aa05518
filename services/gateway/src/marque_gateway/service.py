"""Wires the gateway by hand and runs it: the HTTP door (granian in this process), the gRPC door, live changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from nats.aio.client import Client as Nats
from opentelemetry.sdk.trace.export import SpanExporter
from servicekit import memory, telemetry
from servicekit.health import HealthServer
from servicekit.rpc.cluster import make_verifier
from servicekit.rpc.tokens import ServiceIdentity
from servicekit.service import connect_nats
from servicekit.telemetry import logs, metrics

from marque_gateway.admission import Admission
from marque_gateway.app import make_app
from marque_gateway.door import HttpDoor
from marque_gateway.live import Live
from marque_gateway.ops import Ops
from marque_gateway.passthrough import Passthrough
from marque_gateway.roster import GatewayRoster
from marque_gateway.settings import Settings
from marque_gateway.upstream import Upstreams

log = logs.get_logger(__name__)


class Gateway:
    """The gateway in this process."""

    def __init__(self, settings: Settings, span_exporter: SpanExporter | None = None) -> None:
        self.settings = settings
        self._telemetry = telemetry.start(
            "gateway",
            environment=settings.environment,
            instance_id=settings.instance_id or f"{os.uname().nodename}-{os.getpid()}",
            otlp_endpoint=settings.otlp_endpoint,
            sample_ratio=settings.trace_sample_ratio,
            log_level=settings.log_level,
            log_format=settings.log_format,
            span_exporter=span_exporter,
        )
        self._verifier = make_verifier(settings)
        self._upstreams = Upstreams(settings.peers, settings.upstream_deadline, settings.tls_ca_file)
        identity = _identity(settings)
        self._roster = GatewayRoster(self._upstreams, identity, lambda keys: self._live.judge_again(keys))
        admission = Admission(self._verifier, settings.principal_rate, settings.address_rate, self._roster)
        per_principal = settings.live_connections_per_principal
        self._live = Live(settings.peers, settings.live_buffer, per_principal, self._roster.present)
        self._passthrough = Passthrough(settings, admission, self._upstreams)
        self._ops = Ops(settings)
        app = make_app(settings, self._upstreams, admission, self._live, identity, self._ops)
        files = (settings.tls_cert_file, settings.tls_key_file)
        self._http = HttpDoor(app, settings.http_host, settings.http_port, *files)
        self._health = HealthServer(settings.health_host, settings.health_port, {}, metrics.exposition)
        self._nats: Nats | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Opens both doors; ready when they are open. Live changes begin when the broker answers."""
        await self._health.start()
        self._connecting = asyncio.create_task(self._hear())
        await self._passthrough.start()
        self._serving = asyncio.create_task(self._http.serve())
        await self._listening()
        self._health.set_ready(True)
        log.info("ready", extra={"port": self.settings.http_port})

    async def ended(self) -> None:
        """Returns when the HTTP server ends by itself; raises what ended it."""
        assert self._serving is not None
        await asyncio.shield(self._serving)

    async def stop(self) -> None:
        """Drains: not ready, live connections closed, calls under way ended within `drain_seconds`, doors shut."""
        self._health.draining()
        self._connecting.cancel()
        await self._live.stop()
        await self._roster.stop()
        self._http.stop()
        doors = [asyncio.create_task(self._passthrough.stop(self.settings.drain_seconds))]
        if self._serving is not None:
            doors.append(self._serving)
        await asyncio.wait(doors, timeout=self.settings.drain_seconds + 1)
        if self._nats is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._nats.close(), 5)
        await self._ops.close()
        await self._upstreams.close()
        await self._verifier.close()
        await self._health.stop()
        await asyncio.to_thread(self._telemetry.shutdown)

    async def _hear(self) -> None:
        while self._nats is None:
            try:
                self._nats = await connect_nats(self.settings.nats_url, "gateway", self.settings.broker_access)
            except Exception as error:
                log.warning("live changes wait for the broker", extra={"error_type": type(error).__name__})
                await asyncio.sleep(2.0)
        self._live.start(self._nats)
        self._roster.start(self._nats)

    async def _listening(self) -> None:
        """Waits until the HTTP port takes connections; raises what ended the server instead."""
        assert self._serving is not None
        while True:
            if self._serving.done():
                self._serving.result()
                raise OSError(f"the HTTP door on port {self.settings.http_port} did not open")
            try:
                _, writer = await asyncio.open_connection(self.settings.http_host, self.settings.http_port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def _identity(settings: Settings) -> ServiceIdentity:
    return ServiceIdentity(
        token_file=settings.service_token_file,
        issuer=settings.issuer_url,
        client_id=settings.client_id,
        secret_file=settings.client_secret_file,
    )


async def run(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT; raises RuntimeError when the HTTP server ends by itself."""
    gateway = Gateway(settings)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await gateway.start()
    memory.settle()
    waits = [asyncio.create_task(stopping.wait()), asyncio.create_task(gateway.ended())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    await gateway.stop()
    if not stopping.is_set():
        raise RuntimeError("the HTTP server ended")
