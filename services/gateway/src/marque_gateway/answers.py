"""What the door says when something is wrong: one place where every failure becomes a problem document."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping

import grpc.aio
import orjson
from servicekit.errors import DomainError
from servicekit.telemetry import logs, propagation
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from marque_gateway.catalogue import preferred_language
from marque_gateway.json import JsonDecodeError
from marque_gateway.problems import DETAILS_KEY, Problem, problem_from_decode_error, problem_from_rpc_error, problem_of
from marque_gateway.refusals import SCIM_PREFIX, refusal

log = logs.get_logger(__name__)

_BY_STATUS = {
    400: (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    404: (grpc.StatusCode.NOT_FOUND, "ROUTE_NOT_FOUND"),
    405: (grpc.StatusCode.UNIMPLEMENTED, "METHOD_NOT_ALLOWED"),
    413: (grpc.StatusCode.INVALID_ARGUMENT, "BODY_TOO_LARGE"),
    415: (grpc.StatusCode.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE"),
    422: (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    431: (grpc.StatusCode.INVALID_ARGUMENT, "HEADERS_TOO_LARGE"),
}


def problem_for(error: Exception, language: str, body_field: str | None = None) -> Problem:
    """Returns the problem that an exception means. What is a fault of ours is logged by its type and place, and told to nobody."""
    if isinstance(error, grpc.aio.AioRpcError):
        return problem_from_rpc_error(
            error.code(), error.details(), error.trailing_metadata(), language=language, body_field=body_field
        )
    if isinstance(error, JsonDecodeError):
        return problem_from_decode_error(error, language=language)
    if isinstance(error, DomainError):
        trailing = ((DETAILS_KEY, error.to_status().SerializeToString()),)
        found = problem_from_rpc_error(error.code, error.text, trailing, language=language, body_field=body_field)
        return found if error.reason != "UNSUPPORTED_MEDIA_TYPE" else _with_status(found, 415)
    if isinstance(error, HTTPException):
        code, reason = _BY_STATUS.get(error.status_code, (grpc.StatusCode.UNKNOWN, "UNKNOWN"))
        return problem_of(code, reason=reason, status=error.status_code, language=language)
    if isinstance(error, ClientDisconnect):
        return problem_of(grpc.StatusCode.CANCELLED, language=language)
    if isinstance(error, asyncio.TimeoutError):
        return problem_of(grpc.StatusCode.DEADLINE_EXCEEDED, language=language)
    log.error("request failed", exc_info=error)
    return problem_of(grpc.StatusCode.INTERNAL, language=language)


def problem_response(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Returns the answer of a problem; `headers` are those beside the problem's own, such as Allow."""
    if request.url.path.startswith(SCIM_PREFIX):
        return refusal(problem, {**(headers or {}), **problem.headers()})
    document = problem.document(
        instance=request.url.path, trace_id=propagation.current_trace_id(), request_id=logs.request_id_var.get()
    )
    return Response(orjson.dumps(document), problem.status, {**(headers or {}), **problem.headers()})


def language(request: Request) -> str:
    """Returns the language of the answer: what the caller prefers among ours."""
    return preferred_language(request.headers.get("accept-language", ""))


def _with_status(problem: Problem, status: int) -> Problem:
    return dataclasses.replace(problem, status=status)
