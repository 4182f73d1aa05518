"""The whole document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from marque_gateway.binding import Binding
from marque_gateway.contracts import Contracts
from marque_gateway.openapi.examples import Examples
from marque_gateway.openapi.operations import Operations, document_path
from marque_gateway.openapi.schemas import Schemas
from marque_gateway.problems import MEDIA_TYPE
from marque_gateway.transcode import MAX_IF_MATCH

_PROBLEM_STATUSES = (400, 401, 403, 404, 405, 409, 412, 413, 415, 429, 431, 500, 501, 503, 504)
_PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `reason` is for programs; `title` and `detail` follow Accept-Language.",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Names the kind of problem."},
        "title": {"type": "string", "description": "The kind of problem in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "This problem in words."},
        "instance": {"type": "string", "description": "The path that was called."},
        "reason": {"type": "string", "description": "The kind of problem as a constant, for example ETAG_MISMATCH."},
        "metadata": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "The values that the detail names.",
        },
        "errors": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/FieldProblem"},
            "description": "The fields that are wrong.",
        },
        "traceId": {"type": "string", "description": "Finds the request in our traces and logs."},
        "requestId": {"type": "string", "description": "The request id."},
    },
    "required": ["type", "title", "status", "detail", "reason"],
}
_FIELD_PROBLEM = {
    "type": "object",
    "description": "One wrong field.",
    "properties": {
        "field": {"type": "string", "description": "Its path in the JSON form, for example `contactPoints[0].value`."},
        "reason": {"type": "string", "description": "What is wrong, as a constant."},
        "description": {"type": "string", "description": "What is wrong, in words."},
    },
    "required": ["field", "reason", "description"],
}
_PARAMETERS = {
    "AcceptLanguage": {
        "name": "Accept-Language",
        "in": "header",
        "description": "The language of problem texts: `en` or `zh-CN`.",
        "schema": {"type": "string"},
        "example": "en",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes a repetition harmless: the same request gets the first answer, another one an error.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
        "example": "019a7f2e-6b1c-7d3e-8f00-5a1b2c3d4e5f",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag that was read; the change is refused with 412 when the resource has changed since.",
        "schema": {"type": "string", "maxLength": MAX_IF_MATCH},
        "example": '"5f1c"',
    },
}
_ETAG = {"description": "The state of the resource, for If-Match.", "schema": {"type": "string"}, "example": '"5f1c"'}


def build_document(
    contracts: Contracts,
    bindings: Iterable[Binding],
    *,
    title: str = "Marque",
    version: str = "1.0.0",
    description: str = "",
    servers: Iterable[str] = ("/",),
    open_id_connect_url: str | None = None,
    extra_paths: Mapping[str, Mapping[str, Any]] | None = None,
    extra_schemas: Mapping[str, Any] | None = None,
    examples: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns the OpenAPI 3.1 document of all bindings, the same bytes for the same contracts.

    `extra_paths` and `extra_schemas` add hand-written operations (path → verb → Operation Object) and their schemas;
    `examples` adds curated values by field name, full field name or full message name. Raises ValueError where an
    addition meets something generated.
    """
    ordered = sorted(bindings, key=lambda one: (one.template, one.verb))
    requests = [body for one in ordered if (body := one.body_type) is not None] + [
        one.method.input_type for one in ordered
    ]
    schemas = Schemas(contracts, requests, [one.method.output_type for one in ordered])
    operations = Operations(contracts, schemas, Examples(examples))
    names = _operation_ids(ordered)
    paths: dict[str, dict[str, Any]] = {}
    for one in ordered:
        paths.setdefault(document_path(one), {})[one.verb.lower()] = operations.operation(one, names[one.rpc])
    _merge(paths, extra_paths or {})
    components = {**schemas.components, "Problem": _PROBLEM, "FieldProblem": _FIELD_PROBLEM}
    for name, schema in (extra_schemas or {}).items():
        if name in components:
            raise ValueError(f"the schema {name} is generated already")
        components[name] = dict(schema)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, **({"description": description} if description else {})},
        "servers": [{"url": url} for url in servers],
        "security": [{"bearer": []}, *([{"openIdConnect": []}] if open_id_connect_url else [])],
        "tags": _tags(contracts, ordered),
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "parameters": _PARAMETERS,
            "headers": {"ETag": _ETAG},
            "responses": _problem_responses(),
            "securitySchemes": _security_schemes(open_id_connect_url),
        },
    }


def _operation_ids(bindings: list[Binding]) -> dict[str, str]:
    """Returns `getCustomer` by RPC; where two services have a method of one name, the service stands in front."""
    names = [one.method.name for one in bindings]
    return {
        one.rpc: _lower_first(
            one.method.name
            if names.count(one.method.name) == 1
            else f"{one.method.containing_service.name.removesuffix('Service')}{one.method.name}"
        )
        for one in bindings
    }


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]


def _merge(paths: dict[str, dict[str, Any]], extra: Mapping[str, Mapping[str, Any]]) -> None:
    for path, operations in extra.items():
        for verb, operation in operations.items():
            if verb in paths.get(path, {}):
                raise ValueError(f"the operation {verb.upper()} {path} is generated already")
            paths.setdefault(path, {})[verb] = operation


def _tags(contracts: Contracts, bindings: list[Binding]) -> list[dict[str, str]]:
    services = {one.method.containing_service.name: one.method.containing_service.full_name for one in bindings}
    return [
        {"name": name, **({"description": text} if (text := contracts.comment(full_name)) else {})}
        for name, full_name in sorted(services.items())
    ]


def _problem_responses() -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found: dict[str, Any] = {"Problem": {"description": "Any other problem.", "content": content}}
    for status in _PROBLEM_STATUSES:
        found[f"Problem{status}"] = {"description": f"{HTTPStatus(status).phrase}.", "content": content}
    retry = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    for status in (429, 503):
        found[f"Problem{status}"]["headers"] = retry
    return found


def _security_schemes(open_id_connect_url: str | None) -> dict[str, Any]:
    bearer = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of the identity provider.",
    }
    if open_id_connect_url is None:
        return {"bearer": bearer}
    return {"bearer": bearer, "openIdConnect": {"type": "openIdConnect", "openIdConnectUrl": open_id_connect_url}}
