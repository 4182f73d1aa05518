"""A door to a PostgreSQL that takes encrypted connections only.

The embedded server is built without TLS, so this stands before it: it answers the client's SSLRequest, ends TLS and passes on the rest
(https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL).
What the client does is what it does with a server of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from pathlib import Path

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class EncryptedDoor:
    """`port` is open after `start`; `encrypted` and `refused` count connections."""

    def __init__(self, target: int, folder: Path) -> None:
        self._target = target
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = self.encrypted = self.refused = 0

    async def start(self) -> None:
        """Listens."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Ends listening and every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # gone, or told to go
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(8) != _SSL_REQUEST:
            self.refused += 1
            return
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self._context)
        self.encrypted += 1
        inner, outer = await asyncio.open_connection("127.0.0.1", self._target)
        ways = [asyncio.create_task(_carry(reader, outer)), asyncio.create_task(_carry(inner, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            outer.close()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
