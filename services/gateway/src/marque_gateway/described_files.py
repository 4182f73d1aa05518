"""What the OpenAPI document says of files with cases and of letters, which no binding of a contract describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marque_gateway import attachments, letter_files

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_TAGS = ["CaseAttachmentService"]


def paths(language: Mapping[str, Any], problems: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the operations by path and verb. `language`: the parameter of every operation; `problems`: its refusals."""
    return {
        attachments.UPLOAD: {"post": _upload(language, problems)},
        attachments.CONTENT: {"get": _content(language, problems)},
        letter_files.PATH: {"get": _letters(language, problems)},
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


def _letters(language: Mapping[str, Any], problems: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        "Accept-Ranges": _header("`bytes`."),
        "Content-Disposition": _header("Its name."),
        "ETag": _header("A mark of these bytes, for `If-Range`."),
        "Repr-Digest": _header("The SHA-256 of the whole, as RFC 9530 writes it: `sha-256=:…:` in base64."),
    }
    return {
        "operationId": "downloadLetterFile",
        "tags": ["LetterFileService"],
        "summary": "Gives a file of letters as one download.",
        "description": "The pieces of ReadLetterFilePiece one after the other, for who may read those, and audited as they are. It is "
        "never compressed. A download that broke off goes on with `Range: bytes=N-` and `If-Range` with the ETag of its beginning; beyond "
        "the end that is 416, RANGE_NOT_SATISFIABLE, with the size in `Content-Range`. Where a person is erased meanwhile, the answer is "
        "broken off before its end, and the file has another ETag: it is given whole again.",
        "parameters": [
            _in_path("letter_file_id", "The file, which must be ready."),
            _asked(
                "Range", "One range, `bytes=a-b` or `bytes=a-`; every other is passed over, and the file given whole."
            ),
            _asked("If-Range", "The ETag of the file of which the range is wanted; of another one the whole is given."),
            language,
        ],
        "responses": {
            "200": {
                "description": "The file, to be saved as `letters-{letter_file_id}.csv`.",
                "headers": {
                    **told,
                    "Content-Length": {"description": "Its size in bytes.", "schema": {"type": "integer"}},
                },
                "content": {letter_files.TYPE: _BYTES},
            },
            "206": {
                "description": "The bytes of the range.",
                "headers": {**told, "Content-Range": _header("Which bytes, and of how many: `bytes a-b/size`.")},
                "content": {letter_files.TYPE: _BYTES},
            },
            **problems,
        },
    }


def _asked(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}


def _in_path(name: str, text: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": {"type": "string", "format": "uuid"},
    }
