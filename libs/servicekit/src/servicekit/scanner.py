"""Whether what somebody sent carries malware: an interface, and the daemon of ClamAV asked over TCP.

The protocol is that of clamd's manual (`man clamd`, INSTREAM): the command, then pieces, each after its length in four bytes of network
order, then a length of nothing; the answer is one line, `stream: OK` or `stream: <what> FOUND`. What is not said to be clean is not clean:
every other answer, and none, is a failure.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterable
from typing import Protocol

from servicekit.errors import Unavailable

_COMMAND, _END = b"zINSTREAM\0", struct.pack("!I", 0)
_MOST_ANSWER = 4096


class Scanner(Protocol):
    """Who looks for malware."""

    async def scan(self, content: AsyncIterable[bytes]) -> str:
        """Returns the name of what was found in a content, '' for nothing. Raises Unavailable where nobody can say."""


class ClamAv:
    """A clamd at an address `host:port`. Each content has a connection of its own, and `seconds` in all."""

    def __init__(self, address: str, seconds: float = 60.0) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError("the address of the scanner is host:port")
        self._host, self._port, self._seconds = host.strip("[]"), int(port), seconds

    async def scan(self, content: AsyncIterable[bytes]) -> str:
        try:
            async with asyncio.timeout(self._seconds):
                return _verdict(await self._ask(content))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise Unavailable(dependency="The malware scanner", retry_after=5) from None

    async def _ask(self, content: AsyncIterable[bytes]) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=_MOST_ANSWER)
        try:
            writer.write(_COMMAND)
            async for piece in content:
                if piece:  # a length of nothing would end it
                    writer.write(struct.pack("!I", len(piece)) + piece)
                    await writer.drain()
            writer.write(_END)
            await writer.drain()
            return (await reader.readuntil(b"\0")).rstrip(b"\0\n")
        finally:
            writer.close()


def _verdict(answer: bytes) -> str:
    said = answer.decode("utf-8", "replace").removeprefix("stream: ")
    if said == "OK":
        return ""
    if said.endswith(" FOUND"):
        return said.removesuffix(" FOUND") or "UNNAMED"
    raise OSError(f"the scanner answers {said[:100]!r}")
