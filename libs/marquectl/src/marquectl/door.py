"""The gRPC door: calls with a token, a deadline, and retries where the platform is restarting."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from marquectl import contract
from marquectl.addresses import Addresses
from marquectl.errors import CommandError
from marquectl.tokens import Tokens

_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
# The same call may go again: it reads, or its request id makes it one. An exhausted rate limit asks for just that, later.
PASSING = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"})
# Two writers met and this one changed nothing; unlike a stale etag, the same call may well succeed the next time.
MET = "CONCURRENT_CHANGE"
# A stream that was cut by a dying server may end in these as well; its rows have natural keys, so it is sent again.
CUT = PASSING | {"ABORTED", "CANCELLED", "INTERNAL", "UNKNOWN"}


class DoorError(CommandError):
    """The door answered with an error: gRPC code name, the platform's reason, field violations as {path: description}."""

    def __init__(self, path: str, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code().name
        self.reason = ""
        self.fields: dict[str, str] = {}
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin" and isinstance(value, bytes):
                self._read(status_pb2.Status.FromString(value))
        fields = "".join(f"\n  {name}: {text}" for name, text in self.fields.items())
        known = f"{self.code} {self.reason}".strip()
        super().__init__(f"{path.rpartition('/')[2]}: {known}: {error.details() or 'no answer'}{fields}")

    def _read(self, status: status_pb2.Status) -> None:
        for detail in status.details:
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if detail.Unpack(info):
                self.reason = info.reason
            elif detail.Unpack(bad):
                self.fields = {item.field: item.description for item in bad.field_violations}


@dataclass(frozen=True)
class Caller:
    """Who calls: the claims of the persona grant. Lists are parted by spaces."""

    roles: str = ""
    dealers: str = ""
    region: str = ""
    customer: str = ""
    sub: str = ""
    persona: str = ""

    def claims(self) -> dict[str, str]:
        """The form fields that are set."""
        return {name: value for name, value in vars(self).items() if value}


ADMIN = Caller(roles="oem.admin")


@dataclass
class Door:
    """Calls the platform as `caller`. `peers` (service → host:port) replaces the one address, for tests without a gateway."""

    addresses: Addresses
    caller: Caller = ADMIN
    tokens: Tokens | None = None
    peers: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 6
    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.tokens = self.tokens or Tokens(self.addresses)

    def acting_as(self, caller: Caller) -> Door:
        """The same door for somebody else; it shares channels and tokens, so only the first one is closed."""
        other = Door(self.addresses, caller, self.tokens, self.peers, self.attempts)
        other._channels = self._channels
        return other

    async def __aenter__(self) -> Door:
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    async def call(self, name: str, request: Message, *, timeout: float = 15.0) -> Any:
        """Calls a unary RPC, again while it is passing trouble and the call is a read or carries a request id.

        Raises DoorError.
        """
        method = contract.method(name)
        repeatable = bool(getattr(request, "request_id", "")) or "request_id" not in request.DESCRIPTOR.fields_by_name
        for attempt in range(self.attempts):
            call = self._channel(method).unary_unary(
                method.path,
                request_serializer=method.input.SerializeToString,
                response_deserializer=method.output.FromString,
            )
            try:
                return await call(request, timeout=timeout, metadata=await self._metadata())
            except grpc.aio.AioRpcError as error:
                failure = DoorError(method.path, error)
                passing = failure.code in PASSING or failure.reason == MET
                if not passing or not repeatable or attempt + 1 == self.attempts:
                    raise failure from None
            await asyncio.sleep(pause(attempt))
        raise AssertionError("unreachable")

    async def open_stream(self, name: str) -> grpc.aio.StreamStreamCall[Any, Any]:
        """Opens a bidirectional stream; the caller reads, writes and ends it."""
        method = contract.method(name)
        call = self._channel(method).stream_stream(
            method.path,
            request_serializer=method.input.SerializeToString,
            response_deserializer=method.output.FromString,
        )
        return call(metadata=await self._metadata())

    async def pages(self, name: str, items: str, request: Message) -> AsyncIterator[Any]:
        """Yields the rows of every page of a List RPC; `request` is the first page's and is changed."""
        while True:
            answer = await self.call(name, request, timeout=60.0)
            for item in getattr(answer, items):
                yield item
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token  # type: ignore[attr-defined]

    def _channel(self, method: contract.Method) -> grpc.aio.Channel:
        address = self.peers.get(method.service, self.addresses.grpc)
        if address not in self._channels:
            self._channels[address] = grpc.aio.insecure_channel(address, options=_OPTIONS)
        return self._channels[address]

    async def _metadata(self) -> tuple[tuple[str, str], ...]:
        assert self.tokens is not None
        return (("authorization", f"Bearer {await self.tokens.get(self.caller.claims())}"),)


def pause(attempt: int) -> float:
    """Seconds before the next try: doubling from 0.1 to 3, with jitter."""
    return min(0.1 * 2.0**attempt, 3.0) * random.uniform(0.75, 1.25)
