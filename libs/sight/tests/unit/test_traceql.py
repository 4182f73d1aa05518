"""TraceQL as people type it: what it finds, and what it refuses by name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sight.traces import traceql
from sight.traces.spans import Trace
from sight.traces.traceql import BadQuery, parse

MakeTrace = Callable[..., Trace]


@pytest.fixture
def trace(make_trace: MakeTrace) -> Trace:
    """A door (120 ms), a service behind it (80 ms, an error), its statement (5 ms)."""
    return make_trace(
        (
            "gateway",
            "GET /v1/customers",
            None,
            0,
            120,
            {"http.route": "/v1/customers", "http.response.status_code": 500},
            "server",
            "error",
        ),
        ("customer", "customer.v1/Get", 0, 10, 80, {"rpc.status_code": "INTERNAL", "cached": True}, "server", "error"),
        ("customer", "SELECT customers", 1, 20, 5, {"db.system.name": "postgresql"}, "client", "unset"),
    )


class TestParse:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("", 3),
            ("{}", 3),
            ("{ true }", 3),
            ("{ false }", 0),
            ('{ name = "SELECT customers" }', 1),
            ("{ status = error }", 2),
            ("{ status != error }", 1),
            ("{ kind = client }", 1),
            ("{ duration > 50ms }", 2),
            ("{ duration >= 120ms }", 1),
            ("{ duration < 0.01s }", 1),
            ('{ resource.service.name = "customer" }', 2),
            ('{ .service.name = "customer" && duration < 10ms }', 1),
            ("{ span.http.response.status_code >= 500 }", 1),
            ("{ span.http.response.status_code = 500 }", 1),
            ("{ .cached = true }", 1),
            ("{ .cached = 1 }", 0),
            ("{ .absent = nil }", 3),
            ("{ .db.system.name != nil }", 1),
            ('{ name =~ "SELECT.*" }', 1),
            ('{ name !~ "SELECT.*" }', 2),
            ('{ name =~ "SELECT" }', 0),
            ('{ rootServiceName = "gateway" && rootName =~ "GET.*" }', 3),
            ("{ traceDuration > 1s }", 0),
            ('{ !(status = error) || (name =~ "GET.*" && kind = server) }', 2),
            ("{ status = error } && { kind = client }", 3),
            ("{ status = error } && { kind = producer }", 0),
            ("{ kind = producer } || { kind = client }", 1),
            ("{ kind = producer } || { kind = client } && { status = error }", 3),
            ("{ name = `SELECT customers` }", 1),
        ],
    )
    def test_finds_the_spans_that_are_meant(self, trace: Trace, text: str, found: int) -> None:
        assert len(parse(text).spans(trace)) == found

    @pytest.mark.parametrize(
        "text",
        [
            "{", "}", "{}}", "{ name }", "{ name = }", '{ name = "x }', "{ unknown = 1 }", "{ duration > fast }", "{ name > 3ms && }",
            "{} | count() > 3", "{} >> {}", "{ span. = 1 }", '{ name =~ 3 }', '{ name =~ "(" }',
            '{ name =~ "(a+)+b" }', '{ name =~ "a*b*c*d*" }',
            "{ status > error }", "(" * 30, "{ " + "(" * 30 + "true" + ")" * 30 + " }", "x" * 3000, "{ 1 = 1 }", "select(name)",
        ],
    )  # fmt: skip
    def test_what_is_not_understood_is_refused(self, text: str) -> None:
        with pytest.raises(BadQuery, match=r".+"):
            parse(text)

    @given(st.text(alphabet=st.sampled_from('{}()&|=!<>~".` a1msnameduration\\$\n'), max_size=60))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        with contextlib.suppress(BadQuery):
            parse(text)

    @given(st.text(max_size=40))
    def test_a_name_is_found_by_itself_however_it_is_written(self, name: str) -> None:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        query = parse(f'{{ name = "{quoted}" }}')
        spans = _one(name)
        assert query.spans(spans) == list(spans.spans)


class TestDuration:
    @pytest.mark.parametrize(
        ("text", "nanoseconds"),
        [("1ns", 1), ("2us", 2_000), ("1.5ms", 1_500_000), ("3s", 3 * 10**9), ("1m", 60 * 10**9), ("1h", 3600 * 10**9)],
    )
    def test_units(self, text: str, nanoseconds: int) -> None:
        assert traceql.duration_ns(text) == nanoseconds

    @pytest.mark.parametrize("text", ["", "1", "ms", "-1s", "1 s", "1d", "9" * 20 + "s", "1.s", "s1"])
    def test_what_is_none(self, text: str) -> None:
        assert traceql.duration_ns(text) is None


def _one(name: str) -> Trace:
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

    span = Span(trace_id=b"1" * 16, span_id=b"1" * 8, name=name)
    return Trace.of(b"1" * 16, [ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])
