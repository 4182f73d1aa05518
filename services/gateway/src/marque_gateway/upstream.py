"""The services behind the door: one address each, calls with a deadline, failures as the service meant them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from servicekit import contract
from servicekit.errors import Unavailable
from servicekit.rpc.tls import Dialling
from servicekit.telemetry import metrics, propagation, spans

Metadata = Sequence[tuple[str, str]]
# Seconds before a call that was refused is made again: a busy machine takes some tenths to see that a process has gone.
_PAUSES = (0.02, 0.1, 0.4)
_DETAILS_KEY = "grpc-status-details-bin"
_OPTIONS = [
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_retries", 0),
]


def owner_of(service: str) -> str:
    """Returns the name of the service process that serves a gRPC service: `marque.customer.v1.CustomerService` → `customer`."""
    return service.split(".")[1]


def _was_refused(error: grpc.aio.AioRpcError) -> bool:
    """Tells whether no service judged the call: one that is up and lacks something itself says so in the details of its status."""
    told = {key for key, _ in error.trailing_metadata() or ()}
    return error.code() is grpc.StatusCode.UNAVAILABLE and _DETAILS_KEY not in told


def _repeatable(path: str, request: Any) -> bool:
    method = method_of(path)
    if method is None:
        return False
    return method.reads or (method.idempotent and bool(getattr(request, "request_id", "")))


def _bytes(message: Any) -> Any:
    return message


class Upstreams:
    """Channels to all peers, made at start and kept."""

    def __init__(self, peers: Mapping[str, str], deadline: float, ca_file: Path | None = None) -> None:
        self._deadline = deadline
        self._channels = {name: Dialling(address, ca_file, _OPTIONS) for name, address in peers.items()}
        self._unary: dict[str, tuple[grpc.aio.Channel, Any]] = {}

    def knows(self, name: str) -> bool:
        """Tells whether a peer has an address."""
        return name in self._channels

    def channel(self, name: str) -> grpc.aio.Channel:
        """Returns a peer's channel. Raises Unavailable where the peer is not part of this installation."""
        found = self._channels.get(name)
        if found is None:
            raise Unavailable(dependency=f"The {name} service")
        return found.channel()

    def unary(self, path: str) -> Any:
        """Returns the caller of a unary method with bytes, made once per path: each door reads the answer in its own way."""
        channel = self.channel(owner_of(path.split("/")[1]))
        found = self._unary.get(path)
        if found is None or found[0] is not channel:
            found = self._unary[path] = channel, channel.unary_unary(path)
        return found[1]

    def following(self, name: str, kind: str, path: str) -> Callable[[], Any]:
        """Returns what gives the caller of a method on the peer's present channel; `kind` as grpc names it (`unary_stream`)."""
        known: tuple[grpc.aio.Channel, Any] | None = None

        def present() -> Any:
            nonlocal known
            channel = self.channel(name)
            if known is None or known[0] is not channel:
                known = channel, getattr(channel, kind)(path)
            return known[1]

        return present

    async def call(
        self,
        path: str,
        request: Any,
        metadata: Metadata,
        *,
        deserialize: Callable[[bytes], Any] = _bytes,
        deadline: float = 0,
    ) -> Any:
        """Calls a unary method with a message; raises grpc.aio.AioRpcError as the service answered.

        A process that is told to go refuses calls that were on their way to it. Such a call is made again, at another one, where that
        cannot do anything twice: reads, and writes under a key.
        """
        ends = time.monotonic() + (deadline or self._deadline)
        for pause in (*_PAUSES, None):
            try:
                return await self._once(path, request, metadata, deserialize, max(0.05, ends - time.monotonic()))
            except grpc.aio.AioRpcError as error:
                if pause is None or not _was_refused(error) or not _repeatable(path, request):
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")  # the last time raises

    async def _once(
        self, path: str, request: Any, metadata: Metadata, deserialize: Callable[[bytes], Any], timeout: float
    ) -> Any:
        sent = request if isinstance(request, bytes) else request.SerializeToString()
        caller = self.unary(path)
        started, code = time.perf_counter(), "CANCELLED"
        with spans.client_span(path) as span:
            try:
                answer = await caller(sent, timeout=timeout, metadata=traced(metadata))
                code = "OK"
                return deserialize(answer)
            except grpc.aio.AioRpcError as error:
                code = error.code().name
                raise
            finally:
                span.status(code)
                metrics.current().rpc_client(path, code, time.perf_counter() - started)

    async def close(self) -> None:
        """Closes all channels."""
        for channel in self._channels.values():
            await channel.close()


class Ending:
    """How a service ended a stream of requests.

    grpc.aio calls a write that comes after the service's answer INTERNAL and puts that in the answer's place: either before
    the answer comes, which then replaces it, or after, when only a callback has seen the answer.
    """

    def __init__(self, call: Any) -> None:
        self._answer: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._look)
        self._call = call

    async def of(self, error: grpc.aio.AioRpcError) -> Exception:
        """Returns the service's answer, where `error` only stands in its place."""
        if not _is_late_write(error):
            return error
        for _ in range(100):
            self._look(self._call)
            if self._answer is not None:
                return self._answer
            await asyncio.sleep(0.01)
        return Unavailable(dependency="The service", retry_after=1)

    def _look(self, call: Any) -> None:
        code, details, trailing = (_now(part) for part in (call.code(), call.details(), call.trailing_metadata()))
        error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details)
        if code is not grpc.StatusCode.OK and not _is_late_write(error):
            self._answer = error


def _is_late_write(error: grpc.aio.AioRpcError) -> bool:
    return error.code() is grpc.StatusCode.INTERNAL and error.details() == "Internal error from Core"


def _now(known: Coroutine[Any, Any, Any]) -> Any:
    """Returns what a coroutine has to say that need not wait: a later turn of the loop might find another status."""
    try:
        known.send(None)
    except StopIteration as ended:
        return ended.value
    known.close()
    raise RuntimeError("the call has not ended")


def traced(metadata: Metadata) -> tuple[tuple[str, str], ...]:
    """Returns the metadata with the present trace context."""
    traceparent = propagation.inject()
    return (*metadata, ("traceparent", traceparent)) if traceparent else tuple(metadata)


def method_of(path: str) -> contract.Method | None:
    """Returns the method of a gRPC path, or None where the contracts know none."""
    service, _, name = path.strip("/").partition("/")
    if service not in contract.services():
        return None
    return contract.methods(service).get(name)
