"""Traces at the door: who may read them, what is passed on, and who may ask for one to be recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio
from devstack.ports import free_port
from marque.network.v1 import dealer_service_pb2
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit.testing.platform import Platform

_LIST = "/marque.network.v1.DealerService/ListDealers"
Spans = InMemorySpanExporter


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page will stand; it is not built yet."""
    return tmp_path_factory.mktemp("ops") / "dist"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def spans(platform: Platform, page: Path) -> AsyncIterator[Spans]:
    """What is recorded by a platform that samples nothing by itself; its trace store is away."""
    exporter = InMemorySpanExporter()
    await platform.start("network", span_exporter=exporter, trace_sample_ratio=0.0)
    told = {"trace_sample_ratio": 0.0, "ops_ui": page, "traces_url": f"http://127.0.0.1:{free_port()}"}
    await platform.open_gateway(span_exporter=exporter, **told)
    yield exporter


def recorded(spans: Spans, trace_id: str) -> list[str]:
    return [span.name for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == trace_id]


class TestRecording:
    async def test_ops_gets_the_trace_of_a_request_recorded_through_every_service(
        self, platform: Platform, spans: Spans
    ) -> None:
        async with platform.http(token=platform.issuer.issuer.person_token("o", ["ops", "oem.agent"])) as client:
            asked = await client.get("/v1/dealers", headers={"x-record-trace": "1"})
            plain = await client.get("/v1/dealers")
        assert asked.status_code == 200
        assert {"GET /v1/dealers", _LIST[1:]} <= set(recorded(spans, asked.headers["x-trace-id"]))
        assert recorded(spans, plain.headers["x-trace-id"]) == []

    @pytest.mark.parametrize("role", ["oem.agent", "oem.admin", "dealer.system", ""])
    async def test_nobody_else_chooses_what_is_recorded(self, platform: Platform, spans: Spans, role: str) -> None:
        theirs = {"x-record-trace": "1", "traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
        async with platform.http(role) as client:
            answer = await client.get("/v1/dealers", headers=theirs)
        assert recorded(spans, answer.headers["x-trace-id"]) == []

    async def test_a_bad_token_with_the_wish_is_refused_as_ever(self, platform: Platform, spans: Spans) -> None:
        async with platform.http(token="nonsense") as client:
            answer = await client.get("/v1/dealers", headers={"x-record-trace": "1"})
        assert answer.status_code == 401

    @pytest.mark.parametrize(("roles", "wanted"), [(["ops", "oem.agent"], True), (["oem.agent"], False)])
    async def test_the_grpc_door_knows_the_same_wish(
        self, platform: Platform, spans: Spans, roles: list[str], wanted: bool
    ) -> None:
        token = platform.issuer.issuer.person_token("g", roles)
        async with grpc.aio.insecure_channel(platform.peers["gateway"]) as channel:
            call = channel.unary_unary(_LIST)(
                dealer_service_pb2.ListDealersRequest().SerializeToString(),
                metadata=(("authorization", f"Bearer {token}"), ("x-record-trace", "1")),
            )
            await call
            trailing: Any = dict(await call.trailing_metadata())
        assert bool(recorded(spans, trailing["x-trace-id"])) is wanted


class TestReading:
    @pytest.mark.parametrize(
        ("role", "status"), [("", 401), ("oem.agent", 403), ("oem.admin", 403), ("dealer.manager", 403), ("ops", 503)]
    )
    async def test_only_ops_may_read_traces(self, platform: Platform, spans: Spans, role: str, status: int) -> None:
        async with platform.http(role) as client:
            answer = await client.get("/ops/traces/api/search", params={"q": "{}"})
        assert answer.status_code == status  # 503: nobody is behind this door here
        assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "push",
            "search/../../metrics",
            "status",
            "traces/",
            "traces/xyz",
            "logs/1",
            "search/tag/a%2Fb/values",
            "flush",
            "%2e%2e/ready",
        ],
    )
    async def test_only_reads_of_known_paths_are_passed_on(self, platform: Platform, spans: Spans, path: str) -> None:
        async with platform.http("ops") as client:
            assert (await client.get(f"/ops/traces/api/{path}")).status_code == 404

    async def test_nothing_is_written_through_this_door(self, platform: Platform, spans: Spans) -> None:
        async with platform.http("ops") as client:
            assert (await client.post("/ops/traces/api/search", json={})).status_code == 405


class TestPage:
    async def test_until_it_is_built_the_address_says_how(self, platform: Platform, spans: Spans, page: Path) -> None:
        async with platform.http() as client:
            before = await client.get("/ops/traces")
            page.mkdir()
            (page / "assets").mkdir()
            (page / "index.html").write_text("<!doctype html><title>built</title>")
            (page / "assets" / "index-1a.js").write_text("1")
            (page / "secret.txt").write_text("no asset")
            after, slash = await client.get("/ops/traces"), await client.get("/ops/traces/")
            asset = await client.get("/ops/traces/assets/index-1a.js")
            outside = [
                (await client.get(f"/ops/traces/assets/{name}")).status_code
                for name in ("..%2Fsecret.txt", "%2e%2e", ".hidden", "absent.js", "..%5Csecret.txt", "index-1a.js%00")
            ]
        assert before.status_code == 503
        assert "make ops-ui" in before.text
        assert after.status_code == slash.status_code == 200
        assert "built" in after.text
        assert "script-src 'self'" in after.headers["content-security-policy"]
        assert asset.status_code == 200
        assert asset.headers["content-type"].startswith(("text/javascript", "application/javascript"))
        assert set(outside) == {404}
