"""The connections of the HTTP provider: kept, made anew where the other side closed them, and never the cause of an unknown message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from devstack.ports import free_port
from marque_campaign.clients import HttpProvider, NotHanded, Outgoing, Rejected, Silent
from marque_campaign.rules.templates import Message

TAKEN, MOVED = (
    b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
)
MESSAGE = Outgoing("one", "SMS", "+8613800000000", Message("en", "", "News"))


class Door:
    """A server that answers each request with the next of some answers; after an empty one, and after `closing`, it closes."""

    def __init__(self, *answers: bytes, closing: bool = False) -> None:
        self.answers, self.closing = list(answers), closing
        self.connections = 0
        self.closed = asyncio.Event()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        self.connections += 1
        while self.answers:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            answer = self.answers.pop(0)
            writer.write(answer)
            if self.closing or not answer:
                break
        writer.close()
        await writer.wait_closed()
        self.closed.set()


@asynccontextmanager
async def opened(door: Door) -> AsyncIterator[HttpProvider]:
    server = await asyncio.start_server(door.meet, "127.0.0.1", 0)
    provider = HttpProvider(
        f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/messages", b"0" * 32, repeatable=False
    )
    async with server:
        yield provider
        await provider.close()


class TestLines:
    async def test_one_connection_serves_message_after_message_and_many_as_many_at_once(self) -> None:
        door = Door(*[TAKEN] * 5)
        async with opened(door) as provider:
            for _ in range(3):
                await provider.send(MESSAGE)
            assert door.connections == 1
            await asyncio.gather(*(provider.send(MESSAGE) for _ in range(2)))

        assert door.connections == 2

    async def test_one_that_was_closed_meanwhile_leaves_nobody_in_doubt(self) -> None:
        door = Door(TAKEN, TAKEN, closing=True)
        async with opened(door) as provider:
            await provider.send(MESSAGE)
            await door.closed.wait()
            await provider.send(MESSAGE)

        assert door.connections == 2

    async def test_a_request_that_breaks_off_is_in_doubt_and_the_next_one_goes_by_another(self) -> None:
        door = Door(b"", TAKEN)
        async with opened(door) as provider:
            with pytest.raises(Silent):
                await provider.send(MESSAGE)
            await provider.send(MESSAGE)

        assert door.connections == 2

    async def test_what_is_not_reached_has_not_left_and_nothing_is_sent_elsewhere(self) -> None:
        nowhere, door = HttpProvider(f"http://127.0.0.1:{free_port()}/", b"0" * 32, repeatable=False), Door(MOVED)
        with pytest.raises(NotHanded):
            await nowhere.send(MESSAGE)
        async with opened(door) as provider:
            with pytest.raises(Rejected, match="HTTP_302"):
                await provider.send(MESSAGE)

        assert door.connections == 1
