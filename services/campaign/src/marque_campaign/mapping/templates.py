"""Between templates and their messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from google.protobuf import field_mask_pb2
from marque.campaign.v1 import message_template_pb2, message_template_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument

from marque_campaign.mapping.campaigns import violations
from marque_campaign.rules import kinds, templates

WRITABLE = ("name", "default_language", "variables", "contents")
_SAYS = {
    templates.SYNTAX: "Line {line}: {what}",
    templates.NOT_ALLOWED: "Line {line}: {what} is not allowed here.",
    templates.UNDECLARED: "Line {line}: {what} is no declared variable.",
}


def new_template(message: message_template_pb2.MessageTemplate) -> dict[str, Any]:
    """Returns the columns of a new template, without its dealer. Raises InvalidArgument."""
    values = {path: _column(message, path) for path in WRITABLE}
    return checked({**values, "channel": message.channel})


def changes(message: message_template_pb2.MessageTemplate, mask: field_mask_pb2.FieldMask) -> dict[str, Any]:
    """Returns the columns that an update names, not yet checked against the rest. Raises InvalidArgument."""
    paths = fields.masked_paths(message, mask, WRITABLE, "template_id", "template")
    if "name" in paths and not message.name.strip():
        raise InvalidArgument.of("template.name", "FIELD_REQUIRED", "It cannot be taken away.")
    return {path: _column(message, path) for path in paths}


def _column(message: message_template_pb2.MessageTemplate, path: str) -> Any:
    if path == "variables":
        return [
            {
                "name": one.name,
                "person_field": int(one.person_field),
                "fallback": one.fallback,
                "campaign_fact": int(one.campaign_fact),
            }
            for one in message.variables
        ]
    if path == "contents":
        names = ("language", "subject", "text", "html")
        return [{name: getattr(one, name) for name in names} for one in message.contents]
    value: str = getattr(message, path)
    return value.strip()


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """Returns the columns of a template whose words may be used. Raises InvalidArgument, naming fields and lines."""
    declared = [one["name"] for one in values["variables"]]
    languages = [one["language"].lower() for one in values["contents"]]
    found = [
        *_doubles("variables", "name", "VARIABLE_DOUBLE", declared),
        *_doubles("contents", "language", "LANGUAGE_DOUBLE", languages),
    ]
    if values["default_language"].lower() not in languages:
        text = "The default language is none of the contents'."
        found.append(FieldViolation("template.default_language", "LANGUAGE_MISSING", text))
    for place, one in enumerate(values["contents"]):
        field = f"template.contents[{place}]"
        if values["channel"] in kinds.WITH_SUBJECT and not one["subject"].strip():
            found.append(FieldViolation(f"{field}.subject", "SUBJECT_MISSING", "This channel needs a subject."))
        if not (one["text"].strip() or one["html"].strip()):
            found.append(FieldViolation(f"{field}.text", "TEXT_MISSING", "Give a text, or HTML of which one is made."))
        if one["html"] and values["channel"] != kinds.EMAIL:
            found.append(FieldViolation(f"{field}.html", "HTML_NOT_ALLOWED", "Only an e-mail has HTML."))
        for part in ("subject", "text", "html"):
            for fault in templates.faults(one[part], declared):
                words = _SAYS[fault.reason].format(line=fault.line, what=fault.what)
                found.append(FieldViolation(f"{field}.{part}", fault.reason, words))
    violations(found[:50])
    return values


def _doubles(field: str, name: str, reason: str, values: list[str]) -> Iterable[FieldViolation]:
    for place, value in enumerate(values):
        if value in values[:place]:
            yield FieldViolation(f"template.{field}[{place}].{name}", reason, "It stands there before.")


def template_message(row: fields.Row) -> message_template_pb2.MessageTemplate:
    """Returns a template."""
    message = message_template_pb2.MessageTemplate(
        **{name: row[name] for name in ("name", "channel", "default_language")},
        template_id=str(row["template_id"]),
        dealer_id=fields.text(row["dealer_id"]),
        etag=etag_of(row["version"]),
    )
    for name in ("variables", "contents"):
        for one in document(row, name):
            getattr(message, name).add(**one)
    for name in ("create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def document(row: fields.Row, name: str) -> list[dict[str, Any]]:
    """Returns a column of JSON, which a plain read has as text."""
    value = row[name]
    found: list[dict[str, Any]] = orjson.loads(value) if isinstance(value, str) else value
    return found


def preview(message: templates.Message) -> message_template_service_pb2.PreviewMessageTemplateResponse:
    """Returns a template with its variables filled in."""
    return message_template_service_pb2.PreviewMessageTemplateResponse(
        language=message.language, subject=message.subject, text=message.text, html=message.html
    )


def test_message(row: fields.Row) -> message_template_service_pb2.SendTestMessageResponse:
    """Returns a test message that was sent."""
    message = message_template_service_pb2.SendTestMessageResponse(test_message_id=str(row["test_message_id"]))
    fields.set_moment(message, "create_time", row["create_time"])
    return message
