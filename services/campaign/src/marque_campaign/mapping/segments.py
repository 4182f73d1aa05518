"""Between segments and their messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf import field_mask_pb2
from marque.campaign.v1 import segment_pb2, segment_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from tradekit.cel import CelError, written

from marque_campaign.rules.segments.catalogue import ENTITIES
from marque_campaign.rules.segments.check import Rule

WRITABLE = ("name", "rule", "archived")
_TRUE, _FALSE, _UNKNOWN = range(1, 4)


def new_segment(message: segment_pb2.Segment) -> dict[str, Any]:
    """Returns the columns of a new segment, without its dealer."""
    return {"name": message.name.strip(), "rule": message.rule, "archived": message.archived}


def changes(message: segment_pb2.Segment, mask: field_mask_pb2.FieldMask) -> dict[str, Any]:
    """Returns the columns that an update names. Raises InvalidArgument."""
    paths = fields.masked_paths(message, mask, WRITABLE, "segment_id", "segment")
    for path in ("name", "rule"):
        if path in paths and not getattr(message, path).strip():
            raise InvalidArgument.of(f"segment.{path}", "FIELD_REQUIRED", "It cannot be taken away.")
    values = new_segment(message)
    return {path: values[path] for path in paths}


def segment_message(row: fields.Row) -> segment_pb2.Segment:
    """Returns a segment."""
    message = segment_pb2.Segment(
        segment_id=str(row["segment_id"]),
        dealer_id=fields.text(row["dealer_id"]),
        **{name: row[name] for name in WRITABLE},
        etag=etag_of(row["version"]),
    )
    for name in ("create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def check_answer(fault: CelError | None) -> segment_service_pb2.CheckSegmentRuleResponse:
    """Returns what is wrong with a rule, and what rules may ask."""
    answer = segment_service_pb2.CheckSegmentRuleResponse()
    if fault is not None:
        place = fault.place
        answer.faults.add(reason=fault.reason, line=place.line, column=place.column, message=fault.text)
    for entity in ENTITIES.values():
        for one in entity.attributes.values():
            answer.attributes.add(
                entity=entity.name,
                name=one.name,
                type=one.type.name,
                english_label=one.english,
                chinese_label=one.chinese,
                values=one.values,
            )
    return answer


def add_people(answer: segment_service_pb2.PreviewSegmentResponse, rows: Sequence[Any]) -> None:
    """Adds people as they are shown."""
    for row in rows:
        known = {
            name: getattr(row, name) for name in ("language", "region", "birth_month", "stage", "tier", "visit_count")
        }
        answer.people.add(
            customer_id=str(row.customer_id), **{name: one for name, one in known.items() if one is not None}
        )


def explanation(rule: Rule, verdicts: Sequence[bool | None] | None) -> segment_service_pb2.ExplainSegmentResponse:
    """Returns why somebody is in a segment, or not."""
    answer = segment_service_pb2.ExplainSegmentResponse(known=verdicts is not None)
    if verdicts is None:
        return answer
    answer.included = all(verdict is True for verdict in verdicts)
    for clause, verdict in zip(rule.clauses, verdicts, strict=True):
        said = _UNKNOWN if verdict is None else _TRUE if verdict else _FALSE
        answer.clauses.add(clause=written(clause.node), line=clause.node.place.line, verdict=said)  # type: ignore[arg-type]
    return answer


def rule_values(message: segment_pb2.SuppressionRule) -> dict[str, Any]:
    """Returns the columns of a rule of whom campaigns leave out."""
    return {"code": message.code, "rule": message.rule, "kinds": sorted(message.kinds), "enabled": message.enabled}


def rule_message(rule: Any) -> segment_pb2.SuppressionRule:
    """Returns a rule of whom campaigns leave out."""
    plain = {name: getattr(rule, name) for name in ("code", "rule", "kinds", "enabled")}
    message = segment_pb2.SuppressionRule(**plain, etag=etag_of(rule.version))
    fields.set_moment(message, "update_time", rule.update_time)
    return message
