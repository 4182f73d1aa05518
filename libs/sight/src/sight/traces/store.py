"""What is kept of traces: the parts as they came, in one SQLite file, the newest `max_spans` of them.

Not a database of record: it is written without waiting for the disk, and a file that cannot be read is begun anew.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

MAX_SPANS = 100_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS traces (trace_id BLOB PRIMARY KEY, start_ns INTEGER, end_ns INTEGER, spans INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS traces_by_start ON traces (start_ns);
CREATE TABLE IF NOT EXISTS parts (trace_id BLOB, body BLOB);
CREATE INDEX IF NOT EXISTS parts_by_trace ON parts (trace_id);
"""
_TOLD = """
INSERT INTO traces VALUES (?, ?, ?, ?) ON CONFLICT (trace_id) DO UPDATE SET start_ns = min(start_ns, excluded.start_ns),
 end_ns = max(end_ns, excluded.end_ns), spans = spans + excluded.spans
"""
_NEWEST = """
SELECT trace_id, start_ns, end_ns FROM traces WHERE (start_ns, trace_id) < (?, ?) AND start_ns <= ? AND end_ns >= ?
 ORDER BY start_ns DESC, trace_id DESC LIMIT ?
"""
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """A trace that is kept. Times in nanoseconds since 1970."""

    trace_id: bytes
    start_ns: int
    end_ns: int


class Store:
    """Keeps traces in a file (`:memory:` for none). May be used from several threads."""

    def __init__(self, path: str | Path, max_spans: int = MAX_SPANS) -> None:
        self._max_spans = max_spans
        self._lock = threading.Lock()
        self._connection = _open(path)
        self._spans = int(self._connection.execute("SELECT coalesce(sum(spans), 0) FROM traces").fetchone()[0])

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    def add(self, request: ExportTraceServiceRequest) -> int:
        """Keeps an export; returns how many of its spans have no valid id and were refused."""
        parts: dict[bytes, list[ResourceSpans]] = defaultdict(list)
        refused = 0
        for resource_spans in request.resource_spans:
            found, bad = _by_trace(resource_spans)
            refused += bad
            for trace_id, part in found.items():
                parts[trace_id].append(part)
        with self._lock, self._connection:
            for trace_id, some in parts.items():
                spans = [span for part in some for scope in part.scope_spans for span in scope.spans]
                start, end = (
                    min(span.start_time_unix_nano for span in spans),
                    max(span.end_time_unix_nano for span in spans),
                )
                self._connection.execute(_TOLD, (trace_id, _fit(start), _fit(end), len(spans)))
                rows = [(trace_id, part.SerializeToString()) for part in some]
                self._connection.executemany("INSERT INTO parts VALUES (?, ?)", rows)
                self._spans += len(spans)
            if self._spans > self._max_spans:
                self._forget()
        return refused

    def trace(self, trace_id: bytes) -> list[ResourceSpans]:
        """Returns the parts of a trace; none where it is not known."""
        with self._lock:
            rows = self._connection.execute("SELECT body FROM parts WHERE trace_id = ?", (trace_id,)).fetchall()
        return [ResourceSpans.FromString(body) for (body,) in rows]

    def newest(self, start_ns: int = 0, end_ns: int = 2**63 - 1) -> Iterator[Kept]:
        """Yields the traces that touch a range of time, the newest first."""
        before = (2**63 - 1, b"\xff" * 17)
        while True:
            with self._lock:
                rows = self._connection.execute(_NEWEST, (*before, end_ns, start_ns, _PAGE)).fetchall()
            yield from (Kept(*row) for row in rows)
            if len(rows) < _PAGE:
                return
            before = (rows[-1][1], rows[-1][0])

    def _forget(self) -> None:
        """Lets the oldest go until a tenth of the room is free; within the transaction that filled it."""
        goal = self._max_spans * 9 // 10
        rows = self._connection.execute("SELECT trace_id, spans FROM traces ORDER BY start_ns").fetchall()
        for trace_id, spans in rows:
            if self._spans <= goal:
                return
            self._connection.execute("DELETE FROM parts WHERE trace_id = ?", (trace_id,))
            self._connection.execute("DELETE FROM traces WHERE trace_id = ?", (trace_id,))
            self._spans -= spans


def _by_trace(resource_spans: ResourceSpans) -> tuple[dict[bytes, ResourceSpans], int]:
    """Parts what came in one export by trace, keeping resource and scope."""
    found: dict[bytes, ResourceSpans] = {}
    refused = 0
    for scope_spans in resource_spans.scope_spans:
        mine: dict[bytes, list[object]] = defaultdict(list)
        for span in scope_spans.spans:
            if len(span.trace_id) == 16 and len(span.span_id) == 8 and any(span.trace_id) and any(span.span_id):
                mine[span.trace_id].append(span)
            else:
                refused += 1
        for trace_id, spans in mine.items():
            part = found.setdefault(trace_id, ResourceSpans(resource=resource_spans.resource))
            part.scope_spans.add(scope=scope_spans.scope).spans.extend(spans)  # type: ignore[arg-type]
    return found, refused


def _fit(nanoseconds: int) -> int:
    """A sender may write any 64 bits; SQLite counts to 2^63."""
    return min(nanoseconds, 2**63 - 1)


def _open(path: str | Path) -> sqlite3.Connection:
    try:
        return _prepared(path)
    except sqlite3.DatabaseError:
        for ending in ("", "-wal", "-shm"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
        return _prepared(path)


def _prepared(path: str | Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(_SCHEMA)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
