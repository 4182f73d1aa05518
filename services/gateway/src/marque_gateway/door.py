"""The HTTP door: granian in this process, plain or, with a certificate, encrypted; renewing the certificate drops no request.

Granian reads a certificate when a worker of it begins. So a renewed one is given to a second worker beside the first, on a socket of its
own on the same port; the first takes no new connection from then on and ends when the answers under way, live changes among them, have
ended. A connection that is in its handshake with the first in that instant is cut: its client opens another, as at any restart.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

from granian.constants import Interfaces, SSLProtocols
from granian.server.embed import AsyncWorker, Server
from servicekit.rpc.tls import certificate_of
from servicekit.telemetry import logs

log = logs.get_logger(__name__)

_LOOK_SECONDS = 1.0
_OLDEST = SSLProtocols.tls12  # what proxies of some years ago dial by


class HttpDoor:
    """A door on an address. Raises CertificateUnusable where one of the files is missing or they do not fit each other."""

    def __init__(self, app: Any, address: str, port: int, cert_file: Path | None, key_file: Path | None) -> None:
        self._files = (cert_file, key_file)
        self._certificate = certificate_of(cert_file, key_file)
        self._server = _Server(
            app,
            address=address,
            port=port,
            interface=Interfaces.ASGINL,
            websockets=False,
            log_enabled=False,
            backlog=1024,
            ssl_cert=cert_file,
            ssl_key=key_file,
            ssl_protocol_min=_OLDEST,
        )

    async def serve(self) -> None:
        """Serves until it is told to stop, or ends by itself, and every answer under way has ended."""
        watching = asyncio.create_task(self._watch())
        try:
            await self._server.serve()
        finally:
            watching.cancel()
        await self._server.left()

    def stop(self) -> None:
        """Takes no more connections; `serve` returns when those that are open have ended."""
        self._server.stop()

    async def _watch(self) -> None:
        while self._certificate is not None:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._certificate.look():
                continue
            try:
                self._server.renew(*self._files)
            except (
                OSError,
                ssl.SSLError,
            ) as error:  # changed again in this instant: what is shown stays until the next look
                log.warning("a certificate cannot be used yet", extra={"error_type": type(error).__name__})


class _Server(Server):  # type: ignore[misc]
    """Granian's embedded server with a second worker after a renewal."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._leaving: set[asyncio.Task[Any]] = set()

    def renew(self, cert_file: Path | None, key_file: Path | None) -> None:
        """Begins a worker that shows what the files hold now, and lets the one before end."""
        self.build_ssl_context(cert_file, key_file, None, _OLDEST, None, [], False)
        (old,) = self.wrks
        new: AsyncWorker = self._spawn_worker(0, self._spawn_asgi_worker, self.target)
        new.start()
        self.wrks[0] = new
        leaving = asyncio.create_task(self._let_go(old))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def left(self) -> None:
        """Returns when every worker that was let go has ended."""
        await asyncio.gather(*self._leaving)

    @staticmethod
    async def _let_go(worker: AsyncWorker) -> None:
        await asyncio.sleep(_LOOK_SECONDS)  # the new one must listen before nobody does
        worker.terminate()
        await worker.join()
