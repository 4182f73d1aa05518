"""gRPC for dealer systems: every RPC that a caller may use, through one address, as bytes that the gateway does not read.

The gateway itself answers reflection. INTERNAL methods do not exist here. Authentication, limits and tracing are those of the HTTP door;
an answer's code, details and trailing metadata are the service's own.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as REFLECTION
from grpc_reflection.v1alpha.reflection import enable_server_reflection
from servicekit import contract
from servicekit.contract import Method
from servicekit.errors import DomainError, Internal, PermissionDenied, Unauthenticated
from servicekit.ids import new_id
from servicekit.rpc.failures import as_domain_error
from servicekit.rpc.principal import ANONYMOUS
from servicekit.rpc.server import OPTIONS
from servicekit.telemetry import logs, metrics, spans

from marque_gateway.admission import Admission
from marque_gateway.settings import Settings
from marque_gateway.upstream import Upstreams, owner_of, traced

log = logs.get_logger(__name__)

_FORWARDED = frozenset({"authorization", "accept-language"})
_STREAM_DEADLINE = 3600.0


class Passthrough:
    """The gRPC door."""

    def __init__(self, settings: Settings, admission: Admission, upstreams: Upstreams) -> None:
        self._settings = settings
        self._admission = admission
        self._upstreams = upstreams
        limits = [
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_metadata_size", settings.max_header_bytes),
        ]
        self._server = grpc.aio.server(options=[*OPTIONS, *limits])
        names = []
        for name in contract.services():
            methods = [method for method in contract.methods(name).values() if not method.internal]
            if methods and upstreams.knows(owner_of(name)):
                handlers = {method.name: self._handler(method) for method in methods}
                self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
                names.append(name)
        if settings.reveal_contracts:
            enable_server_reflection([*names, REFLECTION], self._server)

    async def start(self) -> int:
        """Listens; returns the port. Raises OSError where it is taken."""
        try:
            port = self._server.add_insecure_port(f"{self._settings.grpc_host}:{self._settings.grpc_port}")
        except RuntimeError as error:
            raise OSError(f"cannot listen on port {self._settings.grpc_port}") from error
        await self._server.start()
        return port

    async def stop(self, grace: float) -> None:
        """Takes no new calls and lets those under way end."""
        await self._server.stop(grace)

    def _handler(self, method: Method) -> grpc.RpcMethodHandler:
        if method.client_streaming and method.server_streaming:
            return grpc.stream_stream_rpc_method_handler(self._streaming(method))
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(method))
        if method.client_streaming:
            return grpc.stream_unary_rpc_method_handler(self._single(method))
        return grpc.unary_unary_rpc_method_handler(self._single(method))

    def _single(self, method: Method) -> Any:
        """Methods with one answer."""

        async def serve(request: Any, context: grpc.aio.ServicerContext) -> bytes:
            async with _Served(self, method, context) as served:
                call = self._call(method, request, served)
                served.answered = await call
                await _copy_initial(call, context)
            if served.failure is not None:
                await _abort(context, served.failure)
            return served.answered

        return serve

    def _streaming(self, method: Method) -> Any:
        """Methods with many answers."""

        async def serve(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
            served = _Served(self, method, context)
            await served.__aenter__()
            error: BaseException | None = None
            try:
                if served.failure is None:
                    async for answer in self._call(method, request, served):
                        yield answer
            except BaseException as found:
                error = found
            if not await served.__aexit__(type(error) if error else None, error, None) and error is not None:
                raise error
            if served.failure is not None:
                await _abort(context, served.failure)

        return serve

    def _call(self, method: Method, request: Any, served: _Served) -> Any:
        channel = self._upstreams.channel(owner_of(method.service))
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
        return getattr(channel, kind)(method.path)(request, timeout=served.deadline, metadata=traced(served.metadata))


class _Served:
    """One call through the door: admits it, times it, and turns what goes wrong into an answer (`failure`)."""

    def __init__(self, door: Passthrough, method: Method, context: grpc.aio.ServicerContext) -> None:
        self._door = door
        self._method = method
        self._context = context
        self._started = time.perf_counter()
        self.failure: grpc.aio.AioRpcError | DomainError | None = None
        self.answered = b""
        self.metadata: list[tuple[str, str]] = []
        streams = method.client_streaming or method.server_streaming
        left = context.time_remaining()
        self.deadline = min(left or 1e9, _STREAM_DEADLINE if streams else door._settings.upstream_deadline)

    async def __aenter__(self) -> _Served:
        given = {key: value for key, value in self._context.invocation_metadata() or () if isinstance(value, str)}
        request_id = given.get("x-request-id", "")[:64] or new_id()
        logs.request_id_var.set(request_id)
        self._span = spans.edge_span(self._method.path.lstrip("/"), given.get("traceparent"))
        self._span.__enter__()
        self.metadata = [(key, value) for key, value in given.items() if key in _FORWARDED]
        self.metadata.append(("x-request-id", request_id))
        try:
            await self._admit(given.get("authorization", ""))
        except Exception as error:
            self._fail(error)
            await self._leave()
            await _abort(self._context, self.failure)
        return self

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        handled = True
        if isinstance(error, Exception):
            self._fail(error)
        elif error is not None:
            handled = False
        await self._leave()
        return handled

    async def _admit(self, authorization: str) -> None:
        principal = await self._door._admission.identify(authorization)
        self._door._admission.count(principal, self._context.peer().rpartition(":")[0])
        if self._method.public:
            return
        if principal is ANONYMOUS:
            raise Unauthenticated(why="it is missing")
        if not principal.may(self._method.permission):
            raise PermissionDenied(permission=self._method.permission)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, grpc.aio.AioRpcError):
            self.failure = error
            return
        known = as_domain_error(error)
        if known is None:
            log.error("call failed", exc_info=error, extra={"method": self._method.path})
            known = Internal()
        self.failure = known

    async def _leave(self) -> None:
        code = "OK"
        if isinstance(self.failure, grpc.aio.AioRpcError):
            code = self.failure.code().name
        elif self.failure is not None:
            code = self.failure.code.name
        self._span.status(code)
        self._span.__exit__(None, None, None)
        metrics.current().rpc_server(self._method.path, code, time.perf_counter() - self._started)


async def _copy_initial(call: Any, context: grpc.aio.ServicerContext) -> None:
    context.set_trailing_metadata(tuple(_ours(await call.trailing_metadata())))


def _ours(metadata: Any) -> list[tuple[str, str | bytes]]:
    return [
        (key, value)
        for key, value in metadata or ()
        if key == "grpc-status-details-bin" or not key.startswith(("grpc-", ":"))
    ]


async def _abort(context: grpc.aio.ServicerContext, failure: Any) -> None:
    if isinstance(failure, DomainError):
        status = failure.to_status()
        trailing: Any = (("grpc-status-details-bin", status.SerializeToString()),)
        await context.abort(failure.code, status.message, trailing_metadata=trailing)
    details = failure.details() or ""
    trailing = tuple(_ours(failure.trailing_metadata()))
    if not trailing and failure.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    ):
        details = "The service is not reachable at present. Try again later."  # gRPC's own words name addresses
    await context.abort(failure.code(), details, trailing_metadata=trailing)
