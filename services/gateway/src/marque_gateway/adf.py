"""`POST /v1/leads:adf`: an ADF document as lead providers post it, whatever media type they call it by; read by the customer service."""

from __future__ import annotations

import re
from typing import Any

from marque.customer.v1 import lead_intake_service_pb2 as rpc
from servicekit.errors import InvalidArgument, PermissionDenied, Unauthenticated
from servicekit.rpc.principal import ANONYMOUS
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.json import json_encoder_for
from marque_gateway.routes import metadata_of
from marque_gateway.upstream import Upstreams, method_of

PATH = "/v1/leads:adf"
RPC = "/marque.customer.v1.LeadIntakeService/ReceiveAdf"
LARGEST = 1 << 20
_CHARSET = re.compile(r"""charset\s*=\s*"?([A-Za-z0-9._-]{1,40})""", re.IGNORECASE)


class AdfDoor:
    """Passes the document on as it is, in the caller's name; the answer says of each prospect what became of it."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._encode = json_encoder_for(rpc.ReceiveAdfResponse.DESCRIPTOR)

    async def answer(self, request: Request) -> Response:
        """Answers 200 with the results, or a problem where the whole document is refused."""
        request.scope["state"]["route"] = PATH
        request.scope["state"]["span"].rename(f"POST {PATH}")
        try:
            found = await self._received(request)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))
        return Response(self._encode(found), 200, {"content-type": "application/json"})

    async def _received(self, request: Request) -> Any:
        method = method_of(RPC)
        assert method is not None
        principal = request.scope["state"]["principal"]
        if principal is ANONYMOUS:
            raise Unauthenticated(why="it is missing")
        if not principal.may(method.permission):
            raise PermissionDenied(permission=method.permission)
        document = await request.body()
        if not document:
            raise InvalidArgument.of("document", "ADF_UNREADABLE", "The body is empty.")
        if len(document) > LARGEST:
            raise InvalidArgument.of("document", "ADF_TOO_LARGE", f"The document is larger than {LARGEST} bytes.")
        named = _CHARSET.search(request.headers.get("content-type", ""))
        message = rpc.ReceiveAdfRequest(
            document=document,
            charset=named[1] if named else "",
            request_id=request.headers.get("idempotency-key", ""),
        )
        return await self._upstreams.call(
            RPC, message, metadata_of(request), deserialize=rpc.ReceiveAdfResponse.FromString
        )
