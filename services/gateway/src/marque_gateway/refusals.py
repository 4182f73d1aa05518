"""Failures as SCIM tells them (RFC 7644, section 3.12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

SCIM_PREFIX = "/scim/v2/"
MEDIA_TYPE = "application/scim+json"
_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
_TYPES = {
    "USER_NAME_TAKEN": "uniqueness",
    "SUBJECT_TAKEN": "uniqueness",
    "EMPLOYEE_NUMBER_TAKEN": "uniqueness",
    "GROUP_NAME_TAKEN": "uniqueness",
    "FILTER_INVALID": "invalidFilter",
    "MALFORMED_JSON": "invalidSyntax",
    "UNSUPPORTED_MEDIA_TYPE": "invalidSyntax",
    "FIELD_NOT_WRITABLE": "mutability",
    "MANAGER_CIRCLE": "invalidValue",
}


def refusal(problem: Any, headers: Mapping[str, str]) -> Response:
    """Returns the answer of a problem (`marque_gateway.problems.Problem`)."""
    kind = next((_TYPES[one.reason] for one in problem.errors if one.reason in _TYPES), _TYPES.get(problem.reason, ""))
    if not kind and problem.status == 400:
        kind = "invalidValue"
    detail = "; ".join([problem.detail, *(f"{one.field}: {one.description}" for one in problem.errors)])
    document = {"schemas": [_SCHEMA], "status": str(problem.status), "detail": detail}
    if kind:
        document["scimType"] = kind
    kept = {name: value for name, value in headers.items() if name != "content-type"}
    return Response(orjson.dumps(document), problem.status, {**kept, "content-type": MEDIA_TYPE})


def refused(status: int, detail: str, kind: str | None) -> Response:
    """Returns the answer of a failure that the library of SCIM found."""
    document = {"schemas": [_SCHEMA], "status": str(status), "detail": detail, **({"scimType": kind} if kind else {})}
    return Response(orjson.dumps(document), status, {"content-type": MEDIA_TYPE})
