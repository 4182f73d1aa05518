"""Spans that came by OTLP are answered as Tempo documents it (https://grafana.com/docs/tempo/latest/api_docs/)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from sight.traces.app import make_app
from sight.traces.otlp import Receiver
from sight.traces.store import Store

Export = Callable[..., tuple[bytes, ExportTraceServiceRequest]]
DOOR = (
    "gateway",
    "GET /v1/customers",
    None,
    0,
    120,
    {"http.route": "/v1/customers", "http.response.status_code": 200},
    "server",
    "unset",
)
CALL = ("customer", "customer.v1/Get", 0, 10, 80, {"rpc.status_code": "INTERNAL", "cached": True}, "server", "error")


class Tempo:
    """The receiver and the API over one store."""

    def __init__(self, store: Store, client: httpx.AsyncClient, stub: TraceServiceStub) -> None:
        self.store, self.client, self._stub = store, client, stub

    async def send(self, request: ExportTraceServiceRequest) -> Any:
        return await self._stub.Export(request)

    async def get(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.text


@pytest.fixture
async def tempo(tmp_path: Path) -> AsyncIterator[Tempo]:
    store = Store(tmp_path / "traces.sqlite", max_spans=100)
    receiver = Receiver(store)
    port = await receiver.start("127.0.0.1:0")
    logs = tmp_path / "logs"
    logs.mkdir()
    transport = httpx.ASGITransport(make_app(store, logs))
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        httpx.AsyncClient(transport=transport, base_url="http://tempo") as client,
    ):
        yield Tempo(store, client, TraceServiceStub(channel))
    await receiver.stop()
    store.close()


class TestTempo:
    async def test_a_search_tells_roots_times_matches_and_services(self, tempo: Tempo, export: Export) -> None:
        trace_id, sent = export(DOOR, CALL)
        await tempo.send(sent)
        found = await tempo.get("/api/search", q="{ status = error }", start=1_700_000_000, end=1_700_000_060)
        assert found["traces"] == [
            {
                "traceID": trace_id.hex(),
                "rootServiceName": "gateway",
                "rootTraceName": "GET /v1/customers",
                "startTimeUnixNano": "1700000000000000000",
                "durationMs": 120,
                "spanSets": [
                    {
                        "matched": 1,
                        "spans": [
                            {
                                "spanID": "0000000000000002",
                                "name": "customer.v1/Get",
                                "startTimeUnixNano": "1700000000010000000",
                                "durationNanos": "80000000",
                                "attributes": [{"key": "service.name", "value": {"stringValue": "customer"}}],
                            }
                        ],
                    }
                ],
                "serviceStats": {"gateway": {"spanCount": 1}, "customer": {"spanCount": 1, "errorCount": 1}},
            }
        ]

    async def test_the_older_form_of_a_search_finds_the_same(self, tempo: Tempo, export: Export) -> None:
        await tempo.send(export(DOOR, CALL)[1])
        for query in (
            {"tags": "service.name=customer"},
            {"tags": 'name="GET /v1/customers"'},
            {"minDuration": "100ms"},
            {"tags": "cached=x", "limit": 0},
            {"maxDuration": "119ms"},
            {"q": "{ .cached = true }", "minDuration": "1h"},
        ):
            found = await tempo.get("/api/search", **query)
            assert len(found["traces"]) == (
                1 if "limit" not in query and "maxDuration" not in query and "q" not in query else 0
            ), query

    async def test_the_newest_come_first_within_limit_and_range(self, tempo: Tempo, export: Export) -> None:
        made = []
        for number in range(5):
            trace_id, sent = export(DOOR, start_ms=1_700_000_000_000 + number * 10_000)
            made.append(trace_id.hex())
            await tempo.send(sent)
        newest = await tempo.get("/api/search", limit=3)
        ranged = await tempo.get("/api/search", start=1_700_000_010, end=1_700_000_019)
        assert [one["traceID"] for one in newest["traces"]] == made[:1:-1]
        assert [one["traceID"] for one in ranged["traces"]] == [made[1]]

    async def test_a_trace_is_given_whole_whichever_way_its_parts_came(self, tempo: Tempo, export: Export) -> None:
        trace_id, sent = export(DOOR, CALL)
        for part in sent.resource_spans:
            await tempo.send(ExportTraceServiceRequest(resource_spans=[part]))
        await tempo.send(sent)  # again, as an exporter does that got no answer
        told = await tempo.get(f"/api/traces/{trace_id.hex()}")
        spans = [span for batch in told["batches"] for scope in batch["scopeSpans"] for span in scope["spans"]]
        assert {span["name"] for span in spans} == {"GET /v1/customers", "customer.v1/Get"}
        assert {base64.b64decode(span["traceId"]) for span in spans} == {trace_id}
        assert spans[0]["startTimeUnixNano"] == "1700000000000000000"
        assert spans[0]["kind"] == "SPAN_KIND_SERVER"
        second = await tempo.get(f"/api/v2/traces/{trace_id.hex().lstrip('0')}")
        assert second == {"trace": {"resourceSpans": told["batches"]}}
        (listed,) = (await tempo.get("/api/search"))["traces"]
        assert sum(one["spanCount"] for one in listed["serviceStats"].values()) == 2

    async def test_tags_and_their_values_are_told_by_scope_and_type(self, tempo: Tempo, export: Export) -> None:
        await tempo.send(export(DOOR, CALL)[1])
        assert "http.route" in (await tempo.get("/api/search/tags"))["tagNames"]
        scopes = {one["name"]: one["tags"] for one in (await tempo.get("/api/v2/search/tags"))["scopes"]}
        assert scopes["resource"] == ["deployment.environment.name", "service.name"]
        assert "rpc.status_code" in scopes["span"]
        assert {"name", "status", "duration"} <= set(scopes["intrinsic"])
        assert (await tempo.get("/api/search/tag/service.name/values"))["tagValues"] == ["customer", "gateway"]
        values = await tempo.get("/api/v2/search/tag/span.http.response.status_code/values")
        assert values["tagValues"] == [{"type": "int", "value": "200"}]
        narrowed = await tempo.get("/api/v2/search/tag/name/values", q='{ resource.service.name = "customer" }')
        assert narrowed["tagValues"] == [{"type": "string", "value": "customer.v1/Get"}]
        kinds = await tempo.get("/api/v2/search/tag/status/values")
        assert {"type": "keyword", "value": "error"} in kinds["tagValues"]

    @pytest.mark.parametrize(
        ("path", "query", "status"),
        [
            ("/api/traces/xyz", {}, 400),
            ("/api/traces/" + "1" * 33, {}, 400),
            ("/api/traces/ffff", {}, 404),
            ("/api/search", {"q": "{ broken"}, 400),
            ("/api/search", {"limit": "many"}, 400),
            ("/api/search", {"limit": "-1"}, 400),
            ("/api/search", {"start": "20", "end": "10"}, 400),
            ("/api/search", {"minDuration": "long"}, 400),
            ("/api/search", {"tags": "=="}, 400),
            ("/api/v2/search/tags", {"scope": "all"}, 400),
            ("/api/v2/search/tag/nothing/values", {}, 400),
        ],
    )
    async def test_bad_questions_are_refused_in_words(
        self, tempo: Tempo, path: str, query: dict[str, str], status: int
    ) -> None:
        assert await tempo.get(path, status, **query)

    async def test_the_oldest_go_where_there_is_no_room(self, tempo: Tempo, export: Export) -> None:
        made = []
        for number in range(120):
            trace_id, sent = export(DOOR, start_ms=1_700_000_000_000 + number)
            tempo.store.add(sent)
            made.append(trace_id)
        kept = {one.trace_id for one in tempo.store.newest()}
        assert len(kept) <= 100
        assert kept == set(made[-len(kept) :])
        assert tempo.store.trace(made[0]) == []

    async def test_spans_without_ids_are_refused_and_the_rest_is_kept(self, tempo: Tempo, export: Export) -> None:
        _, sent = export(DOOR)
        spans = sent.resource_spans[0].scope_spans[0].spans
        spans.add(name="no ids")
        spans.add(name="zeroes", trace_id=bytes(16), span_id=bytes(8))
        spans.add(
            name="far",
            trace_id=b"f" * 16,
            span_id=b"f" * 8,
            start_time_unix_nano=2**64 - 1,
            end_time_unix_nano=2**64 - 1,
        )
        answer = await tempo.send(sent)
        assert answer.partial_success.rejected_spans == 2
        assert len(list(tempo.store.newest())) == 2

    async def test_log_lines_are_found_by_trace(self, tempo: Tempo, tmp_path: Path) -> None:
        wanted, other = "ab" * 16, "cd" * 16
        lines = [
            {"time": "2026-11-22T10:00:02.000Z", "message": "second", "trace_id": wanted},
            {"time": "2026-11-22T10:00:03.000Z", "message": f"mentions {wanted}", "trace_id": other},
        ]
        text = "\n".join([*map(json.dumps, lines), f"not JSON {wanted}", '{"cut off": "' + wanted])
        (tmp_path / "logs" / "customer.log").write_text(text)
        earlier = {"time": "2026-11-22T10:00:01.000Z", "message": "first", "trace_id": wanted}
        (tmp_path / "logs" / "vehicle.log").write_text(json.dumps(earlier) + "\n")
        told = await tempo.get(f"/api/logs/{wanted}")
        assert [line["message"] for line in told["lines"]] == ["first", "second"]


class TestStore:
    def test_what_was_kept_is_there_after_a_restart(self, tmp_path: Path, export: Export) -> None:
        trace_id, sent = export(DOOR, CALL)
        first = Store(tmp_path / "t.sqlite")
        first.add(sent)
        first.close()
        again = Store(tmp_path / "t.sqlite")
        assert len(again.trace(trace_id)) == 2
        again.close()

    def test_a_file_that_is_none_is_begun_anew(self, tmp_path: Path, export: Export) -> None:
        (tmp_path / "t.sqlite").write_bytes(b"no database at all" * 100)
        store = Store(tmp_path / "t.sqlite")
        store.add(export(DOOR)[1])
        assert len(list(store.newest(end_ns=time.time_ns()))) == 1
        store.close()
