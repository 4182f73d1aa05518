"""Between questionnaires and their messages. A document is kept as JSON with the names of the contract, enums as numbers."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from marque.survey.v1 import questionnaire_pb2, questionnaire_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument

from marque_survey.rules import document as rules

_MOMENTS = ("publish_time", "create_time", "update_time")


def kept(message: questionnaire_pb2.QuestionnaireDocument, path: str) -> dict[str, Any]:
    """Returns a document as it is kept. Raises InvalidArgument with everything that is wrong with it."""
    found: dict[str, Any] = json_format.MessageToDict(
        message, preserving_proto_field_name=True, use_integers_for_enums=True
    )
    check(found, path)
    return found


def check(document: dict[str, Any], path: str) -> None:
    """Raises InvalidArgument with everything that is wrong with a document."""
    wrong = [FieldViolation(f"{path}.{one.field}", one.reason, one.text) for one in rules.faults(rules.read(document))]
    if wrong:
        raise InvalidArgument(violations=wrong)


def new_questionnaire(message: questionnaire_pb2.Questionnaire) -> dict[str, Any]:
    """Returns the columns of a new draft. Raises InvalidArgument."""
    return {"name": message.name.strip(), "document": kept(message.document, "questionnaire.document")}


def changes(request: questionnaire_service_pb2.UpdateQuestionnaireRequest) -> dict[str, Any]:
    """Returns the columns that an update names. Raises InvalidArgument."""
    message = request.questionnaire
    found: dict[str, Any] = {}
    writable = ("name", "document")
    for path in fields.masked_paths(message, request.update_mask, writable, "questionnaire_id", "questionnaire"):
        if path == "document":
            found[path] = kept(message.document, "questionnaire.document")
        elif not message.name.strip():
            raise InvalidArgument.of("questionnaire.name", "NAME_MISSING", "Give a name.")
        else:
            found[path] = message.name.strip()
    return found


def message_of(row: Any) -> questionnaire_pb2.Questionnaire:
    """Returns a questionnaire; with its document where the row has one."""
    message = questionnaire_pb2.Questionnaire(
        questionnaire_id=str(row["questionnaire_id"]),
        name=row["name"],
        state=row["state"],
        number=row["number"],
        changed=row["changed"],
        etag=etag_of(row["version"]),
    )
    for name in _MOMENTS:
        fields.set_moment(message, name, row[name])
    if (document := row.get("document")) is not None:
        message.document.CopyFrom(document_message(document))
    return message


def document_message(document: dict[str, Any]) -> questionnaire_pb2.QuestionnaireDocument:
    """Returns a kept document as a message."""
    return json_format.ParseDict(document, questionnaire_pb2.QuestionnaireDocument(), ignore_unknown_fields=True)


def rendered(model: Any) -> questionnaire_pb2.Questionnaire:
    """Returns a questionnaire that was written."""
    return message_of(fields.row_of(model))
