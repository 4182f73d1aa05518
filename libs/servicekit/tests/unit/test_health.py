"""The health port: what it answers while starting, ready and draining, to bad requests and to many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servicekit.health import MAX_CONNECTIONS, HealthServer

MARKER = "13800138000"


class Conditions:
    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.rounds = 0
        self.release = asyncio.Event()

    async def database(self) -> None:
        self.rounds += 1
        await asyncio.sleep(0)
        if "database" in self.broken:
            raise ConnectionError(MARKER)

    async def broker(self) -> bool:
        return "broker" not in self.broken

    async def stuck(self) -> None:
        if "stuck" in self.broken:
            while not self.release.is_set():
                try:
                    await self.release.wait()
                except asyncio.CancelledError:
                    continue

    async def cancelled(self) -> None:
        if "cancelled" in self.broken:
            raise asyncio.CancelledError

    def exposition(self, accept: str) -> tuple[str, bytes]:
        if "metrics" in self.broken:
            raise RuntimeError(MARKER)
        return f"text/plain; taken={accept}", b"up 1\n"


@pytest.fixture
async def conditions() -> AsyncIterator[Conditions]:
    made = Conditions()
    yield made
    made.release.set()


@pytest.fixture
async def server(conditions: Conditions) -> AsyncIterator[HealthServer]:
    checks = {name: getattr(conditions, name) for name in ("stuck", "database", "broker", "cancelled")}
    made = HealthServer("127.0.0.1", 0, checks, conditions.exposition, check_seconds=0.3)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(server: HealthServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=60, trust_env=False) as made:
        yield made


async def raw(port: int, data: bytes, *, close: bool = True) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        if close and writer.can_write_eof():
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        return b""
    finally:
        writer.close()


class TestReadyz:
    async def test_says_starting_then_ready_then_draining_for_good(
        self, server: HealthServer, client: httpx.AsyncClient
    ) -> None:
        answers = [await client.get("/readyz")]
        server.set_ready(True)
        answers.append(await client.get("/readyz"))
        server.set_ready(False)
        answers.append(await client.get("/readyz"))
        server.set_ready(True)
        server.draining()
        server.set_ready(True)
        answers.append(await client.get("/readyz"))
        assert [answer.status_code for answer in answers] == [503, 200, 503, 503]
        assert [answer.json()["status"] for answer in answers] == ["starting", "ready", "starting", "draining"]

    @pytest.mark.parametrize(
        "broken",
        [{"database"}, {"broker"}, {"stuck"}, {"cancelled"}, {"broker", "database", "stuck", "cancelled"}],
    )
    async def test_names_the_failing_checks_and_nothing_more(
        self, server: HealthServer, client: httpx.AsyncClient, conditions: Conditions, broken: set[str]
    ) -> None:
        server.set_ready(True)
        conditions.broken = broken
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"status": "failing", "failing": sorted(broken)}
        assert MARKER not in answer.text
        conditions.broken = set()
        conditions.release.set()
        assert (await client.get("/readyz")).status_code == 200

    async def test_a_failing_check_is_named_while_starting(
        self, client: httpx.AsyncClient, conditions: Conditions
    ) -> None:
        conditions.broken = {"broker"}
        assert (await client.get("/readyz")).json() == {"status": "starting", "failing": ["broker"]}

    async def test_probes_at_once_share_a_round_of_checks(self, server: HealthServer, conditions: Conditions) -> None:
        server.set_ready(True)
        assert await asyncio.gather(*(server.failing() for _ in range(20))) == [[]] * 20
        assert conditions.rounds == 1


class TestOtherPaths:
    async def test_alive_whatever_fails(self, client: httpx.AsyncClient, conditions: Conditions) -> None:
        conditions.broken = {"database", "stuck"}
        assert (await client.get("/livez")).status_code == 200

    async def test_metrics_are_what_was_rendered(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/metrics?x=1")
        assert answer.content == b"up 1\n"
        assert answer.headers["content-type"].startswith("text/plain")

    async def test_the_scraper_is_asked_what_it_takes(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/metrics", headers={"accept": "application/openmetrics-text"})
        assert answer.headers["content-type"] == "text/plain; taken=application/openmetrics-text"

    async def test_a_failing_render_is_500_without_its_text(
        self, client: httpx.AsyncClient, conditions: Conditions
    ) -> None:
        conditions.broken = {"metrics"}
        answer = await client.get("/metrics")
        assert answer.status_code == 500
        assert MARKER not in answer.text

    @pytest.mark.parametrize(
        ("method", "path", "status"), [("GET", "/", 404), ("POST", "/livez", 405), ("DELETE", "/metrics", 405)]
    )
    async def test_anything_else_is_refused(
        self, client: httpx.AsyncClient, method: str, path: str, status: int
    ) -> None:
        assert (await client.request(method, path)).status_code == status

    async def test_head_has_the_length_and_no_body(self, client: httpx.AsyncClient) -> None:
        answer = await client.head("/metrics")
        assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "5", b"")


class TestHostileInput:
    @pytest.mark.parametrize(
        "data",
        [
            b"nonsense\r\n\r\n",
            b"GET /livez\r\n\r\n",
            b"GET /livez HTTP/1.1\r\n\r\n",  # no Host
            b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
            b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        ],
    )
    async def test_a_bad_request_is_answered_as_one(self, server: HealthServer, data: bytes) -> None:
        answer = await raw(server.port, data)
        assert answer.split(b" ", 2)[1:2] in ([b"400"], [b"431"], [b"505"])

    @given(st.binary(max_size=400))
    @settings(max_examples=50, deadline=None)
    def test_any_bytes_leave_it_alive(self, data: bytes) -> None:
        async def scenario() -> bytes:
            server = HealthServer("127.0.0.1", 0, {}, lambda accept: ("text/plain", b""))
            await server.start()
            try:
                await raw(server.port, data)
                return await raw(server.port, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            finally:
                await server.stop()

        assert asyncio.run(scenario()).startswith(b"HTTP/1.1 200")

    async def test_many_at_once_are_all_answered(self, server: HealthServer) -> None:
        server.set_ready(True)
        paths = [b"/livez", b"/readyz", b"/metrics", b"/none"]
        answers = await asyncio.gather(
            *(
                raw(server.port, b"GET " + paths[number % 4] + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                for number in range(MAX_CONNECTIONS - 20)
            )
        )
        assert {answer.split(b" ", 2)[1] for answer in answers} == {b"200", b"404"}

    async def test_silent_connections_beyond_the_limit_are_closed(self, server: HealthServer) -> None:
        opened = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(MAX_CONNECTIONS)]
        assert await raw(server.port, b"", close=False) == b""
        for _, writer in opened:
            writer.close()


class TestStop:
    async def test_the_port_is_free_again_and_stopping_twice_is_fine(self, conditions: Conditions) -> None:
        server = HealthServer("127.0.0.1", 0, {}, conditions.exposition)
        await server.start()
        port = server.port
        _, writer = await asyncio.open_connection("127.0.0.1", port)  # a connection that says nothing
        await server.stop()
        await server.stop()
        writer.close()
        again = HealthServer("127.0.0.1", port, {}, conditions.exposition)
        await again.start()
        assert again.port == port
        await again.stop()

    async def test_a_taken_port_is_an_error(self, server: HealthServer, conditions: Conditions) -> None:
        with pytest.raises(OSError):
            await HealthServer("127.0.0.1", server.port, {}, conditions.exposition).start()
