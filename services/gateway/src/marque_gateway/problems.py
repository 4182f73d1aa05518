"""Problem documents (RFC 9457) from the errors of RPCs (AIP-193).

The mapping of codes is that of google/rpc/code.proto, but for one: an etag that does not match is 412, which is what
If-Match means. A service's own words are passed on only where it marked them as meant for callers (an ErrorInfo of
our domain): gRPC itself writes addresses and causes into `details`, which nobody outside may read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from marque_gateway.catalogue import Catalogue, catalogue
from marque_gateway.json.run import JsonDecodeError

DOMAIN = "marque"
MEDIA_TYPE = "application/problem+json"
DETAILS_KEY = "grpc-status-details-bin"
CLIENT_CLOSED_REQUEST = 499

HTTP_STATUS: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: CLIENT_CLOSED_REQUEST,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
}
HTTP_STATUS_BY_REASON = {"ETAG_MISMATCH": 412}
# Where no service says so itself, these say that none answered: it is down, it hangs beyond the time we give it, or it died with the call.
_AWAY = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
_SECRET = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS}
_PLACEHOLDER = re.compile(r"\{([a-zA-Z0-9_.]+)\}")
_SNAKE = re.compile(r"_([a-z0-9])")
_KEYED = re.compile(r"(\[[^\]]*\])")


@dataclass(frozen=True)
class FieldProblem:
    """One wrong field: its path in JSON form, a reason for programs, a sentence for people."""

    field: str
    reason: str
    description: str


@dataclass(frozen=True)
class Problem:
    """An answer that is no success; `document()` is its body, `headers()` what belongs to it."""

    status: int
    title: str
    detail: str
    reason: str
    language: str
    errors: tuple[FieldProblem, ...] = ()
    retry_after: int | None = None
    """Whole seconds after which another attempt may help."""
    metadata: dict[str, str] = field(default_factory=dict)
    """The values that `detail` names, for clients that word it themselves."""

    def document(
        self, *, instance: str | None = None, trace_id: str | None = None, request_id: str | None = None
    ) -> dict[str, Any]:
        """Returns the RFC 9457 members and ours; `instance` is the path asked for."""
        document: dict[str, Any] = {
            "type": f"urn:marque:problem:{self.reason}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "reason": self.reason,
        }
        if self.errors:
            document["errors"] = [
                {"field": one.field, "reason": one.reason, "description": one.description} for one in self.errors
            ]
        optional = {"metadata": self.metadata, "instance": instance, "traceId": trace_id, "requestId": request_id}
        document.update({name: value for name, value in optional.items() if value})
        return document

    def headers(self) -> dict[str, str]:
        """Returns the content type, the language, Retry-After, and the challenge that a 401 owes (RFC 9110, 11.6.1)."""
        headers = {"content-type": MEDIA_TYPE, "content-language": self.language}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        return headers


def problem_from_rpc_error(
    code: grpc.StatusCode,
    details: str | None,
    trailing_metadata: Iterable[tuple[str, str | bytes]] | None,
    *,
    language: str = "en",
    body_field: str | None = None,
) -> Problem:
    """Translates a failed call.

    `language` is one of `catalogue.LANGUAGES`; `body_field` is the request field that the HTTP body held, which is
    taken off the field paths, because the caller never wrote it.
    """
    texts = catalogue(language)
    parts = unpacked(trailing_metadata)
    info, bad, retry = parts.info, parts.bad_request, parts.retry
    if info is None and code in _AWAY:
        return problem_of(grpc.StatusCode.UNAVAILABLE, language=language, retry_after=_seconds(retry) or 1)
    if code in _SECRET or info is None:
        return problem_of(code, language=language, retry_after=_seconds(retry))
    metadata = dict(info.metadata)
    return Problem(
        status=HTTP_STATUS_BY_REASON.get(info.reason, HTTP_STATUS.get(code, 500)),
        title=texts.titles[code.name],
        detail=_worded(texts, info.reason, metadata) or details or texts.details[code.name],
        reason=info.reason,
        language=language,
        errors=tuple(_field_problem(texts, one, body_field) for one in bad.field_violations) if bad else (),
        retry_after=_seconds(retry),
        metadata=metadata,
    )


def problem_of(
    code: grpc.StatusCode,
    *,
    reason: str | None = None,
    language: str = "en",
    retry_after: int | None = None,
    status: int | None = None,
    detail: str | None = None,
) -> Problem:
    """Words a problem of the gateway's own, or one of which nothing but the code may be told."""
    texts = catalogue(language)
    name = reason or ("INTERNAL" if code in _SECRET else code.name)
    return Problem(
        status=status or HTTP_STATUS.get(code, 500),
        title=texts.titles[code.name],
        detail=_worded(texts, name, {}) or detail or texts.details[code.name],
        reason=name,
        language=language,
        retry_after=retry_after,
    )


def problem_from_decode_error(error: JsonDecodeError, *, language: str = "en") -> Problem:
    """Words a document, a path or a query that could not be read."""
    texts = catalogue(language)
    return Problem(
        status=400,
        title=texts.titles["INVALID_ARGUMENT"],
        detail=texts.details["INVALID_ARGUMENT"],
        reason="INVALID_ARGUMENT",
        language=language,
        errors=tuple(
            FieldProblem(one.field_path, one.reason, texts.fields.get(one.reason, one.message)) for one in error.errors
        ),
    )


def json_path(path: str, body_field: str | None = None) -> str:
    """Turns a path of proto names (`customer.contact_points[0].value`) into its JSON form; what stands in brackets is
    kept.
    """
    if body_field and (path == body_field or path.startswith((f"{body_field}.", f"{body_field}["))):
        path = path[len(body_field) :].removeprefix(".")
    pieces = _KEYED.split(path)
    return "".join(
        piece if piece.startswith("[") else _SNAKE.sub(lambda found: found[1].upper(), piece) for piece in pieces
    )


@dataclass
class Details:
    """What a failed RPC says of itself, as far as we understand it (AIP-193)."""

    info: error_details_pb2.ErrorInfo | None = None
    bad_request: error_details_pb2.BadRequest | None = None
    retry: error_details_pb2.RetryInfo | None = None


def unpacked(trailing: Iterable[tuple[str, str | bytes]] | None) -> Details:
    """Unpacks what we understand of grpc-status-details-bin; what cannot be read is as if it were not there."""
    found = Details()
    raw = next((value for key, value in trailing or () if key == DETAILS_KEY), None)
    if not isinstance(raw, bytes):
        return found
    try:
        for packed in status_pb2.Status.FromString(raw).details:
            if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo.FromString(packed.value)
                found.info = info if info.domain == DOMAIN and info.reason else None
            elif packed.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                found.bad_request = error_details_pb2.BadRequest.FromString(packed.value)
            elif packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                found.retry = error_details_pb2.RetryInfo.FromString(packed.value)
    except DecodeError:
        return Details()
    return found


def _seconds(retry: error_details_pb2.RetryInfo | None) -> int | None:
    if retry is None:
        return None
    seconds: float = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return max(1, math.ceil(seconds))


def _worded(texts: Catalogue, reason: str, metadata: dict[str, str]) -> str | None:
    """Returns the catalogue's sentence with its values; None where there is none or a value is missing."""
    template = texts.reasons.get(reason)
    if template is None or any(name not in metadata for name in _PLACEHOLDER.findall(template)):
        return None
    return _PLACEHOLDER.sub(lambda found: metadata[found[1]], template)


def _field_problem(texts: Catalogue, violation: Any, body_field: str | None) -> FieldProblem:
    wording = texts.fields.get(violation.reason, violation.description)
    return FieldProblem(json_path(violation.field, body_field), violation.reason or "INVALID", wording)
