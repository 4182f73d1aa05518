"""What Tempo's HTTP API answers, from our store: search, a trace, the names of tags, the values of a tag.

Shapes: https://grafana.com/docs/tempo/latest/api_docs/. Times in the answers are text, as there; ids of spans inside a trace are base64
(Tempo renders OTLP by protobuf's JSON form), ids in a search are hex.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from sight.traces import traceql
from sight.traces.spans import KINDS, STATUSES, Seen, Trace, Value
from sight.traces.store import Store

MOST_TRACES = 500
MOST_VALUES = 1_000
_SCANNED = 5_000  # traces; a search that finds little would read the whole store else
SCOPES = ("resource", "span", "intrinsic")
_INTRINSIC_VALUES = {"status": list(STATUSES.values()), "kind": list(KINDS.values())}


def search(
    store: Store,
    query: traceql.Query,
    *,
    start_ns: int,
    end_ns: int,
    limit: int,
    spans: int,
    shortest_ns: int = 0,
    longest_ns: int | None = None,
) -> dict[str, Any]:
    """Returns the newest traces that a query finds, each with up to `spans` of the spans that matched."""
    found: list[dict[str, Any]] = []
    inspected = 0
    for trace in _scanned(store, start_ns, end_ns):
        inspected += 1
        matched = query.spans(trace)
        if matched and shortest_ns <= trace.duration_ns <= (trace.duration_ns if longest_ns is None else longest_ns):
            found.append(_told(trace, matched, spans))
        if len(found) >= limit:
            break
    return {"traces": found, "metrics": {"inspectedTraces": inspected}}


def trace(store: Store, trace_id: bytes) -> dict[str, Any] | None:
    """Returns a trace in OTLP's JSON as Tempo writes it (`batches`); None where it is not known."""
    parts = store.trace(trace_id)
    if not parts:
        return None
    made = json_format.MessageToDict(TracesData(resource_spans=parts))
    return {"batches": made["resourceSpans"]}


def tags(store: Store, start_ns: int, end_ns: int) -> dict[str, list[str]]:
    """Returns the names of tags by scope, of the traces in a range of time."""
    spans: set[str] = set()
    resources: set[str] = set()
    for trace in _scanned(store, start_ns, end_ns):
        for seen in trace.spans:
            spans |= seen.attributes.keys()
            resources |= seen.resource.keys()
    return {"resource": sorted(resources), "span": sorted(spans), "intrinsic": sorted(traceql.INTRINSICS)}


def tag_values(
    store: Store, read: Callable[[Seen, Trace], Any], query: traceql.Query, start_ns: int, end_ns: int
) -> list[dict[str, str]]:
    """Returns the values of a field with their types, the most frequent ones where there are too many."""
    found: Counter[tuple[str, str]] = Counter()
    for trace in _scanned(store, start_ns, end_ns):
        found.update(_typed(value) for seen in query.spans(trace) if (value := read(seen, trace)) is not None)
    return [{"type": kind, "value": text} for (kind, text), _ in sorted(found.most_common(MOST_VALUES))]


def fixed_values(name: str) -> list[dict[str, str]] | None:
    """Returns the values of a field that has few by its nature; None for another."""
    values = _INTRINSIC_VALUES.get(name)
    return None if values is None else [{"type": "keyword", "value": value} for value in values]


def _scanned(store: Store, start_ns: int, end_ns: int) -> Iterator[Trace]:
    for number, kept in enumerate(store.newest(start_ns, end_ns)):
        if number >= _SCANNED:
            return
        yield Trace.of(kept.trace_id, store.trace(kept.trace_id))


def _told(trace: Trace, matched: list[Seen], spans: int) -> dict[str, Any]:
    root = trace.root
    made: dict[str, Any] = {
        "traceID": trace.trace_id.hex(),
        "rootServiceName": root.service if root else "<root span not yet received>",
        "rootTraceName": root.raw.name if root else "",
        "startTimeUnixNano": str(trace.start_ns),
        "spanSets": [{"spans": [_span(seen) for seen in matched[:spans]], "matched": len(matched)}],
        "serviceStats": _stats(trace.spans),
    }
    if trace.duration_ns >= 1_000_000:
        made["durationMs"] = trace.duration_ns // 1_000_000
    return made


def _span(seen: Seen) -> dict[str, Any]:
    service = KeyValue(key="service.name", value=AnyValue(string_value=seen.service))
    return {
        "spanID": seen.raw.span_id.hex(),
        "name": seen.raw.name,
        "startTimeUnixNano": str(seen.raw.start_time_unix_nano),
        "durationNanos": str(seen.duration_ns),
        "attributes": [json_format.MessageToDict(service)],
    }


def _stats(spans: Iterable[Seen]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for seen in spans:
        stats = found.setdefault(seen.service, {"spanCount": 0})
        stats["spanCount"] += 1
        if seen.status == "error":
            stats["errorCount"] = stats.get("errorCount", 0) + 1
    return found


def _typed(value: Value) -> tuple[str, str]:
    if isinstance(value, bool):
        return "bool", "true" if value else "false"
    kinds = {int: "int", float: "float"}
    return kinds.get(type(value), "string"), str(value)
