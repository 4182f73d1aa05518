"""The load driver against a small server: it counts every answer, sees errors, and an open loop counts from when a request was due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from bench.load import Driver, Job

Answer = Callable[[int], Awaitable[bytes]]
BODY = b"x" * 70_000
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + BODY
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
BROKEN = b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"


class Server:
    """Answers each request with what `answer(number)` gives."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.answer: Answer | None = None
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.seen.append(await reader.readuntil(b"\r\n\r\n"))
                assert self.answer is not None
                writer.write(await self.answer(len(self.seen)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield made
    listening.close()


def always(content: bytes) -> Answer:
    async def answer(number: int) -> bytes:
        return content

    return answer


class TestClosedLoop:
    @pytest.mark.parametrize("content", [PLAIN, CHUNKED])
    async def test_counts_every_answer_once(self, server: Server, content: bytes) -> None:
        server.answer = always(content)
        result = await Driver(Job(server.url, ["/a", "/b"], 0.2, 3)).run()
        assert result.requests == len(server.seen)
        assert result.errors == 0
        assert result.p50 <= result.p90 <= result.p99 <= result.worst

    async def test_sends_the_paths_in_turn_with_the_headers(self, server: Server) -> None:
        server.answer = always(PLAIN)
        await Driver(Job(server.url, ["/a", "/b"], 0.1, 1, headers={"authorization": "Bearer t"})).run()
        assert server.seen[0].startswith(b"GET /a HTTP/1.1\r\n")
        assert server.seen[1].startswith(b"GET /b HTTP/1.1\r\n")
        assert all(b"authorization: Bearer t\r\n" in one for one in server.seen)

    async def test_counts_answers_that_are_not_200_as_errors(self, server: Server) -> None:
        server.answer = always(BROKEN)
        result = await Driver(Job(server.url, ["/"], 0.1, 2)).run()
        assert result.errors == result.requests > 0


class TestOpenLoop:
    async def test_sends_as_many_as_are_due(self, server: Server) -> None:
        server.answer = always(PLAIN)
        result = await Driver(Job(server.url, ["/"], 0.5, 4, rate=100)).run()
        assert result.requests + result.unsent == 50

    async def test_a_stall_is_in_the_latency_of_all_that_waited_for_it(self, server: Server) -> None:
        """One connection, and the first answer takes 0.3 s: the requests that were due meanwhile waited too."""

        async def answer(number: int) -> bytes:
            if number == 1:
                await asyncio.sleep(0.3)
            return PLAIN

        server.answer = answer
        result = await Driver(Job(server.url, ["/"], 0.4, 1, rate=50)).run()
        assert result.worst >= 290
        assert result.p50 >= 50  # a closed loop's clock would have called all but the first one fast
