"""Takes OTLP over gRPC (opentelemetry.proto.collector.trace.v1.TraceService) into the store."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from sight.traces.store import Store

_EXPORT = "opentelemetry.proto.collector.trace.v1.TraceService"
_LARGEST = 16 * 1024 * 1024


class Receiver:
    """A gRPC server with the one method that exporters call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", _LARGEST)]
        self._server = grpc.aio.server(options=options)
        export = grpc.unary_unary_rpc_method_handler(
            self._export,
            request_deserializer=ExportTraceServiceRequest.FromString,
            response_serializer=ExportTraceServiceResponse.SerializeToString,
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_EXPORT, {"Export": export}),))

    async def start(self, address: str) -> int:
        """Listens; returns the port. Raises OSError where it is taken."""
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}") from error
        await self._server.start()
        return port

    async def stop(self) -> None:
        """Lets exports under way end within a second."""
        await self._server.stop(1)

    async def _export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:
        refused = await asyncio.to_thread(self._store.add, request)
        if not refused:
            return ExportTraceServiceResponse()
        told = ExportTracePartialSuccess(rejected_spans=refused, error_message="spans without a valid trace or span id")
        return ExportTraceServiceResponse(partial_success=told)
