"""Files for import over HTTP: the body goes on as a stream of chunks; what comes back is the import, to be watched until it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc.aio
from google.protobuf.message_factory import GetMessageClass
from marque.type.v1 import import_pb2
from servicekit import contract
from servicekit.errors import InvalidArgument, PermissionDenied, Unauthenticated
from servicekit.rpc.principal import ANONYMOUS
from servicekit.telemetry import spans
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.json import json_encoder_for
from marque_gateway.routes import metadata_of
from marque_gateway.upstream import Ending, Upstreams, traced

_CHUNK = 64 * 1024
_DEADLINE = 600.0


class Uploads:
    """`POST /v1/{service}/imports`: query parameters say what the file is, the body is the file itself."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._encode = json_encoder_for(import_pb2.Import.DESCRIPTOR)

    async def answer(self, request: Request) -> Response:
        """Answers 202 with the import and its address in Location."""
        service = request.path_params["service"]
        request.scope["state"]["route"] = "/v1/{service}/imports"
        request.scope["state"]["span"].rename("POST /v1/{service}/imports")
        try:
            made = await self._upload(request, service)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request), "header"))
        headers = {"location": f"/v1/{service}/imports/{made.import_id}", "content-type": "application/json"}
        return Response(self._encode(made), 202, headers)

    async def _upload(self, request: Request, service: str) -> Any:
        method = _method(service)
        if method is None or not self._upstreams.knows(service):
            raise HTTPException(404)
        principal = request.scope["state"]["principal"]
        if principal is ANONYMOUS:
            raise Unauthenticated(why="it is missing")
        if not principal.may(method.permission):
            raise PermissionDenied(permission=method.permission)
        header = _header(request)
        with spans.client_span(method.path) as span:
            invoke = self._upstreams.channel(service).stream_unary(
                method.path,
                request_serializer=GetMessageClass(method.descriptor.input_type).SerializeToString,
                response_deserializer=import_pb2.Import.FromString,
            )
            file = FileBody(import_pb2.UploadImportRequest, header, request)
            made = await file.send(
                lambda messages: invoke(messages, timeout=_DEADLINE, metadata=traced(metadata_of(request)))
            )
            span.status("OK")
        return made


class FileBody:
    """The body on its way, as messages of a contract with `header` and `chunk`.

    Whatever breaks it off cancels the call: half a file must never become an import."""

    def __init__(self, message: Callable[..., Any], header: Any, request: Request) -> None:
        self._message = message
        self._header = header
        self._request = request
        self._broken: Exception | None = None

    async def send(self, invoke: Callable[[AsyncIterator[Any]], Any]) -> Any:
        """Returns the service's answer, which may come before the file was read to its end."""
        call = invoke(self._messages())
        ending = Ending(call)
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise await ending.of(error) from None
        except asyncio.CancelledError:
            raise self._broken or asyncio.CancelledError() from None
        finally:
            call.cancel()

    async def _messages(self) -> AsyncIterator[Any]:
        yield self._message(header=self._header)
        try:
            async for part in self._request.stream():
                for start in range(0, len(part), _CHUNK):
                    yield self._message(chunk=part[start : start + _CHUNK])
        except Exception as error:  # grpc.aio cancels the call for it, and keeps it to itself
            self._broken = error
            raise


def _method(service: str) -> contract.Method | None:
    name = f"marque.{service}.v1.{service.capitalize()}ImportService"
    return contract.methods(name).get("UploadImport") if name in contract.services() else None


def _header(request: Request) -> import_pb2.ImportFileHeader:
    """Reads the query: kind, source, fileName, dryRun, mode, removeDespiteRejected, and a column mapping as `map.<column>=<field>`."""
    header = import_pb2.ImportFileHeader(request_id=request.headers.get("idempotency-key", ""))
    for name, value in request.query_params.multi_items():
        if name in ("kind", "source"):
            setattr(header, name, value)
        elif name == "fileName":
            header.file_name = value
        elif name == "dryRun" and value in ("true", "false"):
            header.dry_run = value == "true"
        elif name == "removeDespiteRejected" and value in ("true", "false"):
            header.remove_despite_rejected = value == "true"
        elif name == "mode" and value in import_pb2.ImportMode.keys():  # noqa: SIM118 - no mapping
            header.mode = import_pb2.ImportMode.Value(value)
        elif name.startswith("map.") and len(name) > len("map."):
            header.column_mapping[name.removeprefix("map.")] = value
        else:
            raise InvalidArgument.of(
                name[:60], "UNKNOWN_PARAMETER", "is not a parameter of this method, or not a value of it"
            )
    return header
