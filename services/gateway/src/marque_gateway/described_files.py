"""What the OpenAPI document says of files with cases, which no binding of a contract describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marque_gateway import attachments

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_TAGS = ["CaseAttachmentService"]


def paths(language: Mapping[str, Any], problems: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the operations by path and verb. `language`: the parameter of every operation; `problems`: its refusals."""
    return {
        attachments.UPLOAD: {"post": _upload(language, problems)},
        attachments.CONTENT: {"get": _content(language, problems)},
    }


def _upload(language: Mapping[str, Any], problems: Mapping[str, Any]) -> dict[str, Any]:
    name = {"type": "string", "minLength": 1, "maxLength": 200}
    return {
        "operationId": "uploadCaseAttachment",
        "tags": _TAGS,
        "summary": "Takes a file with a case.",
        "description": "At most 25 MB. What it is, is told by its content: pictures, films, recordings, PDF and plain text are taken.",
        "parameters": [
            _in_path("case_id", "The case."),
            {
                "name": "fileName",
                "in": "query",
                "required": True,
                "description": "The name of the file.",
                "schema": name,
            },
            {
                "name": "internal",
                "in": "query",
                "description": "`true` where the customer must not see it.",
                "schema": {"type": "boolean"},
            },
            {"$ref": "#/components/parameters/IdempotencyKey"},
            language,
        ],
        "requestBody": {"required": True, "content": {"application/octet-stream": _BYTES}},
        "responses": {
            "201": {
                "description": "The file's facts.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CaseAttachment"}}},
            },
            **problems,
        },
    }


def _content(language: Mapping[str, Any], problems: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "operationId": "downloadCaseAttachment",
        "tags": _TAGS,
        "summary": "Gives the content of a file, to be saved.",
        "description": "With headers by which no browser shows it, runs it, or guesses another type.",
        "parameters": [_in_path("attachment_id", "The file."), language],
        "responses": {"200": {"description": "The content.", "content": {"*/*": _BYTES}}, **problems},
    }


def _in_path(name: str, text: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": {"type": "string", "format": "uuid"},
    }
