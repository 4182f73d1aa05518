"""The last gate before a span leaves the process: what may hold personal data is cut off.

Our own helpers never record such things. Libraries do: OpenTelemetry's ``start_as_current_span`` writes an exception's
message into an event and into the status, HTTP instrumentations write whole URLs.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

UNSAFE_ATTRIBUTES = frozenset(
    {
        "client.address",
        "client.port",
        "db.query.text",
        "db.statement",
        "enduser.id",
        "exception.message",
        "exception.stacktrace",
        "http.target",
        "http.url",
        "network.peer.address",
        "url.full",
        "url.path",
        "url.query",
        "user_agent.original",
    }
)
"""Attributes that never leave. A path or query may hold a phone number or a survey's token; ``http.route`` stays."""

UNSAFE_PREFIXES = ("http.request.header.", "http.response.header.", "rpc.request.metadata.", "db.query.parameter.")


def _unsafe(key: str) -> bool:
    return key in UNSAFE_ATTRIBUTES or key.startswith(UNSAFE_PREFIXES)


def scrub(span: ReadableSpan) -> ReadableSpan:
    """The same span without unsafe attributes, event details and status text; the very object when it is clean."""
    attributes = span.attributes or {}
    dirty = bool(span.events) or span.status.description is not None or any(map(_unsafe, attributes))
    if not dirty:
        return span
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={key: value for key, value in attributes.items() if not _unsafe(key)},
        events=[_scrub_event(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _scrub_event(event: Event) -> Event:
    attributes = {key: value for key, value in (event.attributes or {}).items() if not _unsafe(key)}
    return Event(event.name, attributes, event.timestamp)


class ScrubbingExporter(SpanExporter):
    """Hands scrubbed spans to another exporter."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([scrub(span) for span in spans])

    def shutdown(self) -> None:
        if not self._closed:
            self._closed = True
            self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)
