"""Between the policy as rules and rows have it, and its messages."""

from __future__ import annotations

from typing import Any

from marque.complaint.v1 import case_policy_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument

from marque_complaint.rules import hours, ladders, policy

_SELECTORS = ("kind", "severity", "channel", "customer_tier", "dealer_id")
_STEP = ("clock", "percent", "escalation")
_MINUTES = ("first_response_minutes", "next_update_minutes", "resolution_minutes")


def document_of(message: case_policy_pb2.CasePolicy) -> dict[str, Any]:
    """Returns a policy as it is kept. Raises InvalidArgument."""
    lines = [_line(line) for line in message.lines]
    wrong = [
        FieldViolation(f"policy.lines[{place}]", "POLICY_LINE_DOUBLE", "A line before holds for the same cases.")
        for place in policy.doubles(lines)
    ]
    wrong += [
        FieldViolation(
            f"policy.lines[{place}].ladder[{step}]",
            "LADDER_STEP",
            "The line does not promise this clock, or the moment stands twice.",
        )
        for place, line in enumerate(lines)
        for step in ladders.faults(line)
    ]
    if not policy.holds_for_all(lines):
        wrong.append(FieldViolation("policy.lines", "POLICY_LINE_MISSING", "One line must hold for all cases."))
    week: dict[str, list[str]] = {}
    for place, day in enumerate(message.week):
        if str(day.weekday) in week:
            wrong.append(FieldViolation(f"policy.week[{place}].weekday", "HOURS_INVALID", "A day is given once."))
        week[str(day.weekday)] = list(day.hours)
    try:
        hours.maker_calendar(message.time_zone, week)
    except hours.CalendarError as error:
        zone = error.reason == "ZONE"
        reason, field = ("TIME_ZONE_UNKNOWN", "policy.time_zone") if zone else ("HOURS_INVALID", "policy.week")
        wrong.append(FieldViolation(field, reason, "The zone is not an IANA name." if zone else str(error)))
    if wrong:
        raise InvalidArgument(violations=wrong)
    return {"lines": [_kept(line) for line in lines], "time_zone": message.time_zone, "week": week}


def _line(message: case_policy_pb2.CasePolicyLine) -> policy.Line:
    first, update, resolution = (getattr(message, name) for name in _MINUTES)
    selectors = {name: getattr(message, name) for name in _SELECTORS}
    selectors["dealer_id"] = selectors["dealer_id"].lower()
    ladder = tuple(policy.Step(*(getattr(step, name) for name in _STEP)) for step in message.ladder)
    return policy.Line(
        minutes=(first, update, resolution), breach_escalates=message.breach_escalates, ladder=ladder, **selectors
    )


def _kept(line: policy.Line) -> dict[str, Any]:
    selectors = {name: value for name in _SELECTORS if (value := getattr(line, name))}
    ladder = [{name: getattr(step, name) for name in _STEP} for step in line.ladder]
    kept = {**selectors, "minutes": list(line.minutes), "breach_escalates": line.breach_escalates}
    return {**kept, "ladder": ladder} if ladder else kept


def policy_message(row: Any) -> case_policy_pb2.CasePolicy:
    """Returns a version of the policy."""
    found = case_policy_pb2.CasePolicy(
        version=row.version, time_zone=row.document["time_zone"], etag=etag_of(row.version)
    )
    for line in row.document["lines"]:
        minutes = dict(zip(_MINUTES, line["minutes"], strict=True))
        rest = {name: value for name, value in line.items() if name != "minutes"}
        found.lines.add(**minutes, **rest)
    for day, shifts in sorted(row.document["week"].items()):
        found.week.add(weekday=int(day), hours=shifts)
    fields.set_moment(found, "create_time", row.create_time)
    return found
