"""Between articles and their messages."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
from google.type import date_pb2
from marque.complaint.v1 import knowledge_article_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument

from marque_complaint.rules import knowledge as rules

_LISTS = ("components", "fault_codes")
_COUNTS = ("helpful_count", "unhelpful_count", "solved_count")


def written(message: knowledge_article_pb2.KnowledgeArticle) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the columns of an article and the document of its version. Raises InvalidArgument."""
    wrong, seen = [], set()
    for place, text in enumerate(message.texts):
        path = f"article.texts[{place}]"
        if text.language.lower() in seen:
            wrong.append(FieldViolation(f"{path}.language", "LANGUAGE_DOUBLE", "A language stands once."))
        seen.add(text.language.lower())
        if message.kind == rules.TEMPLATE and rules.unknown_places(text.body):
            named = ", ".join(rules.PLACES)
            wrong.append(FieldViolation(f"{path}.body", "TEMPLATE_PLACE", f"The places of a template are {named}."))
    if message.open and message.kind != rules.ARTICLE:
        wrong.append(FieldViolation("article.open", "NOT_OPEN", "Only articles are for customers."))
    if message.dealer_id and message.kind != rules.PROCEDURE:
        wrong.append(FieldViolation("article.dealer_id", "PROCEDURE_DEALER", "Only procedures are of a dealer."))
    if wrong:
        raise InvalidArgument(violations=wrong)
    facts = {
        "kind": message.kind,
        "open": message.open,
        "dealer_id": fields.uuid_or_none(message.dealer_id),
        "retired": message.retired,
        "components": list(message.components),
    }
    texts = [{name: getattr(text, name) for name in ("language", "title", "body")} for text in message.texts]
    document = {
        "texts": texts,
        "source_case_id": message.source_case_id,
        **{name: list(getattr(message, name)) for name in _LISTS},
    }
    return facts, document


def article_message(
    row: fields.Row, number: int, day: date, document: dict[str, Any], language: str = ""
) -> knowledge_article_pb2.KnowledgeArticle:
    """Returns a version of an article, with its words in a language."""
    made = knowledge_article_pb2.KnowledgeArticle(
        article_code=row["article_code"],
        kind=row["kind"],
        article_version=number,
        effective_date=date_pb2.Date(year=day.year, month=day.month, day=day.day),
        open=row["open"],
        dealer_id=fields.text(row["dealer_id"]),
        source_case_id=document["source_case_id"],
        retired=row["retired"],
        texts=[knowledge_article_pb2.KnowledgeText(**text) for text in rules.told(document["texts"], language)],
        etag=etag_of(row["version"]),
        **{name: document[name] for name in _LISTS},
        **{name: row[name] for name in _COUNTS},
    )
    for name in ("create_time", "update_time"):
        fields.set_moment(made, name, row[name])
    return made


def read(row: fields.Row, version: fields.Row, language: str) -> knowledge_article_pb2.KnowledgeArticle:
    """Returns an article from read rows."""
    document = orjson.loads(version["document"])
    return article_message(row, version["number"], version["effective_date"], document, language)


def changed(made: tuple[Any, Any]) -> knowledge_article_pb2.KnowledgeArticle:
    """Returns an article that was written."""
    article, version = made
    return article_message(fields.row_of(article), version.number, version.effective_date, version.document)
