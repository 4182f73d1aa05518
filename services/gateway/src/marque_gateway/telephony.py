"""What telephone systems tell of calls: `POST /v1/telephony/{provider}/events`, signed, passed on to the customer service.

The sender signs `<timestamp>.<body>` by HMAC-SHA-256 with the secret that it shares with us: `X-Marque-Timestamp` (seconds since 1970) and
`X-Marque-Signature: v1=<hex>`; several signatures parted by commas are allowed, so that a sender can change its secret. A message older
than five minutes is refused, and one that is sent again within them is the same event: the customer service keeps event ids far longer.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from google.protobuf.message import Message
from marque.customer.v1 import call_service_pb2
from servicekit.errors import InvalidArgument, Unauthenticated
from servicekit.rpc.tokens import ServiceIdentity
from servicekit.telemetry import logs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.json import decoder_for, json_encoder_for
from marque_gateway.upstream import Upstreams

ROUTE = "/v1/telephony/{provider}/events"
TIMESTAMP, SIGNATURE = "x-marque-timestamp", "x-marque-signature"
TOLERANCE_SECONDS = 300
_SHORTEST_SECRET = 32  # bytes, as long as the digest
_VERSION = "v1="


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Returns how a message is signed: `v1=` and the digest in hex."""
    return _VERSION + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def read_secrets(files: Mapping[str, Path]) -> dict[str, list[bytes]]:
    """Reads the secrets of outside systems: one a line, two while a system changes from one to the other.

    Raises ValueError, naming the system, where one is too short to be one.
    """
    found: dict[str, list[bytes]] = {}
    for provider, path in files.items():
        lines = [line.strip() for line in path.read_bytes().splitlines()]
        found[provider] = [line for line in lines if line]
        if not found[provider] or any(len(line) < _SHORTEST_SECRET for line in found[provider]):
            raise ValueError(
                f"the outside system {provider} needs a secret of at least {_SHORTEST_SECRET} bytes a line"
            )
    return found


class SignedDoor:
    """A door for what outside systems tell, signed, passed on to the RPC that takes it. Without a secret for any it does not exist."""

    route: str
    owner: str
    rpc: str
    request: type[Message]
    response: type[Message]

    def __init__(self, upstreams: Upstreams, identity: ServiceIdentity, secrets: Mapping[str, Sequence[bytes]]) -> None:
        self._upstreams = upstreams
        self._identity = identity
        self._secrets = secrets
        self._decode = decoder_for(self.request.DESCRIPTOR)
        self._encode = json_encoder_for(self.response.DESCRIPTOR)

    def _read(self, body: bytes) -> Any:
        """Reads what is told: JSON in the contract's names. Raises InvalidArgument."""
        return self._decode(_document(body))

    def _told_by(self, provider: str, message: Any) -> None:
        """Notes in a message which system told it, where the message has a place for that."""

    async def answer(self, request: Request) -> Response:
        """Answers one event."""
        request.scope["state"]["route"] = self.route
        request.scope["state"]["span"].rename(f"POST {self.route}")
        try:
            return Response(self._encode(await self._take(request)), media_type="application/json")
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))

    async def _take(self, request: Request) -> Any:
        if not self._secrets or not self._upstreams.knows(self.owner):
            raise HTTPException(404)
        provider, body = request.path_params["provider"], await request.body()
        self._verify(provider, request, body)
        event = self._read(body)
        self._told_by(provider, event)
        metadata = [
            ("authorization", f"Bearer {await self._identity.token()}"),
            ("x-request-id", logs.request_id_var.get() or ""),
        ]
        return await self._upstreams.call(self.rpc, event, metadata, deserialize=self.response.FromString)

    def _verify(self, provider: str, request: Request, body: bytes) -> None:
        """Raises Unauthenticated: the same for an unknown system and for a wrong signature, and before the body is looked at."""
        timestamp = request.headers.get(TIMESTAMP, "")
        given = [one.strip().encode("latin-1", "replace") for one in request.headers.get(SIGNATURE, "").split(",")]
        good = False
        for secret in self._secrets.get(provider, ()):
            expected = signature(secret, timestamp, body).encode()
            for one in given:
                good |= hmac.compare_digest(expected, one)
        if not good:
            raise Unauthenticated(why="the signature does not hold")
        if not _is_present(timestamp):
            raise Unauthenticated(why="the message is not of now")


class Telephony(SignedDoor):
    """The door of telephone systems."""

    route = ROUTE
    owner = "customer"
    rpc = "/marque.customer.v1.CallService/RecordCallEvent"
    request = call_service_pb2.RecordCallEventRequest
    response = call_service_pb2.RecordCallEventResponse

    def _told_by(self, provider: str, message: Any) -> None:
        message.provider = provider


def _is_present(timestamp: str) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(time.time() - int(timestamp)) <= TOLERANCE_SECONDS


def _document(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidArgument.of("body", "MALFORMED_JSON", "The body is not JSON.") from None
