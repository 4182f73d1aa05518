"""Calls of the suite: one request over gRPC (at the gateway's door or at a service) or over HTTP, told in one form."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import grpc
import grpc.aio
import httpx
import orjson
from google.api import annotations_pb2
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from servicekit.contract import Method
from servicekit.testing import web

_FAULTS = frozenset({"INTERNAL", "UNKNOWN", "UNIMPLEMENTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS"})
REFUSED = frozenset({"PERMISSION_DENIED", "UNAUTHENTICATED"})
# What the gateway says, by gRPC and by HTTP, while the machine has no time for a service; it is asked again after so many seconds.
_AWAY, _AWAY_BY_HTTP, _PATIENCE = "DEPENDENCY_UNAVAILABLE", "UNAVAILABLE", (0.2, 1.0, 5.0)
# What this client library itself says where a server refuses a stream before the client has written all of it. No server said it.
_LOST_RACE = b"INTERNAL Internal error from Core "
_SNAKE = re.compile(r"_([a-z0-9])")
_PATH_FIELD = re.compile(r"\{([a-z_.]+)(?:=[^}]*)?\}")
_STATUS = {
    "OK": {200, 202},
    "INVALID_ARGUMENT": {400},
    "FAILED_PRECONDITION": {400},
    "UNAUTHENTICATED": {401},
    "PERMISSION_DENIED": {403},
    "NOT_FOUND": {404},
    "ALREADY_EXISTS": {409},
    "ABORTED": {409, 412},
}


@dataclass
class Told:
    """An answer: the code (over HTTP the status), the error as comparable bytes (what names this request left out), the messages.

    `document`: the JSON of an answer that no method describes.
    """

    code: str
    error: bytes = b""
    reason: str = ""
    messages: list[Any] = field(default_factory=list)
    document: Any = None

    def is_one(self, codes: Iterable[str]) -> bool:
        """Tells whether the answer is one of some codes; over HTTP `code` is the status that stands for it."""
        if self.code.isdecimal():
            return any(int(self.code) in _STATUS.get(code, ()) for code in codes)
        return self.code in codes

    @property
    def refused(self) -> bool:
        """Tells whether the caller was refused before anything was looked at."""
        return self.is_one(REFUSED)

    @property
    def broken(self) -> bool:
        """Tells whether the answer is a fault of ours."""
        return int(self.code) >= 500 if self.code.isdecimal() else self.code in _FAULTS


def encoded(method: Method, request: Any) -> list[bytes]:
    """Returns a request of JSON as the messages that go over the wire."""
    parts = request if isinstance(request, list) else [request]
    return [json_format.ParseDict(part, method.input()).SerializeToString() for part in parts]


class Wire:
    """gRPC to one address, with bytes, so that anything can be sent."""

    def __init__(self, address: str) -> None:
        self._channel: Any = grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()

    async def call(self, method: Method, data: list[bytes], token: str, *extra: tuple[str, str]) -> Told:
        """Calls a method of any kind."""
        metadata = [*([("authorization", f"Bearer {token}")] if token else []), *extra]
        for pause in _PATIENCE:
            while (told := await self._call(method, data, metadata)).error == _LOST_RACE:
                continue
            if told.reason != _AWAY:
                break
            await asyncio.sleep(pause)
        return told

    async def _call(self, method: Method, data: list[bytes], metadata: list[tuple[str, str]]) -> Told:
        try:
            if not (method.client_streaming or method.server_streaming):
                answer = await self._channel.unary_unary(method.path)(data[0], metadata=metadata, timeout=60)
                return Told("OK", messages=[method.output.FromString(answer)])
            call = self._channel.stream_stream(method.path)(_each(data), metadata=metadata, timeout=60)
            return Told("OK", messages=[method.output.FromString(part) async for part in call])
        except grpc.aio.AioRpcError as error:
            return _told(error)


async def _each(data: list[bytes]) -> AsyncIterator[bytes]:
    for part in data:
        yield part


def _told(error: grpc.aio.AioRpcError) -> Told:
    details = b""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            details = value if isinstance(value, bytes) else value.encode()
    reason = ""
    for detail in status_pb2.Status.FromString(details).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            reason = info.reason
    return Told(error.code().name, f"{error.code().name} {error.details()} ".encode() + details, reason)


class Door:
    """HTTP/JSON at the gateway."""

    def __init__(self, url: str) -> None:
        # Of many connections the client looks through all at every request.
        self.client = web.client(url, timeout=60, limits=httpx.Limits(max_connections=8))

    async def close(self) -> None:
        """Closes the connections."""
        await self.client.aclose()

    async def call(self, method: Method, request: Any, token: str, body: bytes | None = None) -> Told:
        """Calls the binding of a method; `body` goes in place of the request's own."""
        verb, path, params, document = bound(method, request)
        content = body if body is not None else orjson.dumps(document) if document is not None else None
        return await self.send(verb, path, token, content, params, method)

    async def send(
        self,
        verb: str,
        path: str,
        token: str,
        content: bytes | None = None,
        params: Any = None,
        method: Method | None = None,
    ) -> Told:
        """Sends any request."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if content is not None:
            headers["content-type"] = "application/json"
        for pause in _PATIENCE:
            answer = await self.client.request(verb, path, params=params, content=content, headers=headers)
            if answer.status_code < 300:
                if method is None:
                    return Told(str(answer.status_code), document=orjson.loads(answer.content or b"null"))
                return Told(str(answer.status_code), messages=[json_format.Parse(answer.content, method.output())])
            problem = orjson.loads(answer.content)
            if problem.get("reason", "") != _AWAY_BY_HTTP:
                break
            await asyncio.sleep(pause)
        kept = {name: value for name, value in problem.items() if name not in ("instance", "traceId", "requestId")}
        return Told(str(answer.status_code), orjson.dumps(kept, option=orjson.OPT_SORT_KEYS), problem.get("reason", ""))


def rule_of(method: Method) -> tuple[str, str, str]:
    """Returns verb, path template and body field of a method's binding; empty where it has none."""
    rule = method.descriptor.GetOptions().Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern") or ""
    return verb.upper(), getattr(rule, verb) if verb else "", rule.body


def bound(method: Method, request: Any) -> tuple[str, str, dict[str, Any], Any]:
    """Returns verb, path, query and body of a request by the method's binding. A PATCH leaves its mask to the keys that are present."""
    if "UploadImport" in method.name:
        header = request[0]["header"]
        named = {"kind": "kind", "source": "source", "file_name": "fileName"}
        service = method.path.split(".")[1]
        return "POST", f"/v1/{service}/imports", {named[key]: header[key] for key in named} | {"dryRun": "true"}, None
    verb, template, body = rule_of(method)
    if verb == "PATCH":
        request = {key: value for key, value in request.items() if key != "update_mask"}
    used: set[str] = set()

    def filled(match: re.Match[str]) -> str:
        names = match[1].split(".")
        used.add(names[0])
        value: Any = request
        for name in names:
            value = value[name]
        return quote(str(value), safe="")

    path = _PATH_FIELD.sub(filled, template)
    if body == "*":
        return verb, path, {}, camel(request)
    document = camel(request.get(body)) if body else None
    query = {key: value for key, value in request.items() if key != body and key not in used}
    return verb, path, camel(query), document


def camel(value: Any) -> Any:
    """Returns JSON with the names of the contract as JSON with those of HTTP."""
    if isinstance(value, dict):
        return {_SNAKE.sub(lambda match: match[1].upper(), key): camel(part) for key, part in value.items()}
    return [camel(part) for part in value] if isinstance(value, list) else value
