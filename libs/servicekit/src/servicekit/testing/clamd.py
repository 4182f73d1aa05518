"""A small daemon that speaks clamd's INSTREAM over TCP: it finds the EICAR test file, and can fail in the ways that clamd does."""

from __future__ import annotations

import asyncio
import struct
from types import TracebackType

# The industry's harmless test file, put together here so that no scanner takes this file for it.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE" + b"!$H+H*"


class Clamd:
    """The daemon. `answer`: what it says in place of its verdict; `silent`: it never answers. `heard`: the contents it got, in order."""

    def __init__(self, *, answer: bytes | None = None, silent: bool = False) -> None:
        self.heard: list[bytes] = []
        self.address = ""
        self.answer = answer
        self._silent = silent
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Clamd:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(10) != b"zINSTREAM\0":
                writer.write(b"UNKNOWN COMMAND\0")
                return
            content = bytearray()
            while size := struct.unpack("!I", await reader.readexactly(4))[0]:
                content += await reader.readexactly(size)
            self.heard.append(bytes(content))
            if self._silent:
                await reader.read()
            elif self.answer is not None:
                writer.write(self.answer)
            else:
                writer.write(b"stream: Eicar-Test-Signature FOUND\0" if EICAR in content else b"stream: OK\0")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
