"""W3C trace context by hand: one regular expression in, one format string out.

The library's propagator also parses ``tracestate`` and baggage and walks a carrier; that costs more than an unsampled
request should. We use neither, and dropping them keeps an outsider's text out of our metadata and outbox rows.
Format: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

TRACEPARENT = "traceparent"
_SHAPE = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII).fullmatch
_FLAGS = tuple(TraceFlags(bits) for bits in range(256))
_EMPTY = Context()


def parse(traceparent: str) -> SpanContext | None:
    """The remote span context that a ``traceparent`` names; ``None`` for anything malformed or all zero."""
    match = _SHAPE(traceparent)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    context = SpanContext(int(trace_id, 16), int(span_id, 16), True, _FLAGS[int(flags, 16)])
    return context if context.is_valid else None


def extract(traceparent: str | None) -> Context:
    """A context whose current span is the remote one; an empty context when there is none."""
    parent = parse(traceparent) if traceparent else None
    return _EMPTY if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), _EMPTY)


def inject() -> str | None:
    """The ``traceparent`` of the current span, recorded or not; ``None`` outside any trace."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def current_trace_id() -> str | None:
    """32 hex digits for a problem document or a log line; ``None`` outside any trace."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def traceparent_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str | None:
    """The ``traceparent`` among gRPC metadata; one that came as bytes is ignored."""
    for key, value in metadata or ():
        if key == TRACEPARENT and isinstance(value, str):
            return value
    return None
