"""HTTP/JSON ⇄ gRPC for every RPC of the contracts: one endpoint per binding, compiled at start."""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from servicekit.errors import InvalidArgument
from servicekit.rpc.principal import ANONYMOUS
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.binding import Binding, access_of
from marque_gateway.json import decoder_for, json_encoder_for, present_paths
from marque_gateway.query import QueryBinder
from marque_gateway.upstream import Upstreams

JSON = "application/json"
MAX_IF_MATCH = 200  # characters; ours have less than 20
MAX_IF_NONE_MATCH = 2000  # characters that are looked at; a reader may name several
_KEPT, _ASKED_AGAIN = "public, max-age=60", "private, no-cache"  # for anybody; for who is signed in and may see more


class BodyRefused(InvalidArgument):
    """The body cannot be read as JSON."""

    reason = "MALFORMED_JSON"
    message = "The body is not valid JSON."


class MediaTypeRefused(InvalidArgument):
    """The body is not JSON by its content type."""

    reason = "UNSUPPORTED_MEDIA_TYPE"
    message = "Send the body as application/json in UTF-8."


class Endpoint:
    """Answers one binding: reads path, query, body and headers into the request message, calls, writes the answer as JSON."""

    def __init__(self, binding: Binding, upstreams: Upstreams) -> None:
        method = binding.method
        self.binding = binding
        self._upstreams = upstreams
        self._rpc = binding.rpc
        self._request: type[Message] = GetMessageClass(method.input_type)
        self._parse = GetMessageClass(method.output_type).FromString
        self._encode = json_encoder_for(method.output_type)
        self._query = QueryBinder(method.input_type, binding.bound_fields) if binding.has_query else None
        body_type = binding.body_type
        self._decoder = decoder_for(body_type) if body_type is not None else None
        self._body_type = body_type
        fields = method.input_type.fields_by_name
        self._takes_request_id = "request_id" in fields
        self._takes_mask = binding.verb == "PATCH" and "update_mask" in fields and binding.body not in (None, "*")
        self._etag_owner = self._find_etag(binding)
        self._tags = "etag" in method.output_type.fields_by_name
        # What anybody may read and is marked by its content, a reader and whoever stands between may keep.
        self._kept = binding.verb == "GET" and self._tags and access_of(method).public

    async def __call__(self, request: Request, path: dict[str, str], metadata: list[tuple[str, str]]) -> Response:
        """Serves a request; raises DomainError, JsonDecodeError or AioRpcError for what is wrong."""
        message = self._request()
        if self._decoder is not None:
            self._read_body(message, await request.body(), request.headers.get("content-type", ""))
        if self._query is not None and request.scope["query_string"]:
            self._query.bind(request.query_params.multi_items(), message)
        self.binding.bind_path(path, message)
        self._read_headers(message, request)
        answer = await self._upstreams.call(self._rpc, message, metadata, deserialize=self._parse)
        headers = {"etag": f'"{answer.etag}"'} if self._tags and answer.etag else {}
        if self._kept and headers:
            headers |= {"cache-control": _KEPT if request.scope["state"]["principal"] is ANONYMOUS else _ASKED_AGAIN}
            headers["vary"] = "authorization"
            if _holds(request.headers.get("if-none-match", ""), headers["etag"]):
                return Response(None, 304, headers)
        return Response(self._encode(answer), 200, headers, JSON)

    def _read_body(self, message: Any, body: bytes, content_type: str) -> None:
        if body and content_type.partition(";")[0].strip().lower() not in (JSON, "application/merge-patch+json"):
            raise MediaTypeRefused()
        try:
            document = orjson.loads(body) if body else {}
        except ValueError:
            raise BodyRefused() from None
        assert self._decoder is not None
        whole = self.binding.body == "*"
        if not (body or whole):  # a whole request may have nothing to say beyond its path; a resource must be said
            raise BodyRefused()
        target = message if whole else getattr(message, self.binding.body or "")
        if not whole:
            target.SetInParent()
        self._decoder.read_into(target, document)
        if self._takes_mask:
            assert self._body_type is not None
            known = {field for field in _OUTPUT_ONLY if field in self._body_type.fields_by_name}
            keys = set(self.binding.path_fields)
            mask = [
                name
                for name in present_paths(self._body_type, document)
                if name not in known and f"{self.binding.body}__{name}" not in keys
            ]
            message.update_mask.paths.extend(mask)

    def _read_headers(self, message: Any, request: Request) -> None:
        key = request.headers.get("idempotency-key")
        if key is not None and self._takes_request_id:
            if not 1 <= len(key) <= 64 or not key.isprintable():
                raise InvalidArgument.of("Idempotency-Key", "REQUEST_ID_INVALID", "Give 1 to 64 printable characters.")
            message.request_id = key
        condition = request.headers.get("if-match", "")
        if len(condition) > MAX_IF_MATCH:
            raise InvalidArgument.of("If-Match", "ETAG_INVALID", f"Give at most {MAX_IF_MATCH} characters.")
        if condition and condition != "*" and self._etag_owner is not None:
            owner = message
            for name in self._etag_owner:
                owner = getattr(owner, name)
            owner.etag = condition.removeprefix("W/").strip('"')[:128]

    @staticmethod
    def _find_etag(binding: Binding) -> tuple[str, ...] | None:
        """Returns the way to the field that If-Match fills: of the request, or of the resource in its body."""
        if binding.verb == "GET":
            return None
        request = binding.method.input_type
        if "etag" in request.fields_by_name:
            return ()
        if (
            binding.body not in (None, "*")
            and "etag" in request.fields_by_name[binding.body].message_type.fields_by_name
        ):
            return (binding.body or "",)
        return None


def _holds(if_none_match: str, etag: str) -> bool:
    """Tells whether a reader has this answer already (RFC 9110, 13.1.2: weak comparison)."""
    given = [one.strip().removeprefix("W/") for one in if_none_match[:MAX_IF_NONE_MATCH].split(",")]
    return "*" in given or etag in given


_OUTPUT_ONLY = frozenset({"etag", "create_time", "update_time", "masked_fields"})
