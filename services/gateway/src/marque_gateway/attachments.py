"""Files with cases over HTTP: the body of an upload goes on as a stream; what comes back is to be saved, and never shown or run."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from google.protobuf.message_factory import GetMessageClass
from marque.complaint.v1 import case_attachment_pb2
from marque.complaint.v1 import case_attachment_service_pb2 as messages
from servicekit import contract
from servicekit.errors import InvalidArgument, PermissionDenied, Unauthenticated
from servicekit.rpc.principal import ANONYMOUS
from servicekit.telemetry import spans
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.json import json_encoder_for
from marque_gateway.routes import metadata_of
from marque_gateway.uploads import FileBody
from marque_gateway.upstream import Upstreams, traced

UPLOAD, CONTENT = "/v1/cases/{case_id}/attachments", "/v1/attachments/{attachment_id}/content"
_SERVICE = "marque.complaint.v1.CaseAttachmentService"
_READ = f"/{_SERVICE}/ReadCaseAttachment"
_DEADLINE = 120.0
_PLAIN = re.compile(r"[A-Za-z0-9._ -]{1,100}")
SAFE = {
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, no-store",
}
"""What keeps a browser from showing a file, guessing what it is, or keeping it."""


class Attachments:
    """The service decides who may send and read; the first piece is read before the answer begins, so that a refusal is a refusal."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._encode = json_encoder_for(case_attachment_pb2.CaseAttachment.DESCRIPTOR)

    async def upload(self, request: Request) -> Response:
        """Answers 201 with the file's facts."""
        _name(request, "POST", UPLOAD)
        try:
            made = await self._upload(request)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request), "header"))
        headers = {"location": CONTENT.format(attachment_id=made.attachment_id), "content-type": "application/json"}
        return Response(self._encode(made), 201, headers)

    async def _upload(self, request: Request) -> Any:
        method = contract.methods(_SERVICE)["UploadCaseAttachment"]
        principal = request.scope["state"]["principal"]
        if principal is ANONYMOUS:
            raise Unauthenticated(why="it is missing")
        if not principal.may(method.permission):
            raise PermissionDenied(permission=method.permission)
        file = FileBody(messages.UploadCaseAttachmentRequest, _header(request), request)
        with spans.client_span(method.path) as span:
            invoke = self._upstreams.channel("complaint").stream_unary(
                method.path,
                request_serializer=GetMessageClass(method.descriptor.input_type).SerializeToString,
                response_deserializer=case_attachment_pb2.CaseAttachment.FromString,
            )
            made = await file.send(lambda sent: invoke(sent, timeout=_DEADLINE, metadata=traced(metadata_of(request))))
            span.status("OK")
        return made

    async def download(self, request: Request) -> Response:
        """Answers with the content, or a problem."""
        _name(request, "GET", CONTENT)
        attachment_id, metadata = request.path_params["attachment_id"], metadata_of(request)
        try:
            first = await self._piece(attachment_id, 0, metadata)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))
        facts = first.attachment
        headers = {
            **SAFE,
            "content-length": str(facts.size_bytes),
            "content-disposition": disposition(facts.file_name),
        }
        rest = self._pieces(attachment_id, first, metadata)
        return StreamingResponse(rest, 200, headers, facts.content_type)

    async def _pieces(self, attachment_id: str, first: Any, metadata: Any) -> AsyncIterator[bytes]:
        yield first.content
        for number in range(1, first.piece_count):
            yield (await self._piece(attachment_id, number, metadata)).content

    async def _piece(self, attachment_id: str, number: int, metadata: Any) -> Any:
        return await self._upstreams.call(
            _READ,
            messages.ReadCaseAttachmentRequest(attachment_id=attachment_id, piece=number),
            metadata,
            deserialize=messages.ReadCaseAttachmentResponse.FromString,
        )


def disposition(name: str) -> str:
    """Returns the header by which a browser saves a file under its name (RFC 6266); a name of other letters is given as RFC 8187 says."""
    plain = name if _PLAIN.fullmatch(name) else "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _name(request: Request, verb: str, route: str) -> None:
    request.scope["state"]["route"] = route
    request.scope["state"]["span"].rename(f"{verb} {route}")


def _header(request: Request) -> messages.CaseAttachmentHeader:
    """Reads path and query: fileName, and internal=true for what the customer must not see."""
    header = messages.CaseAttachmentHeader(
        case_id=request.path_params["case_id"], request_id=request.headers.get("idempotency-key", "")
    )
    for name, value in request.query_params.multi_items():
        if name == "fileName":
            header.file_name = value
        elif name == "internal" and value in ("true", "false"):
            header.internal = value == "true"
        else:
            raise InvalidArgument.of(
                name[:60], "UNKNOWN_PARAMETER", "is not a parameter of this method, or not a value of it"
            )
    return header
