"""Trace context by hand: agrees with the library's propagator, takes no malformed header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from servicekit.telemetry.propagation import current_trace_id, extract, inject, parse, traceparent_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class TestParse:
    @given(
        st.integers(0, 2**128 - 1),
        st.integers(0, 2**64 - 1),
        st.integers(0, 255),
        st.sampled_from(["00", "01", "fe", "ff"]),
    )
    def test_well_formed_headers_mean_what_the_library_reads(
        self, trace_id: int, span_id: int, flags: int, version: str
    ) -> None:
        header = f"{version}-{trace_id:032x}-{span_id:016x}-{flags:02x}"
        theirs = trace.get_current_span(
            TraceContextTextMapPropagator().extract({"traceparent": header}, context=Context())
        ).get_span_context()
        ours = parse(header)
        if not theirs.is_valid:
            assert ours is None
        else:
            assert ours is not None
            assert (ours.trace_id, ours.span_id, ours.is_remote) == (trace_id, span_id, True)
            assert ours.trace_flags.sampled == bool(flags & 1)

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "00",
            f"00-{TRACE}-{SPAN}",
            f"00-{TRACE}-{SPAN}-01-more",
            f"00-{TRACE}-{SPAN}-1",
            f"00-{TRACE.upper()}-{SPAN}-01",
            f"00-{'0' * 32}-{SPAN}-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"ff-{TRACE}-{SPAN}-01",
            f" 00-{TRACE}-{SPAN}-01",
            f"00-{TRACE}-{SPAN}-01\n",
            f"00-+{TRACE[1:]}-{SPAN}-01",
            f"00-{TRACE[:15]}_{TRACE[16:]}-{SPAN}-01",
            f"00-{'４' * 32}-{SPAN}-01",
            "13800138000",
        ],
    )
    def test_malformed_headers_are_ignored(self, header: str) -> None:
        assert parse(header) is None

    @given(st.text())
    def test_any_text_is_survived(self, header: str) -> None:
        parse(header)

    def test_a_later_version_may_say_more(self) -> None:
        parsed = parse(f"01-{TRACE}-{SPAN}-01-more")
        assert parsed is not None
        assert parsed.trace_id == int(TRACE, 16)


class TestInject:
    @given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
    def test_what_was_extracted_is_injected_again(self, trace_id: int, span_id: int, flags: int) -> None:
        header = f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}"
        with trace.use_span(trace.get_current_span(extract(header)), end_on_exit=False):
            assert inject() == header
            assert current_trace_id() == f"{trace_id:032x}"

    def test_outside_a_trace_there_is_nothing_to_send(self) -> None:
        assert inject() is None
        assert current_trace_id() is None

    def test_without_a_header_the_context_is_empty(self) -> None:
        assert extract(None) == Context()
        assert extract("nonsense") == Context()


class TestTraceparentOf:
    def test_finds_it_among_metadata(self) -> None:
        assert traceparent_of((("a", "b"), ("traceparent", "x"))) == "x"

    @pytest.mark.parametrize("metadata", [None, (), (("traceparent", b"x"),), (("Traceparent-bin", "x"),)])
    def test_absent_or_bytes_is_none(self, metadata: object) -> None:
        assert traceparent_of(metadata) is None  # type: ignore[arg-type]
