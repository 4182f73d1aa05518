"""Operations: one per binding."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor

from marque_gateway.binding import Binding, access_of
from marque_gateway.contracts import Contracts
from marque_gateway.openapi.constraints import is_required, item_keywords, keywords
from marque_gateway.openapi.examples import Examples
from marque_gateway.openapi.schemas import Mode, Schema, Schemas
from marque_gateway.query import DATE, TextField, query_fields

HEADER_FIELDS = frozenset({"request_id"})
"""Fields that a header carries over HTTP."""

_ACCEPT_LANGUAGE = {"$ref": "#/components/parameters/AcceptLanguage"}
_IDEMPOTENCY_KEY = {"$ref": "#/components/parameters/IdempotencyKey"}
_IF_MATCH = {"$ref": "#/components/parameters/IfMatch"}


class Operations:
    """Writes operations that refer to one collection of schemas."""

    def __init__(self, contracts: Contracts, schemas: Schemas, examples: Examples) -> None:
        self._contracts = contracts
        self._schemas = schemas
        self._examples = examples

    def operation(self, binding: Binding, operation_id: str) -> dict[str, Any]:
        """Returns the Operation Object of one binding."""
        method = binding.method
        access = access_of(method)
        comment = self._contracts.comment(method.full_name)
        operation: dict[str, Any] = {
            "operationId": operation_id,
            "tags": [method.containing_service.name],
            "summary": _first_sentence(comment) or method.name,
            "description": "\n\n".join(filter(None, [comment, _access_line(access)])),
            "parameters": [*self._parameters(binding), *_headers(binding)],
            "responses": self._responses(binding),
        }
        if binding.body is not None:
            operation["requestBody"] = self._body(binding)
        if access.public:
            operation["security"] = []
        elif access.permission:
            operation["x-permission"] = access.permission
        if method.GetOptions().deprecated:
            operation["deprecated"] = True
        return operation

    def _parameters(self, binding: Binding) -> list[dict[str, Any]]:
        found = [
            self._parameter(TextField(_path_name(bound), bound.fields), "path")
            for bound in binding.path_fields.values()
        ]
        if binding.has_query:
            fields = query_fields(binding.method.input_type, binding.bound_fields | HEADER_FIELDS)
            found += [self._parameter(bound, "query") for bound in fields]
        return found

    def _parameter(self, bound: TextField, place: str) -> dict[str, Any]:
        field = bound.field
        parameter: dict[str, Any] = {"name": bound.parameter, "in": place}
        if description := self._schemas.describe(field):
            parameter["description"] = description
        if place == "path" or (is_required(field) and len(bound.fields) == 1):
            parameter["required"] = True
        parameter["schema"] = self._text_schema(bound, place)
        example = None if field.message_type is not None else self._examples.field(field, response=False)
        if example not in (None, "", []):
            parameter["example"] = example
        return parameter

    def _text_schema(self, bound: TextField, place: str) -> Schema:
        field = bound.field
        if field.message_type is not None and field.message_type.full_name == DATE:
            date = {"type": "string", "format": "date"}
            return {"type": "array", "items": date} if field.is_repeated else date
        schema = self._schemas.field(field, "request")
        if place == "path":
            more = item_keywords(field) if field.is_repeated else keywords(field)
            return schema if more.get("format") or "$ref" in schema else {"minLength": 1, **schema}
        return schema

    def _body(self, binding: Binding) -> dict[str, Any]:
        descriptor = binding.body_type
        if descriptor is None:
            raise ValueError(f"{binding.rpc} has no body")
        without = _taken(binding) if binding.body == "*" else frozenset()
        mode: Mode = "patch" if binding.verb == "PATCH" else "request"
        schema = self._schemas.ref(descriptor, mode, without)
        example = self._examples.message(descriptor, response=False, without=without)
        needed = binding.body != "*" or any(
            is_required(field) for field in descriptor.fields if field.name not in without
        )
        return {"required": needed, "content": {"application/json": {"schema": schema, "example": example}}}

    def _responses(self, binding: Binding) -> dict[str, Any]:
        output = binding.method.output_type
        media = {
            "schema": self._schemas.ref(output, "response"),
            "example": self._examples.message(output, response=True),
        }
        kind = "application/x-ndjson" if binding.method.server_streaming else "application/json"
        success: dict[str, Any] = {"description": "The answer.", "content": {kind: media}}
        if "etag" in output.fields_by_name:
            success["headers"] = {"ETag": {"$ref": "#/components/headers/ETag"}}
        statuses = ["400", "404", "409", "429", "500", "501", "503", "504"]
        if not access_of(binding.method).public:
            statuses += ["401", "403"]
        if _if_match(binding):
            statuses.append("412")
        problems = {status: {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}
        if _kept(binding):
            success["headers"] |= {"Cache-Control": {"schema": {"type": "string"}}}
            problems = {"304": {"description": "The answer that `If-None-Match` names still holds."}, **problems}
        return {"200": success, **problems, "default": {"$ref": "#/components/responses/Problem"}}


def _path_name(bound: TextField) -> str:
    """Returns the name between braces in the document's path: the field's own JSON name, which client generators can
    read.
    """
    return bound.field.json_name


def document_path(binding: Binding) -> str:
    """Returns the path as the document writes it, variables under their JSON names."""
    path = binding.template
    for bound in binding.path_fields.values():
        path = path.replace(f"{{{bound.parameter}}}", f"{{{_path_name(bound)}}}")
    return path


def _taken(binding: Binding) -> frozenset[str]:
    """Top-level fields that the body does not hold, because the path or a header does."""
    return frozenset(bound.fields[0].name for bound in binding.path_fields.values() if len(bound.fields) == 1) | (
        HEADER_FIELDS & set(binding.method.input_type.fields_by_name)
    )


def _if_match(binding: Binding) -> bool:
    """Tells whether the call takes an etag: of its own, or inside the resource that it changes."""
    request: Descriptor = binding.method.input_type
    body = binding.body_type
    return "etag" in request.fields_by_name or (
        binding.verb in ("PATCH", "PUT") and body is not None and "etag" in body.fields_by_name
    )


def _kept(binding: Binding) -> bool:
    """Tells whether readers may keep the answer and ask by its etag whether it still holds."""
    return (
        binding.verb == "GET"
        and access_of(binding.method).public
        and "etag" in binding.method.output_type.fields_by_name
    )


def _headers(binding: Binding) -> list[dict[str, Any]]:
    found = []
    if "request_id" in binding.method.input_type.fields_by_name:
        found.append(_IDEMPOTENCY_KEY)
    if _if_match(binding):
        found.append(_IF_MATCH)
    return [*found, _ACCEPT_LANGUAGE]


def _access_line(access: Any) -> str:
    if access.public:
        return "Anybody may call this, signed in or not."
    return f"Needs the permission `{access.permission}`." if access.permission else ""


def _first_sentence(comment: str) -> str:
    paragraph = " ".join(comment.split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".")
