"""A gRPC client for tests: calls by path, failures as values that a test can look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from functools import cached_property
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from servicekit import contract


class RpcFailure(Exception):
    """An error answer: code name, reason, field violations as {path: reason}, metadata."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code().name
        self.details = error.details() or ""
        self.reason = ""
        self.fields: dict[str, str] = {}
        self.metadata: dict[str, str] = {}
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self._read(status_pb2.Status.FromString(value))
        super().__init__(f"{self.code} {self.reason} {self.details} {self.fields}")

    def _read(self, status: status_pb2.Status) -> None:
        for detail in status.details:
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if detail.Unpack(info):
                self.reason, self.metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(bad):
                self.fields = {violation.field: violation.reason for violation in bad.field_violations}


class Client:
    """Calls `Service/Method` of one address; the service's package is found from its name."""

    def __init__(self, address: str, token: str | None) -> None:
        self._address = address
        self._token = token

    @cached_property
    def _channel(self) -> grpc.aio.Channel:
        """Opened by the first call, because a channel belongs to the loop that is current when it is made."""
        return grpc.aio.insecure_channel(self._address, options=[("grpc.use_local_subchannel_pool", 1)])

    async def call(
        self, name: str, request: Message, *, timeout: float = 60.0, metadata: Iterable[tuple[str, str]] = ()
    ) -> Any:
        """Calls a unary method, for example `customer.v1.CustomerService/GetCustomer`. Raises RpcFailure."""
        method = _method(name)
        call = self._channel.unary_unary(
            method.path,
            request_serializer=method.input.SerializeToString,
            response_deserializer=method.output.FromString,
        )
        try:
            return await call(request, timeout=timeout, metadata=self._metadata(metadata))
        except grpc.aio.AioRpcError as error:
            raise RpcFailure(error) from None

    async def stream(self, name: str, requests: Any, *, timeout: float = 60.0) -> AsyncIterator[Any]:
        """Calls a streaming method; `requests` is a message, or an iterable of them where the client streams."""
        method = _method(name)
        kind = (
            ("stream" if method.client_streaming else "unary")
            + "_"
            + ("stream" if method.server_streaming else "unary")
        )
        call = getattr(self._channel, kind)(
            method.path,
            request_serializer=method.input.SerializeToString,
            response_deserializer=method.output.FromString,
        )(requests, timeout=timeout, metadata=self._metadata(()))
        try:
            if method.server_streaming:
                async for answer in call:
                    yield answer
            else:
                yield await call
        except grpc.aio.AioRpcError as error:
            raise RpcFailure(error) from None

    async def close(self) -> None:
        """Closes the channel."""
        if "_channel" in self.__dict__:
            await self._channel.close()

    def _metadata(self, more: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        own = (("authorization", f"Bearer {self._token}"),) if self._token else ()
        return (*own, *more)


def _method(name: str) -> contract.Method:
    service, _, method = name.partition("/")
    return contract.methods(service if service.startswith("marque.") else f"marque.{service}")[method]
