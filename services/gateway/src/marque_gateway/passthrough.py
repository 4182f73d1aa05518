"""gRPC for dealer systems: every RPC that a caller may use, through one address, as bytes that the gateway does not read.

The gateway itself answers reflection. INTERNAL methods do not exist here. Authentication, limits and tracing are those of the HTTP door;
an answer's code, details and trailing metadata are the service's own, and every answer names its request and its trace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

import grpc
import grpc.aio
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as REFLECTION
from grpc_reflection.v1alpha.reflection import enable_server_reflection
from servicekit import contract
from servicekit.contract import Method
from servicekit.errors import DeadlineExceeded, DomainError, Internal, PermissionDenied, Unauthenticated, Unavailable
from servicekit.rpc.failures import as_domain_error
from servicekit.rpc.principal import ANONYMOUS
from servicekit.rpc.server import OPTIONS
from servicekit.rpc.tls import certificate_of, listen
from servicekit.telemetry import logs, metrics, propagation, spans

from marque_gateway.admission import RECORD, Admission, request_id_of
from marque_gateway.reflected import outside_pool
from marque_gateway.settings import Settings
from marque_gateway.upstream import Ending, Upstreams, owner_of, traced

log = logs.get_logger(__name__)

_FORWARDED = ("authorization", "accept-language")
_STREAM_DEADLINE = 3600.0
_RAN_OUT = 0.1  # seconds
_DETAILS_KEY = "grpc-status-details-bin"

# Where a call failed below the service, gRPC's own words may name addresses: they are replaced by ours.
_OURS: dict[grpc.StatusCode, Callable[[], DomainError]] = {
    grpc.StatusCode.UNAVAILABLE: lambda: Unavailable(dependency="The service", retry_after=1),
    grpc.StatusCode.CANCELLED: lambda: Unavailable(dependency="The service", retry_after=1),
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNKNOWN: Internal,
    grpc.StatusCode.INTERNAL: Internal,
    grpc.StatusCode.DATA_LOSS: Internal,
}
_HANDLERS = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}
Metadata = list[tuple[str, str | bytes]]


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
            enable_server_reflection([*names, REFLECTION], self._server, pool=outside_pool())

    async def start(self) -> int:
        """Listens; returns the port. Raises OSError where it is taken."""
        settings = self._settings
        certificate = certificate_of(settings.tls_cert_file, settings.tls_key_file)
        port = listen(self._server, f"{settings.grpc_host}:{settings.grpc_port}", certificate)
        await self._server.start()
        return port

    async def stop(self, grace: float) -> None:
        """Takes no new calls and lets those under way end."""
        await self._server.stop(grace)

    def _handler(self, method: Method) -> grpc.RpcMethodHandler:
        """Handlers of all four kinds are coroutines that write (no generators): a cancelled one ends in its own task and context."""
        kind, make = _HANDLERS[method.client_streaming, method.server_streaming]
        caller = self._upstreams.following(owner_of(method.service), kind, method.path)

        async def serve(request: Any, context: grpc.aio.ServicerContext) -> bytes | None:
            given = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
            request_id = request_id_of(given.get("x-request-id", ""))
            logs.request_id_var.set(request_id)
            started, code = time.perf_counter(), "CANCELLED"
            answer: bytes | None = None
            failure: DomainError | grpc.aio.AioRpcError | None = None
            wish = given.get(RECORD, "")
            record = bool(wish) and await self._admission.may_record(wish, given.get("authorization", ""))
            with spans.edge_span(method.path.lstrip("/"), given.get("traceparent"), record=record) as span:
                told: Metadata = [("x-request-id", request_id), ("x-trace-id", propagation.current_trace_id() or "")]
                try:
                    await self._admit(method, given.get("authorization", ""), context.peer())
                    metadata = [(key, given[key]) for key in _FORWARDED if key in given]
                    metadata.append(("x-request-id", request_id))
                    call = caller()(request, timeout=self._deadline(method, context), metadata=traced(metadata))
                    answer = await _carry(call, method, context)
                    context.set_trailing_metadata((*told, *_theirs(await call.trailing_metadata())))
                    code = "OK"
                except Exception as error:
                    failure = _judged(error, method, context.time_remaining())
                    code = (failure.code() if isinstance(failure, grpc.aio.AioRpcError) else failure.code).name
                finally:
                    span.status(code)
                    metrics.current().rpc_server(method.path, code, time.perf_counter() - started)
            if failure is not None:
                await _abort(context, failure, told)
            return answer

        handler: grpc.RpcMethodHandler = make(serve)
        return handler

    async def _admit(self, method: Method, authorization: str, peer: str) -> None:
        principal, rate = await self._admission.admit(authorization, _address(peer))
        rate.check()
        if method.public:
            return
        if principal is ANONYMOUS:
            raise Unauthenticated(why="it is missing")
        if not principal.may(method.permission):
            raise PermissionDenied(permission=method.permission)

    def _deadline(self, method: Method, context: grpc.aio.ServicerContext) -> float:
        """Seconds that the service gets: what the caller still waits, within ours."""
        streams = method.client_streaming or method.server_streaming
        ours = _STREAM_DEADLINE if streams else self._settings.upstream_deadline
        left = context.time_remaining()
        return ours if left is None else min(left, ours)


async def _carry(call: Any, method: Method, context: grpc.aio.ServicerContext) -> bytes | None:
    """Hands the answers over as they come; whatever ends this ends the call of the service."""
    ending = Ending(call)
    try:
        if not method.server_streaming:
            single: bytes = await call
            return single
        async for answer in call:
            await context.write(answer)
        return None
    except grpc.aio.AioRpcError as error:
        raise await ending.of(error) from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Unavailable(dependency="The service", retry_after=1) from None  # not we: the call under us was cancelled
    finally:
        call.cancel()


def _judged(error: Exception, method: Method, left: float | None) -> DomainError | grpc.aio.AioRpcError:
    """Returns what the caller is told: the service's answer as it is, else an error of ours. The caller still waits for `left` seconds."""
    if isinstance(error, grpc.aio.AioRpcError):
        ours = _OURS.get(error.code())
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and (left is None or left > _RAN_OUT):
            ours = _OURS[grpc.StatusCode.UNAVAILABLE]  # our deadline, not the caller's: the service hangs
        marked = any(key == _DETAILS_KEY for key, _ in error.trailing_metadata() or ())
        return error if marked or ours is None else ours()
    known = as_domain_error(error)
    if known is not None:
        return known
    log.error("call failed", exc_info=error, extra={"method": method.path})
    return Internal()


async def _abort(
    context: grpc.aio.ServicerContext, failure: DomainError | grpc.aio.AioRpcError, told: Metadata
) -> None:
    if isinstance(failure, DomainError):
        status = failure.to_status()
        told.append((_DETAILS_KEY, status.SerializeToString()))
        await context.abort(failure.code, status.message, trailing_metadata=tuple(told))
    else:
        told.extend(_theirs(failure.trailing_metadata()))
        await context.abort(failure.code(), failure.details() or "", trailing_metadata=tuple(told))


def _theirs(metadata: Iterable[tuple[str, str | bytes]] | None) -> Metadata:
    """What the service says beside its answer, without gRPC's own; ids are told by the door."""
    return [
        (key, value)
        for key, value in metadata or ()
        if key == _DETAILS_KEY or not key.startswith(("grpc-", ":", "x-request-id", "x-trace-id"))
    ]


def _address(peer: str) -> str:
    """`ipv4:127.0.0.1:50132`, `ipv6:%5B::1%5D:50132` → the address alone, as the HTTP door counts it."""
    _, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") or "unknown"
