"""`POST /v1/inbound:mail`: a mail as a mail server hands it on (RFC 5322), whatever it is called; read by the customer service."""

from __future__ import annotations

from typing import Any

from marque.customer.v1 import inbound_service_pb2 as rpc
from servicekit.errors import InvalidArgument, PermissionDenied, Unauthenticated
from servicekit.rpc.principal import ANONYMOUS
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.json import json_encoder_for
from marque_gateway.routes import metadata_of
from marque_gateway.upstream import Upstreams, method_of

PATH = "/v1/inbound:mail"
RPC = "/marque.customer.v1.InboundService/ReceiveMail"
LARGEST = 1 << 20
_FIELDS = {"mailbox": "mailbox", "dealerCode": "dealer_code"}
_INTENTS = {"": rpc.INBOUND_INTENT_UNSPECIFIED, "lead": rpc.INBOUND_INTENT_LEAD, "case": rpc.INBOUND_INTENT_CASE}


class MailDoor:
    """Passes the mail on as it is, in the caller's name; the answer says what became of it."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._encode = json_encoder_for(rpc.InboundReceipt.DESCRIPTOR)

    async def answer(self, request: Request) -> Response:
        """Answers 200 with the receipt, or a problem where the mail is refused."""
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
        intent = _INTENTS.get(request.query_params.get("intent", ""))
        if intent is None:
            raise InvalidArgument.of("intent", "VALUE_UNKNOWN", "Give `lead` or `case`, or leave it out.")
        message = await request.body()
        if not message:
            raise InvalidArgument.of("message", "MAIL_UNREADABLE", "The body is empty.")
        if len(message) > LARGEST:
            raise InvalidArgument.of("message", "MAIL_TOO_LARGE", f"The mail is larger than {LARGEST} bytes.")
        given = {field: request.query_params.get(name, "") for name, field in _FIELDS.items()}
        asked = rpc.ReceiveMailRequest(
            message=message, intent=intent, request_id=request.headers.get("idempotency-key", ""), **given
        )
        return await self._upstreams.call(RPC, asked, metadata_of(request), deserialize=rpc.InboundReceipt.FromString)
