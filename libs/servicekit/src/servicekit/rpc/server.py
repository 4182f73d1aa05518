"""The gRPC server: every method of a servicer runs inside one composed pipeline, built once at start-up.

trace → errors → authenticate → authorise (the method, then the fields named) → validate → call → masking and audit. A method of the
contract that the servicer lacks, or one that says nothing about who may call it, stops the service from starting.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as REFLECTION
from grpc_reflection.v1alpha.reflection import enable_server_reflection

from servicekit import contract
from servicekit.audit import ReadAudit
from servicekit.contract import ContractError, Method
from servicekit.db.uow import Replayed
from servicekit.errors import DeadlineExceeded, DomainError, Internal, PermissionDenied, Unauthenticated
from servicekit.ids import new_id
from servicekit.rpc.call import Call
from servicekit.rpc.failures import as_domain_error
from servicekit.rpc.hidden import Guard
from servicekit.rpc.principal import ANONYMOUS, Principal
from servicekit.rpc.tls import ServerCertificate, listen
from servicekit.rpc.tokens import TokenVerifier
from servicekit.rpc.validation import parse, validate
from servicekit.staff import Roster
from servicekit.telemetry import logs, metrics, spans

log = logs.get_logger(__name__)

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.so_reuseport", 0),  # with it a stale process silently shares the port
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
    (
        "grpc.max_metadata_size",
        32 * 1024,
    ),  # two tokens of many dealers; the default of 8 kB refuses them without a word
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
]
ON_BEHALF_OF = "x-marque-on-behalf-of"  # a person's token, beside that of the service which acts for them
Metadata = dict[str, str]
Unary = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]


class RpcServer:
    """Serves servicers. A servicer names its service in `service` and has one coroutine `(request, call)` per method of the contract."""

    def __init__(
        self,
        servicers: Sequence[Any],
        verifier: TokenVerifier,
        *,
        audit: ReadAudit,
        max_message_bytes: int = 4 * 1024 * 1024,
        reflection: bool = True,
        roster: Roster | None = None,
        mark: Callable[[bytes], bytes] = lambda content: hashlib.sha256(content).digest(),
    ) -> None:
        self._verifier = verifier
        self._mark = mark
        self._roster = roster
        self._audit = audit
        limits = [
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", 4 * max_message_bytes),
        ]
        self._server = grpc.aio.server(options=[*OPTIONS, *limits])
        names = []
        for servicer in servicers:
            handlers = {
                name: self._handler(servicer, method) for name, method in contract.methods(servicer.service).items()
            }
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(servicer.service, handlers),))
            names.append(servicer.service)
        if reflection:
            enable_server_reflection([*names, REFLECTION], self._server)
        self.port = 0

    async def start(self, host: str, port: int, certificate: ServerCertificate | None = None) -> int:
        """Listens, encrypted where a certificate is given; returns the port. Raises OSError where the port is taken."""
        self.port = listen(self._server, f"{host}:{port}", certificate)
        await self._server.start()
        return self.port

    async def stop(self, grace: float) -> None:
        """Takes no new calls and lets those under way end within `grace` seconds."""
        await self._server.stop(grace)

    def _handler(self, servicer: Any, method: Method) -> grpc.RpcMethodHandler:
        function = getattr(servicer, method.name, None)
        if function is None:
            raise ContractError(f"{type(servicer).__name__} does not implement {method.path}")
        if method.client_streaming or method.server_streaming:
            return _stream_handler(method, self._stream(function, method))
        return grpc.unary_unary_rpc_method_handler(self._unary(function, method))

    def _unary(self, function: Callable[[Message, Call], Awaitable[Message]], method: Method) -> Unary:
        guard = Guard(method, function)

        async def serve(data: bytes, context: grpc.aio.ServicerContext) -> bytes:
            metadata = _metadata(context)
            started = time.perf_counter()
            failure: DomainError | None = None
            with spans.server_span(method.path, metadata.get("traceparent")) as span:
                call = Call(ANONYMOUS, method.path)
                logs.request_id_var.set(metadata.get("x-request-id") or new_id())
                try:
                    call.principal = await self._authorised(metadata, method)
                    request = parse(method.input, data)
                    guard.check(request, call.principal)
                    validate(request, data)
                    _identify(call, request, metadata, method, self._mark)
                    answer = await function(request, call)
                    if call.seen:
                        self._audit.note(call)
                    return answer.SerializeToString()
                except Replayed as replay:
                    return replay.answer
                except asyncio.CancelledError:
                    failure = DeadlineExceeded()
                    raise
                except Exception as error:
                    failure = self._judged(error, method)
                finally:
                    code = "OK" if failure is None else failure.code.name
                    span.status(code)
                    metrics.current().rpc_server(method.path, code, time.perf_counter() - started)
            await _abort(context, failure)
            raise AssertionError("unreachable")  # abort raises

        return serve

    def _stream(self, function: Callable[[Any, Call], AsyncIterator[Message]], method: Method) -> Any:
        """Streams: requests come as an async iterator when the client streams; answers are what the servicer yields."""

        guard = Guard(method, function)

        async def serve(incoming: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
            metadata = _metadata(context)
            started = time.perf_counter()
            failure: DomainError | None = None
            with spans.server_span(method.path, metadata.get("traceparent")) as span:
                call = Call(ANONYMOUS, method.path)
                logs.request_id_var.set(metadata.get("x-request-id") or new_id())
                try:
                    call.principal = await self._authorised(metadata, method)
                    call.language = metadata.get("accept-language", "en")
                    if method.client_streaming:
                        requests: Any = _parsed(incoming, method, guard, call.principal)
                    else:
                        requests = parse(method.input, incoming)
                        guard.check(requests, call.principal)
                        validate(requests, incoming)
                    async for answer in function(requests, call):
                        yield answer.SerializeToString()
                    if call.seen:
                        self._audit.note(call)
                except asyncio.CancelledError:
                    failure = DeadlineExceeded()
                    raise
                except Exception as error:
                    failure = self._judged(error, method)
                finally:
                    code = "OK" if failure is None else failure.code.name
                    span.status(code)
                    metrics.current().rpc_server(method.path, code, time.perf_counter() - started)
            if failure is not None:
                await _abort(context, failure)

        return serve

    async def _authorised(self, metadata: Metadata, method: Method) -> Principal:
        """Authenticates, then authorises: before the request is even read, so that a refusal tells nothing of it."""
        header = metadata.get("authorization", "")
        if not header:
            if method.public:
                return ANONYMOUS
            raise Unauthenticated(why="it is missing")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated(why="the scheme is not Bearer")
        principal = await self._present(token.strip())
        if principal.is_service and ON_BEHALF_OF in metadata:
            principal = await self._present(metadata[ON_BEHALF_OF])
        if method.public:
            return principal
        if method.internal:
            if not principal.is_service:
                raise PermissionDenied(permission="internal")
        elif not principal.may(method.permission):
            raise PermissionDenied(permission=method.permission)
        return principal

    async def _present(self, token: str) -> Principal:
        """Returns the caller of a token as the record of staff allows it now."""
        principal = await self._verifier.verify(token)
        return principal if self._roster is None else await self._roster.present(principal)

    def _judged(self, error: Exception, method: Method) -> DomainError:
        """Turns any exception into what the caller is told; what is our fault is logged with its place."""
        known = as_domain_error(error)
        if known is not None:
            return known
        log.error("rpc failed", exc_info=error, extra={"method": method.path})
        return Internal()


def _stream_handler(method: Method, serve: Any) -> grpc.RpcMethodHandler:
    if method.client_streaming and method.server_streaming:
        return grpc.stream_stream_rpc_method_handler(serve)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(serve)

    async def collect(incoming: Any, context: grpc.aio.ServicerContext) -> bytes:
        answer = b""
        async for found in serve(incoming, context):
            answer = found
        return answer

    return grpc.stream_unary_rpc_method_handler(collect)


async def _parsed(
    incoming: AsyncIterator[bytes], method: Method, guard: Guard, principal: Principal
) -> AsyncIterator[Message]:
    async for data in incoming:
        request = parse(method.input, data)
        guard.check(request, principal)
        validate(request, data)
        yield request


def _metadata(context: grpc.aio.ServicerContext) -> Metadata:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


def _identify(call: Call, request: Message, metadata: Metadata, method: Method, mark: Callable[[bytes], bytes]) -> None:
    call.correlation_id = logs.request_id_var.get()
    call.language = metadata.get("accept-language", "en")
    if method.idempotent and request.request_id:  # type: ignore[attr-defined]
        call.request_id = request.request_id  # type: ignore[attr-defined]
        bare = method.input()
        bare.CopyFrom(request)
        bare.ClearField("request_id")
        call.request_hash = mark(bare.SerializeToString(deterministic=True))


async def _abort(context: grpc.aio.ServicerContext, failure: DomainError | None) -> None:
    assert failure is not None
    status = failure.to_status()
    trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(failure.code, status.message, trailing_metadata=trailing)
