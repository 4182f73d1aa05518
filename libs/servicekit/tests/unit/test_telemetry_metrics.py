"""The exposition is what a Prometheus reads, under the names that dashboards and alerts use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from prometheus_client.parser import text_string_to_metric_families
from servicekit.telemetry import metrics
from servicekit.telemetry.figures import OTHER, Figure, Tally
from servicekit.telemetry.metrics import MAX_CHILDREN, Metrics

FIGURE = Figure("answers", "Answers", {"outcome": ("in_time", "late")})
METHOD = "/marque.customer.v1.CustomerService/GetCustomer"


@pytest.fixture
def fresh() -> Iterator[Metrics]:
    yield metrics.reset()
    metrics.reset()


def samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


class TestRender:
    def test_durations_are_counted_by_method_and_code(self, fresh: Metrics) -> None:
        fresh.rpc_server(METHOD, "OK", 0.02)
        fresh.rpc_server(METHOD, "OK", 0.3)
        fresh.rpc_server(METHOD, "NOT_FOUND", 0.001)
        fresh.rpc_client(METHOD, "OK", 2.0)
        seen = samples()
        ok = (("rpc_method", METHOD[1:]), ("rpc_status_code", "OK"))
        assert seen["rpc_server_duration_seconds_count", ok] == 2
        assert seen["rpc_server_duration_seconds_sum", ok] == pytest.approx(0.32)
        assert seen["rpc_server_duration_seconds_bucket", (("le", "0.025"), *ok)] == 1
        assert (
            seen["rpc_server_duration_seconds_bucket", (("le", "0.001"), ok[0], ("rpc_status_code", "NOT_FOUND"))] == 1
        )
        assert seen["rpc_client_duration_seconds_count", ok] == 1

    def test_every_gauge_and_counter_is_there_under_its_name(self, fresh: Metrics) -> None:
        fresh.outbox(3, 1.5)
        fresh.consumer_state("c", pending=7, lag_seconds=2.5)
        fresh.consumer_processed("c", "applied")
        fresh.consumer_processed("c", "applied", 2)
        fresh.dead_letters("c", 4)
        fresh.due_overdue("sla", 9.0)
        fresh.db_pool_in_use(5)
        seen = samples()
        assert seen["outbox_unpublished", ()] == 3
        assert seen["outbox_oldest_age_seconds", ()] == 1.5
        assert seen["consumer_pending", (("consumer", "c"),)] == 7
        assert seen["consumer_lag_seconds", (("consumer", "c"),)] == 2.5
        assert seen["consumer_processed_total", (("consumer", "c"), ("outcome", "applied"))] == 3
        assert seen["dead_letters", (("consumer", "c"),)] == 4
        assert seen["due_overdue_seconds", (("kind", "sla"),)] == 9
        assert seen["db_pool_in_use", ()] == 5

    def test_an_invented_http_method_is_no_label(self, fresh: Metrics) -> None:
        fresh.http_server("/v1/customers/{customer_id}", "13800138000", 200, 0.01)
        assert b"13800138000" not in metrics.render()
        labels = (("method", "_OTHER"), ("route", "/v1/customers/{customer_id}"), ("status", "200"))
        assert samples()["http_server_duration_seconds_count", labels] == 1

    def test_free_text_as_a_label_stops_growing(self, fresh: Metrics) -> None:
        for number in range(MAX_CHILDREN + 10):
            fresh.http_server(f"/{number}", "GET", 200, 0.01)
        seen = samples()
        assert (
            seen[
                "http_server_duration_seconds_count", (("method", "_OTHER"), ("route", "_OTHER"), ("status", "_OTHER"))
            ]
            == 10
        )

    def test_no_creation_times_double_the_series(self, fresh: Metrics) -> None:
        fresh.consumer_processed("c", "applied")
        fresh.rpc_server(METHOD, "OK", 0.1)
        assert b"_created" not in metrics.render()

    def test_the_process_measures_itself(self, fresh: Metrics) -> None:
        assert b"process_resident_memory_bytes" in metrics.render()


class TestExposition:
    def test_who_takes_openmetrics_gets_exemplars_of_recorded_traces_only(self, fresh: Metrics) -> None:
        for trace_id, flags in ((0xABC, 1), (0xDEF, 0)):
            context = SpanContext(trace_id, 1, False, TraceFlags(flags))
            with trace.use_span(NonRecordingSpan(context)):
                fresh.rpc_server(METHOD, "OK", 0.02)
        kind, body = fresh.exposition("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
        assert kind.startswith("application/openmetrics-text")
        assert b'trace_id="%032x"' % 0xABC in body
        assert b"%032x" % 0xDEF not in body
        assert body.endswith(b"# EOF\n")

    @pytest.mark.parametrize("accept", ["", "*/*", "text/plain", "application/openmetrics-texture"])
    def test_anybody_else_gets_the_older_text_without(self, fresh: Metrics, accept: str) -> None:
        with trace.use_span(NonRecordingSpan(SpanContext(1, 1, False, TraceFlags(1)))):
            fresh.rpc_server(METHOD, "OK", 0.02)
        kind, body = fresh.exposition(accept)
        assert kind.startswith("text/plain")
        assert b"trace_id" not in body


class TestFigures:
    def test_every_series_of_a_figure_stands_at_zero_before_the_first_event(self, fresh: Metrics) -> None:
        fresh.declare([FIGURE, Figure("bare", "Without labels")])
        seen = samples()
        assert {labels: value for (name, labels), value in seen.items() if name == "marque_answers_total"} == {
            (("outcome", "in_time"),): 0,
            (("outcome", "late"),): 0,
        }
        assert seen["marque_bare_total", ()] == 0

    @given(st.text())
    def test_no_text_that_was_not_declared_becomes_a_label(self, typed: str) -> None:
        fresh = Metrics()
        fresh.declare([FIGURE])
        fresh.committed([], [Tally(FIGURE, 1, {"outcome": typed, typed: typed})])
        samples_of = [one for found in fresh.registry.collect() for one in found.samples]
        values = {one.labels["outcome"] for one in samples_of if one.name == "marque_answers_total"}
        assert values <= {"in_time", "late", OTHER}

    def test_events_are_counted_by_their_type(self, fresh: Metrics) -> None:
        fresh.committed(["marque.vehicle.v1.SaleRecorded"] * 2, [])
        assert samples()["marque_events_total", (("event_type", "marque.vehicle.v1.SaleRecorded"),)] == 2


class TestReset:
    def test_numbers_begin_again(self, fresh: Metrics) -> None:
        fresh.outbox(3, 1.5)
        assert metrics.current() is fresh
        assert metrics.reset() is metrics.current()
        assert samples()["outbox_unpublished", ()] == 0
