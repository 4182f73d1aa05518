"""Which spans are drawn, whose decision is followed, when one has failed, and what is never in one."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from servicekit import telemetry
from servicekit.telemetry import logs, metrics, spans
from servicekit.telemetry.scopes import SERVER_FAULTS

METHOD = "/marque.customer.v1.CustomerService/GetCustomer"
EVENT = "marque.customer.v1.CustomerCreated"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
OTHER = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"
MARKER = "Zhang Wei 13800138000"
CODES = [code.name for code in grpc.StatusCode]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hooks = list(root.handlers), root.level, (sys.excepthook, threading.excepthook, sys.unraisablehook)
    yield
    root.handlers[:], root.level = handlers, level
    logs.restore_hooks()
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    metrics.reset()


def _start(ratio: float) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    running = telemetry.start("test", environment="test", sample_ratio=ratio, span_exporter=exporter)
    yield exporter
    running.shutdown()


@pytest.fixture
def everything() -> Iterator[InMemorySpanExporter]:
    yield from _start(1.0)


@pytest.fixture
def nothing() -> Iterator[InMemorySpanExporter]:
    yield from _start(0.0)


def one(exporter: InMemorySpanExporter) -> ReadableSpan:
    finished = exporter.get_finished_spans()
    assert len(finished) == 1
    return finished[0]


class TestSampling:
    def test_a_recorded_parent_is_followed_where_the_ratio_says_no(self, nothing: InMemorySpanExporter) -> None:
        with spans.server_span(METHOD, SAMPLED) as span:
            assert span.recording
        span_made = one(nothing)
        assert span_made.parent is not None
        assert (f"{span_made.context.trace_id:032x}", f"{span_made.parent.span_id:016x}") == (TRACE, PARENT)

    def test_an_unrecorded_parent_is_followed_where_the_ratio_says_yes(self, everything: InMemorySpanExporter) -> None:
        with spans.server_span(METHOD, UNSAMPLED) as span:
            assert not span.recording
            assert spans.inject() == UNSAMPLED
            with spans.client_span(METHOD), spans.producer_create_span(EVENT):
                assert spans.inject() == UNSAMPLED
        with spans.consumer_span(EVENT, UNSAMPLED):
            assert spans.current_trace_id() == TRACE
        assert everything.get_finished_spans() == ()

    @pytest.mark.parametrize(("ratio", "drawn"), [(0.0, 0), (1.0, 3)])
    def test_roots_are_decided_by_the_ratio(self, ratio: float, drawn: int) -> None:
        for exporter in _start(ratio):
            for scope in (spans.server_span(METHOD), spans.edge_span("GET /v1/customers"), spans.sweep_span("sla")):
                with scope:
                    assert spans.current_trace_id() is not None
            assert len(exporter.get_finished_spans()) == drawn

    def test_half_of_many_roots_is_neither_none_nor_all(self) -> None:
        for exporter in _start(0.5):
            for _ in range(200):
                with spans.edge_span("GET /"):
                    pass
            assert 0 < len(exporter.get_finished_spans()) < 200

    @pytest.mark.parametrize("endpoint", [None, ""])
    def test_without_an_exporter_nothing_is_recorded_and_the_callers_decision_goes_on(
        self, endpoint: str | None
    ) -> None:
        running = telemetry.start("test", environment="test", sample_ratio=1.0, otlp_endpoint=endpoint)
        with spans.server_span(METHOD, SAMPLED) as span:
            assert not span.recording
            assert spans.inject() == SAMPLED
        with spans.edge_span("GET /") as span:
            assert not span.recording
        assert running.shutdown()

    def test_outside_any_trace_calls_and_events_draw_nothing(self, everything: InMemorySpanExporter) -> None:
        with spans.client_span(METHOD), spans.producer_create_span(EVENT):
            assert spans.inject() is None
        assert everything.get_finished_spans() == ()

    @pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
    def test_a_ratio_out_of_range_is_refused(self, ratio: float) -> None:
        with pytest.raises(ValueError, match="sample_ratio"):
            telemetry.start("test", environment="test", sample_ratio=ratio)


class TestEdge:
    def test_a_new_trace_begins_with_a_link_to_the_callers(self, everything: InMemorySpanExporter) -> None:
        with spans.edge_span("GET /v1/customers/{customer_id}", SAMPLED, {"http.route": "/v1/customers/{customer_id}"}):
            pass
        span = one(everything)
        assert span.parent is None
        assert f"{span.context.trace_id:032x}" != TRACE
        assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE]
        assert span.kind is SpanKind.SERVER

    def test_a_caller_cannot_choose_to_be_recorded(self, nothing: InMemorySpanExporter) -> None:
        with spans.edge_span("GET /", SAMPLED) as span:
            assert not span.recording
            sent = spans.inject()
        assert sent is not None
        assert TRACE not in sent
        assert nothing.get_finished_spans() == ()

    def test_a_malformed_header_is_no_link(self, everything: InMemorySpanExporter) -> None:
        with spans.edge_span("GET /", "nonsense"):
            pass
        assert one(everything).links == ()

    @pytest.mark.parametrize(("status", "failed"), [(200, False), (404, False), (499, False), (500, True), (503, True)])
    def test_only_our_own_faults_fail_a_request(
        self, everything: InMemorySpanExporter, status: int, failed: bool
    ) -> None:
        with spans.edge_span("GET /") as span:
            span.http_status(status)
        made = one(everything)
        assert made.attributes is not None
        assert made.attributes["http.response.status_code"] == status
        assert (made.status.status_code is StatusCode.ERROR) == failed


class TestRpc:
    def test_names_are_those_of_the_conventions(self, everything: InMemorySpanExporter) -> None:
        with spans.server_span(METHOD):
            pass
        span = one(everything)
        assert span.name == METHOD[1:]
        assert dict(span.attributes or {}) == {
            "rpc.system.name": "grpc",
            "rpc.method": METHOD[1:],
            "rpc.status_code": "OK",
        }

    @pytest.mark.parametrize("code", CODES)
    def test_a_server_fails_by_its_own_faults_only(self, everything: InMemorySpanExporter, code: str) -> None:
        with spans.server_span(METHOD) as span:
            span.status(code)
        made = one(everything)
        assert (made.attributes or {})["rpc.status_code"] == code
        assert (made.status.status_code is StatusCode.ERROR) == (code in SERVER_FAULTS)

    @pytest.mark.parametrize("code", CODES)
    def test_a_client_fails_by_anything_but_ok(self, everything: InMemorySpanExporter, code: str) -> None:
        with spans.server_span(METHOD), spans.client_span(METHOD) as span:
            span.status(code)
        client, server = everything.get_finished_spans()
        assert client.kind is SpanKind.CLIENT
        assert (client.status.status_code is StatusCode.ERROR) == (code != "OK")
        assert server.status.status_code is StatusCode.UNSET

    def test_a_client_sends_its_own_span(self, everything: InMemorySpanExporter) -> None:
        with spans.server_span(METHOD), spans.client_span(METHOD):
            sent = spans.inject()
        client, server = everything.get_finished_spans()
        assert sent is not None
        assert sent.split("-")[2] == f"{client.context.span_id:016x}"
        assert client.parent is not None
        assert client.parent.span_id == server.context.span_id

    def test_a_crash_is_unknown_and_failed(self, everything: InMemorySpanExporter) -> None:
        with pytest.raises(KeyError), spans.server_span(METHOD):
            raise KeyError(MARKER)
        span = one(everything)
        assert (span.attributes or {})["rpc.status_code"] == "UNKNOWN"
        assert span.status.status_code is StatusCode.ERROR
        assert [dict(event.attributes or {}) for event in span.events] == [{"exception.type": "KeyError"}]

    def test_a_judged_failure_keeps_its_code_when_it_leaves(self, everything: InMemorySpanExporter) -> None:
        def answer() -> None:
            with spans.server_span(METHOD) as span:
                span.status("NOT_FOUND")
                raise LookupError(MARKER)

        with pytest.raises(LookupError):
            answer()
        assert (one(everything).attributes or {})["rpc.status_code"] == "NOT_FOUND"
        assert one(everything).status.status_code is StatusCode.UNSET

    def test_a_cancelled_call_is_not_a_failure(self, everything: InMemorySpanExporter) -> None:
        with pytest.raises(asyncio.CancelledError), spans.server_span(METHOD):
            raise asyncio.CancelledError
        assert (one(everything).attributes or {})["rpc.status_code"] == "CANCELLED"
        assert one(everything).status.status_code is StatusCode.UNSET


class TestMessaging:
    def test_create_publish_process_of_one_message_is_one_trace(self, everything: InMemorySpanExporter) -> None:
        with spans.server_span(METHOD), spans.producer_create_span(EVENT):
            row = spans.inject()
        with spans.publish_span([row], "MARQUE_CUSTOMER"):
            pass
        with spans.consumer_span(EVENT, row, consumer="complaint-customers"):
            pass
        made = everything.get_finished_spans()
        assert [span.name for span in made] == [
            f"create {EVENT}",
            METHOD[1:],
            "publish MARQUE_CUSTOMER",
            f"process {EVENT}",
        ]
        assert len({span.context.trace_id for span in made}) == 1
        assert [span.kind for span in made] == [
            SpanKind.PRODUCER,
            SpanKind.SERVER,
            SpanKind.CLIENT,
            SpanKind.CONSUMER,
        ]
        assert (made[3].attributes or {})["messaging.consumer.group.name"] == "complaint-customers"

    def test_a_batch_is_a_root_with_links_to_the_recorded(self, nothing: InMemorySpanExporter) -> None:
        with spans.publish_span([SAMPLED, UNSAMPLED, None, "nonsense", OTHER], "MARQUE_CUSTOMER"):
            pass
        with spans.consumer_span(EVENT, None, [SAMPLED, UNSAMPLED]):
            pass
        with spans.sweep_span("replay", [OTHER]):
            pass
        publish, process, sweep = nothing.get_finished_spans()
        assert (publish.attributes or {})["messaging.batch.message_count"] == 5
        assert [link.context.trace_id for link in publish.links] == [int(TRACE, 16), int("a" * 32, 16)]
        assert all(span.parent is None for span in (publish, process, sweep))
        assert (len(process.links), len(sweep.links)) == (1, 1)

    def test_a_batch_nobody_recorded_draws_nothing(self, everything: InMemorySpanExporter) -> None:
        with spans.publish_span([UNSAMPLED, None], "MARQUE_CUSTOMER"), spans.publish_span([], "MARQUE_CUSTOMER"):
            pass
        assert everything.get_finished_spans() == ()

    def test_a_failed_handler_fails_its_span_by_type(self, everything: InMemorySpanExporter) -> None:
        with pytest.raises(ValueError), spans.consumer_span(EVENT, SAMPLED):
            raise ValueError(MARKER)
        assert (one(everything).attributes or {})["error.type"] == "ValueError"


class TestScope:
    @given(st.sampled_from([SAMPLED, UNSAMPLED, None, "x"]), st.booleans())
    def test_the_context_before_is_the_context_after(self, traceparent: str | None, fails: bool) -> None:
        for _ in _start(1.0):
            try:
                with spans.server_span(METHOD, traceparent), spans.client_span(METHOD):
                    if fails:
                        raise LookupError
            except LookupError:
                pass
            assert spans.inject() is None

    @pytest.mark.parametrize("traceparent", [SAMPLED, UNSAMPLED])
    async def test_tasks_side_by_side_keep_their_own_traces(
        self, everything: InMemorySpanExporter, traceparent: str
    ) -> None:
        async def call(number: int) -> bool:
            with spans.server_span(METHOD, traceparent.replace(TRACE, f"{number:032x}")):
                await asyncio.sleep(0)
                return spans.current_trace_id() == f"{number:032x}"

        assert all(await asyncio.gather(*(call(number) for number in range(1, 50))))


class TestPersonalData:
    def test_a_library_that_records_messages_and_urls_is_scrubbed(self, everything: InMemorySpanExporter) -> None:
        unsafe = {
            "url.query": MARKER,
            "db.query.text": MARKER,
            "http.request.header.cookie": MARKER,
            "http.route": "/x",
        }
        with pytest.raises(ValueError), telemetry.tracer().start_as_current_span("x", attributes=unsafe):
            raise ValueError(MARKER)
        span = one(everything)
        assert MARKER not in span.to_json()
        assert "13800138000" not in span.to_json()
        assert dict(span.attributes or {}) == {"http.route": "/x"}
        assert span.status.status_code is StatusCode.ERROR
        assert [event.name for event in span.events] == ["exception"]

    def test_our_own_spans_never_hold_an_exceptions_text(self, everything: InMemorySpanExporter) -> None:
        for scope in (
            spans.server_span(METHOD),
            spans.edge_span("GET /"),
            spans.consumer_span(EVENT),
            spans.sweep_span("x"),
        ):
            with pytest.raises(RuntimeError), scope:
                raise RuntimeError(MARKER)
        assert len(everything.get_finished_spans()) == 4
        assert not any(MARKER in span.to_json() for span in everything.get_finished_spans())


class TestStart:
    def test_each_start_has_spans_of_its_own(self) -> None:
        for _ in range(2):
            for exporter in _start(1.0):
                with spans.server_span(METHOD), telemetry.tracer().start_as_current_span("inner"):
                    pass
                assert len(exporter.get_finished_spans()) == 2

    def test_stopping_an_older_one_leaves_the_newest_running(self) -> None:
        older = telemetry.start("old", environment="test", span_exporter=InMemorySpanExporter())
        for exporter in _start(1.0):
            older.shutdown()
            with spans.server_span(METHOD):
                pass
            assert len(exporter.get_finished_spans()) == 1

    def test_after_shutdown_nothing_is_recorded(self) -> None:
        exporter = InMemorySpanExporter()
        running = telemetry.start("test", environment="test", sample_ratio=1.0, span_exporter=exporter)
        assert running.shutdown()
        assert running.shutdown()
        with spans.server_span(METHOD, SAMPLED) as span:
            assert not span.recording
        assert exporter.get_finished_spans() == ()

    def test_a_span_says_who_made_it(self) -> None:
        exporter = InMemorySpanExporter()
        running = telemetry.start(
            "customer", environment="local", instance_id="pod-1", sample_ratio=1.0, span_exporter=exporter
        )
        with spans.server_span(METHOD):
            pass
        running.shutdown()
        resource = exporter.get_finished_spans()[0].resource.attributes
        assert resource["service.name"] == "customer"
        assert resource["service.instance.id"] == "pod-1"
        assert resource["deployment.environment.name"] == "local"
        assert b"target_info{" in metrics.render()
