"""The rules for leads between rows and messages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from marque.customer.v1 import lead_rules_pb2, lead_rules_service_pb2
from servicekit.db.base import etag_of

from marque_customer.mapping.profiles import Faults
from marque_customer.mapping.times import stamp

_OUTPUT = ("version", "create_time", "etag")


def rules_message(row: Any) -> lead_rules_pb2.LeadRules:
    """Returns the message of a version; the etag is of its number."""
    message = ParseDict(row.rules, lead_rules_pb2.LeadRules())
    message.version, message.etag = row.version, etag_of(row.version)
    message.create_time.CopyFrom(stamp(row.create_time))
    return message


def rules_values(message: lead_rules_pb2.LeadRules) -> dict[str, Any]:
    """Returns rules as they are stored. Raises InvalidArgument that names every wrong part."""
    faults = Faults()
    grades = [band.grade for band in message.bands]
    if len(set(grades)) < len(grades):
        faults.add("rules.bands", "GRADE_REPEATED", "A grade stands there twice.")
    if any(before.min_points <= after.min_points for before, after in pairwise(message.bands)):
        faults.add("rules.bands", "BANDS_DISORDERED", "Each band takes fewer points than the one before.")
    if message.bands and message.bands[-1].min_points:
        faults.add(
            "rules.bands", "BANDS_DISORDERED", "The last band takes no points, or some leads would have no grade."
        )
    codes = [rule.code for rule in message.grade_rules]
    if len(set(codes)) < len(codes):
        faults.add("rules.grade_rules", "RULE_REPEATED", "The code of a rule stands there twice.")
    for index, rule in enumerate(message.grade_rules):
        if rule.HasField("at_least") and rule.HasField("at_most") and rule.at_least > rule.at_most:
            place = f"rules.grade_rules[{index}]"
            faults.add(place, "BOUNDS_DISORDERED", "The lower bound lies above the upper one.")
    faults.check()
    plain = lead_rules_pb2.LeadRules()
    plain.CopyFrom(message)
    for name in _OUTPUT:
        plain.ClearField(name)
    found: dict[str, Any] = MessageToDict(plain, preserving_proto_field_name=True)
    return found


def calibration(rows: Sequence[Any], most: int) -> lead_rules_service_pb2.GetLeadCalibrationResponse:
    """Returns the report."""
    answer = lead_rules_service_pb2.GetLeadCalibrationResponse(truncated=len(rows) > most)
    for row in rows[:most]:
        closed = row.won + row.lost
        answer.rows.add(
            dealer_id=str(row.dealer_id or ""),
            source=row.source,
            grade=row.grade,
            leads=row.leads,
            won=row.won,
            lost=row.lost,
            lapsed=row.lapsed,
            close_rate=row.won / closed if closed else None,
        )
    return answer
