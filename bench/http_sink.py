"""A provider that takes every message whose signature is right, and keeps none: `python -m bench.http_sink PORT SECRET_FILE`.

It speaks the platform's signed HTTP as `marque_campaign.clients.HttpProvider` writes it: it answers 202,
or 401 where a signature is wrong. A process of its own, so that its cost is not in the figures; it ends with its input.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sys
from pathlib import Path
from typing import Any

import uvloop

_TAKEN = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
_FOREIGN = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"


class Sink(asyncio.Protocol):
    """One connection, which is kept."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._waiting = b""

    def connection_made(self, transport: Any) -> None:
        """Keeps where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers every request that is whole."""
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            lines = self._waiting[:end].lower().split(b"\r\n")[1:]
            told = {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}
            whole = end + 4 + int(told.get(b"content-length", b"0"))
            if len(self._waiting) < whole:
                return
            body, self._waiting = self._waiting[end + 4 : whole], self._waiting[whole:]
            signed = told.get(b"x-marque-timestamp", b"") + b"." + body
            proof = b"v1=" + hmac.new(self._secret, signed, hashlib.sha256).hexdigest().encode()
            right = hmac.compare_digest(proof, told.get(b"x-marque-signature", b""))
            self._transport.write(_TAKEN if right and b"idempotency-key" in told else _FOREIGN)


async def serve(port: int, secret: bytes) -> None:
    """Listens on the loopback address until the input ends."""
    server = await asyncio.get_running_loop().create_server(lambda: Sink(secret), "127.0.0.1", port)
    print("ready", flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes().strip()))
