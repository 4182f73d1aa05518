"""Traces to keep and ask about; programs that setup can bring only where there is apt (a test that needs one is skipped by its name)."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from sight.traces.spans import Trace


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Finds a program on the path or in .venv/tools; skips the test where there is none."""

    def find(name: str) -> str:
        path = f"{os.environ.get('PATH', '')}:{Path(sys.prefix) / 'tools' / 'usr' / 'bin'}"
        found = shutil.which(name, path=path)
        if found is None:
            pytest.skip(f"{name} is not on this machine: tools/prometheus.py could not bring it")
        return found

    return find


_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUSES = {"unset": 0, "ok": 1, "error": 2}
_ids = itertools.count(1)


def _attribute(key: str, value: str | int | bool) -> KeyValue:
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _export(*spans: Any, start_ms: int = 1_700_000_000_000) -> tuple[bytes, ExportTraceServiceRequest]:
    trace_id = next(_ids).to_bytes(16, "big")
    request = ExportTraceServiceRequest()
    for number, (service, name, parent, start, took, attributes, kind, status) in enumerate(spans):
        begun = (start_ms + start) * 1_000_000
        span = Span(
            trace_id=trace_id,
            span_id=(number + 1).to_bytes(8, "big"),
            parent_span_id=b"" if parent is None else (parent + 1).to_bytes(8, "big"),
            name=name,
            kind=_KINDS[kind],
            start_time_unix_nano=begun,
            end_time_unix_nano=begun + took * 1_000_000,
            attributes=[_attribute(key, value) for key, value in attributes.items()],
            status=Status(code=_STATUSES[status]),
        )
        resource = Resource(
            attributes=[_attribute("service.name", service), _attribute("deployment.environment.name", "test")]
        )
        request.resource_spans.add(resource=resource).scope_spans.add().spans.append(span)
    return trace_id, request


@pytest.fixture(scope="session")
def export() -> Callable[..., tuple[bytes, ExportTraceServiceRequest]]:
    """Makes an export of one trace: spans are (service, name, parent's number, start and length in ms, attributes, kind, status)."""
    return _export


@pytest.fixture(scope="session")
def make_trace() -> Callable[..., Trace]:
    """Makes a trace as it is read back."""

    def make(*spans: Any) -> Trace:
        trace_id, request = _export(*spans)
        return Trace.of(trace_id, request.resource_spans)

    return make
