"""An OTLP collector for tests: keeps what it is sent, as it came over the wire."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from devstack.ports import free_port
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans on a loopback port until `stop`."""

    def __init__(self) -> None:
        self.exports: list[bytes] = []
        self.spans = 0
        self._server = grpc.server(ThreadPoolExecutor(2))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        port = free_port()
        self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()
        self.url = f"http://127.0.0.1:{port}"

    def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Keeps an export."""
        self.spans += sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
        self.exports.append(request.SerializeToString())
        return trace_service_pb2.ExportTraceServiceResponse()

    def stop(self) -> None:
        """Ends it."""
        self._server.stop(1).wait()
