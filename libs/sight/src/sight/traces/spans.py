"""A trace as it is asked about: spans with their service, attributes in Python's own types, and what stands at its root."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

KINDS = {
    Span.SPAN_KIND_UNSPECIFIED: "unspecified",
    Span.SPAN_KIND_INTERNAL: "internal",
    Span.SPAN_KIND_SERVER: "server",
    Span.SPAN_KIND_CLIENT: "client",
    Span.SPAN_KIND_PRODUCER: "producer",
    Span.SPAN_KIND_CONSUMER: "consumer",
}
STATUSES = {Status.STATUS_CODE_UNSET: "unset", Status.STATUS_CODE_OK: "ok", Status.STATUS_CODE_ERROR: "error"}
SERVICE = "service.name"
Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One span. Times in nanoseconds."""

    raw: Span
    service: str
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]

    @property
    def duration_ns(self) -> int:
        """How long it took; 0 for clocks that went back."""
        return max(0, self.raw.end_time_unix_nano - self.raw.start_time_unix_nano)

    @property
    def status(self) -> str:
        """`unset`, `ok` or `error`."""
        return STATUSES.get(self.raw.status.code, "unset")

    @property
    def kind(self) -> str:
        """`server`, `client` …"""
        return KINDS.get(self.raw.kind, "unspecified")


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of a trace, the earliest first."""

    trace_id: bytes
    spans: Sequence[Seen]

    @classmethod
    def of(cls, trace_id: bytes, parts: Iterable[ResourceSpans]) -> Trace:
        """Reads the parts of a trace; a span that came twice counts once."""
        found: dict[bytes, Seen] = {}
        for part in parts:
            resource = plain(part.resource.attributes)
            service = str(resource.get(SERVICE) or "unknown")
            for scope in part.scope_spans:
                for span in scope.spans:
                    found[span.span_id] = Seen(span, service, plain(span.attributes), resource)
        return cls(trace_id, sorted(found.values(), key=lambda seen: seen.raw.start_time_unix_nano))

    @property
    def root(self) -> Seen | None:
        """The span without a parent; None while it has not come."""
        return next((seen for seen in self.spans if not seen.raw.parent_span_id), None)

    @property
    def start_ns(self) -> int:
        """When the first span began."""
        return min((seen.raw.start_time_unix_nano for seen in self.spans), default=0)

    @property
    def duration_ns(self) -> int:
        """From the first beginning to the last end."""
        ends = max((seen.raw.end_time_unix_nano for seen in self.spans), default=0)
        return max(0, ends - self.start_ns)


def plain(attributes: Iterable[KeyValue]) -> dict[str, Value]:
    """Attributes as Python values; a list or map becomes its text."""
    return {one.key: _plain(one.value) for one in attributes}


def _plain(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    if kind in ("string_value", "int_value", "double_value", "bool_value"):
        found: Any = getattr(value, kind)
        return found  # type: ignore[no-any-return]
    return None if kind is None else str(getattr(value, kind)).strip()
