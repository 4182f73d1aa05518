"""What HTTP itself asks of a door: verbs, compression, preflights, limits of heads, garbage; and what the side door measures."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from marque_gateway.service import Gateway
from servicekit.testing import web
from servicekit.testing.platform import Platform


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway(platform: Platform) -> Gateway:
    await platform.start("network")
    platform.peers.setdefault("customer", "127.0.0.1:1")
    opened: Gateway = await platform.open_gateway(cors_origins=["https://app.example"], max_header_bytes=8_000)
    return opened


@pytest.fixture
def door(platform: Platform, gateway: Gateway) -> Platform:
    return platform


@pytest_asyncio.fixture(loop_scope="session")
async def manager(door: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with door.http("oem.manager") as client:
        yield client


async def raw(door: Platform, sent: bytes, silence: float = 1.5) -> bytes:
    """Sends bytes and returns what comes back until the door closes or falls silent for so many seconds."""
    host, port = door.http_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    got = b""
    try:
        while part := await asyncio.wait_for(reader.read(65536), silence):
            got += part
    except (TimeoutError, ConnectionResetError):
        pass
    writer.close()
    return got


class TestVerbs:
    @pytest.mark.parametrize("path", ["/v1/dealers", "/openapi.json", "/docs"])
    async def test_head_is_get_without_a_body(self, manager: httpx.AsyncClient, path: str) -> None:
        head, get = await manager.head(path), await manager.get(path)

        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]

    @pytest.mark.parametrize(
        ("verb", "path", "allow"),
        [
            ("DELETE", "/v1/dealers", "GET, HEAD, POST"),
            ("OPTIONS", "/v1/dealers", "GET, HEAD, POST"),
            ("DELETE", "/v1/network/imports", "GET, HEAD, POST"),
            ("POST", "/v1/events", "GET, HEAD"),
            ("PUT", "/v1/customers/1/overview", "GET, HEAD"),
            ("POST", "/docs", "GET, HEAD"),
            ("FROB", "/v1/dealers", "GET, HEAD, POST"),
        ],
    )
    async def test_what_a_path_does_not_take_is_405_with_what_it_takes(
        self, manager: httpx.AsyncClient, verb: str, path: str, allow: str
    ) -> None:
        answer = await manager.request(verb, path)

        assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
        assert sorted(answer.headers["allow"].replace(" ", "").split(",")) == allow.split(", ")

    @pytest.mark.parametrize(
        "path", ["/", "/v1", "/v1/", "/v1/nothing", "/v1/dealers/", "/v2/dealers", "/v1/dealers/a/b/c", "/docs/static/x.js",
                 "/v1/dealers%2F", "/../etc/passwd", "/v1/dealers/%00", "/v1/dealers/%ff", "//v1/dealers", "/v1/dealers:frob"],
    )  # fmt: skip
    async def test_unknown_paths_are_problems(self, manager: httpx.AsyncClient, path: str) -> None:
        answer = await manager.get(path)

        assert answer.status_code in (400, 404), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.headers["x-trace-id"]) == 32
        assert "content-security-policy" in answer.headers

    @pytest.mark.parametrize(
        "path", ["/nowhere", "/v1/dealers/x", "/v1/customers", "/v1/events", "/v1/customers/x/overview"]
    )
    async def test_every_problem_is_told_in_chinese_on_request(self, door: Platform, path: str) -> None:
        async with door.http("oem.manager" if path != "/v1/events" else "") as client:
            answer = await client.get(path, headers={"accept-language": "zh-CN"})
        problem = answer.json()

        assert answer.headers["content-language"] == "zh-CN"
        assert re.search("[一-鿿]", problem["title"])
        assert re.search("[一-鿿]", problem["detail"])


class TestCompression:
    async def test_large_answers_are_compressed_for_who_takes_it(self, manager: httpx.AsyncClient) -> None:
        async with manager.stream("GET", "/openapi.json", headers={"accept-encoding": "gzip"}) as answer:
            packed = b"".join([part async for part in answer.aiter_raw()])
        plain = await manager.get("/openapi.json", headers={"accept-encoding": "identity"})

        assert answer.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in answer.headers["vary"].lower()
        assert "content-encoding" not in plain.headers
        assert gzip.decompress(packed) == plain.content
        assert plain.headers["cache-control"] == "public, max-age=300"


class TestCors:
    async def test_a_preflight_of_a_listed_origin_is_answered_without_a_token(self, door: Platform) -> None:
        asked = {
            "origin": "https://app.example",
            "access-control-request-method": "PATCH",
            "access-control-request-headers": "authorization,if-match,idempotency-key",
        }
        async with door.http() as client:
            good = await client.options("/v1/dealers", headers=asked)
            bad = await client.options("/v1/dealers", headers={**asked, "origin": "https://evil.example"})

        assert (good.status_code, good.headers["access-control-allow-origin"]) == (200, "https://app.example")
        assert "PATCH" in good.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in good.headers
        assert bad.status_code == 400
        assert "access-control-allow-origin" not in bad.headers

    async def test_a_browser_may_read_why_it_was_refused(self, door: Platform) -> None:
        async with door.http() as client:
            answer = await client.get("/v1/dealers", headers={"origin": "https://app.example"})

        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "https://app.example")


class TestHostileHeads:
    async def test_large_headers_are_431(self, manager: httpx.AsyncClient) -> None:
        many = await manager.get("/v1/dealers", headers={f"x-{number}": "y" * 100 for number in range(90)})
        one = await manager.get("/v1/dealers", headers={"x-large": "y" * 8_000})

        assert {many.status_code, one.status_code} == {431}
        assert one.json()["reason"] == "HEADERS_TOO_LARGE"

    @pytest.mark.parametrize(
        "sent",
        [
            b"\x00\x01\x02\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /v1/dealers HTTP/9.9\r\nhost: x\r\n\r\n",
            b"GET /v1/dealers HTTP/1.1\r\nhost: x\r\nbroken header\r\n\r\n",
            b"POST /v1/dealers HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
            b"POST /v1/dealers HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
            b"POST /v1/dealers HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            b"GET /" + b"a" * 500_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
            b"GET /v1/dealers HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 2_000 + b"\r\n",
        ],
    )  # fmt: skip
    async def test_garbage_is_refused_and_the_door_stays_open(
        self, door: Platform, manager: httpx.AsyncClient, sent: bytes
    ) -> None:
        got = await raw(door, sent)

        assert got == b"" or re.match(rb"HTTP/1.[01] 4\d\d ", got), got[:200]
        assert b"Traceback" not in got
        assert (await manager.get("/v1/dealers")).status_code == 200

    async def test_two_requests_in_one_packet_are_two_answers(self, door: Platform) -> None:
        first, last = (b"GET /nowhere HTTP/1.1\r\nhost: x\r\n" + end for end in (b"\r\n", b"connection: close\r\n\r\n"))
        got = await raw(door, first + last, silence=60)

        assert got.count(b"HTTP/1.1 404") == 2


class TestSideDoor:
    async def test_it_tells_life_readiness_and_measures_by_template_only(
        self, gateway: Gateway, manager: httpx.AsyncClient
    ) -> None:
        await manager.get("/v1/dealers/01900000-0000-7000-8000-00000000abcd")
        await manager.get("/v1/some-secret-path")
        await manager.request("FROB", "/v1/dealers")
        async with web.client(f"http://127.0.0.1:{gateway.settings.health_port}") as client:
            live, ready, found = [await client.get(path) for path in ("/livez", "/readyz", "/metrics")]

        lines = [line for line in found.text.splitlines() if line.startswith("http_server_duration_seconds_count")]
        assert (live.status_code, ready.status_code) == (200, 200)
        assert any('route="/v1/dealers/{dealer_id}"' in line and 'status="404"' in line for line in lines)
        assert any('route="other"' in line for line in lines)
        assert not any("abcd" in line or "secret" in line or "FROB" in line for line in lines)
