"""Stopping with a collector that is gone, that is silent, and that listens."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from concurrent import futures

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

PROGRAM = """
import sys, time
from servicekit import telemetry
from servicekit.telemetry import spans
running = telemetry.start("test", environment="test", sample_ratio=1.0, otlp_endpoint=sys.argv[1])
for _ in range(5):
    with spans.sweep_span("work"):
        pass
began = time.monotonic()
finished = running.shutdown(timeout=1.0)
print(finished, time.monotonic() - began)
"""


def run(endpoint: str) -> tuple[bool, float]:
    """The program in a process of its own, killed when its exit hangs: (finished, seconds of the shutdown)."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), endpoint],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    finished, seconds = done.stdout.split()
    return finished == "True", float(seconds)


class _Collector(TraceServiceServicer):
    def __init__(self) -> None:
        self.names: list[str] = []

    def Export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.names += [span.name for span in scope.spans]
        return ExportTraceServiceResponse()


@pytest.mark.slow
class TestShutdown:
    def test_a_refused_connection_does_not_hold_the_process(self) -> None:
        with socket.socket() as taken:  # bound, not listening: nobody else gets the port, and it refuses
            taken.bind(("127.0.0.1", 0))
            _, seconds = run(f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert seconds < 10  # the SDK alone takes 30; the bound asked for is 1

    def test_a_silent_collector_does_not_hold_the_process(self) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            finished, seconds = run(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert not finished
        assert seconds < 10

    def test_a_listening_collector_gets_every_span(self) -> None:
        collector = _Collector()
        server = grpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
        add_TraceServiceServicer_to_server(collector, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            finished, _ = run(f"http://127.0.0.1:{port}")
        finally:
            server.stop(None).wait()
        assert finished
        assert collector.names == ["work"] * 5
