"""Calls to other services: a deadline on each, retry where nothing was done, our own token beside, the trace carried on."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from servicekit import contract
from servicekit.errors import Unavailable
from servicekit.rpc.tls import Dialling
from servicekit.rpc.tokens import ServiceIdentity
from servicekit.telemetry import logs, metrics, propagation, spans

DEFAULT_DEADLINE = 3.0
_ATTEMPTS = 3
_OPTIONS = [
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_retries", 0),
]


class Peer:
    """A channel to one neighbouring service. Each service wraps it in its `clients.py`; nobody else makes one."""

    def __init__(self, name: str, address: str, identity: ServiceIdentity) -> None:
        self.name = name
        self._identity = identity
        self._dialling = Dialling(address, identity.ca_file, _OPTIONS)
        self._channel = self._dialling.channel()
        self._calls: dict[str, Any] = {}

    async def close(self) -> None:
        """Closes the channel."""
        await self._dialling.close()

    async def call(
        self, path: str, request: Message, *, deadline: float = DEFAULT_DEADLINE, on_behalf_of: str = ""
    ) -> Any:
        """Calls a unary method by its path and returns the answer.

        Retries on UNAVAILABLE within the deadline: reads at any time, writes only when they carry a request id.

        Raises:
            Unavailable: the neighbour did not answer in time.
            grpc.aio.AioRpcError: it answered with an error of its own.
        """
        service, _, name = path.strip("/").partition("/")
        method = contract.methods(service)[name]
        repeatable = method.reads or not method.idempotent or bool(request.request_id)  # type: ignore[attr-defined]
        ends = time.monotonic() + deadline
        for attempt in range(_ATTEMPTS):
            started, code = time.perf_counter(), "CANCELLED"
            with spans.client_span(method.path) as span:
                try:
                    answer = await self._unary(method)(
                        request, timeout=max(0.05, ends - time.monotonic()), metadata=await self._metadata(on_behalf_of)
                    )
                except grpc.aio.AioRpcError as error:
                    code = error.code().name
                    span.status(code)
                    if code not in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                        raise
                else:
                    code = "OK"
                    return answer
                finally:
                    metrics.current().rpc_client(method.path, code, time.perf_counter() - started)
            pause = random.uniform(0.05, 0.1) * 2**attempt  # noqa: S311 - spreads retries, hides nothing
            if not repeatable or time.monotonic() + pause >= ends:
                break
            await asyncio.sleep(pause)
        raise Unavailable(dependency=f"The {self.name} service", retry_after=1)

    async def stream(self, path: str, request: Message, *, deadline: float = 600.0) -> AsyncIterator[Any]:
        """Calls a server-streaming method and yields its answers."""
        service, _, name = path.strip("/").partition("/")
        method = contract.methods(service)[name]
        call = self._present().unary_stream(
            path, request_serializer=method.input.SerializeToString, response_deserializer=method.output.FromString
        )
        async for answer in call(request, timeout=deadline, metadata=await self._metadata("")):
            yield answer

    def _present(self) -> grpc.aio.Channel:
        """Returns the channel of now; callers made on another one are forgotten."""
        channel = self._dialling.channel()
        if channel is not self._channel:
            self._channel = channel
            self._calls.clear()
        return channel

    def _unary(self, method: contract.Method) -> Any:
        channel = self._present()
        found = self._calls.get(method.path)
        if found is None:
            found = self._calls[method.path] = channel.unary_unary(
                method.path,
                request_serializer=method.input.SerializeToString,
                response_deserializer=method.output.FromString,
            )
        return found

    async def _metadata(self, on_behalf_of: str) -> tuple[tuple[str, str], ...]:
        found = [
            ("authorization", f"Bearer {await self._identity.token()}"),
            ("x-request-id", logs.request_id_var.get() or ""),
        ]
        traceparent = propagation.inject()
        if traceparent:
            found.append(("traceparent", traceparent))
        if on_behalf_of:
            found.append(("x-marque-on-behalf-of", on_behalf_of))
        return tuple(found)
