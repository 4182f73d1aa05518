"""Log lines of one trace, from the JSON logs of the processes on this machine. They hold nothing personal (servicekit.telemetry.logs)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

MOST = 500
_READ = 8 * 1024 * 1024  # bytes from the end of each file: what just happened


def of_trace(folder: Path, trace_id: str) -> list[dict[str, Any]]:
    """Returns the lines of a trace (32 hex digits) in order of time, at most 500."""
    wanted = trace_id.encode()
    found = []
    for path in sorted(folder.glob("*.log")):
        found += [line for raw in _tail(path).splitlines() if wanted in raw and (line := _line(raw, trace_id))]
    return sorted(found, key=lambda line: str(line.get("time", "")))[:MOST]


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _READ))
            return log.read(_READ)
    except OSError:
        return b""


def _line(raw: bytes, trace_id: str) -> dict[str, Any] | None:
    """A line of ours; None for one that is cut off, no JSON, or only mentions the id."""
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return line if isinstance(line, dict) and line.get("trace_id") == trace_id else None
