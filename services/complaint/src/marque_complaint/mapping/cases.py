"""Between cases and their messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from google.protobuf import field_mask_pb2
from google.type import date_pb2
from marque.complaint.v1 import case_pb2, case_service_pb2, case_types_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_complaint.models import Case
from marque_complaint.rules import kinds, vins

_PLAIN = (
    "tracking_code", "kind", "channel", "vin", "make", "model", "model_year", "subject", "description", "remedy_asked", "severity",
    "safety_signs", "category", "components", "cause", "customer_tier", "state", "waiting", "escalation", "proposal", "further_options",
    "resolution", "remedy", "policy_version", "reopen_count", "source", "source_key", "odometer_km",
    "repeat_count", "fault_codes", "open_task_count",
)  # fmt: skip
_IDS = (
    "case_id", "dealer_id", "customer_id", "handler_staff_id", "parent_case_id", "merged_into_case_id", "split_from_case_id",
)  # fmt: skip
_MOMENTS = ("receive_time", "resolve_time", "close_time", "due_time", "create_time", "update_time")
_TEXTS = ("make", "model", "category", "customer_tier")
WRITABLE = (
    "dealer_id", "customer_id", "vin", "incident_date", "model_year", "odometer_km", "components", "fault_codes", "parent_case_id", *_TEXTS,
)  # fmt: skip
_NARROWS = ("kind", "state", "severity", "open", "unassigned", "component", "fault_code", "late", "mine")
_LONGEST_BACK = timedelta(days=31)
Elapsed = Mapping[int, timedelta]


def new_case(request: case_service_pb2.CreateCaseRequest) -> dict[str, Any]:
    """Returns the columns of a new case, without customer and dealer. Raises InvalidArgument."""
    message = request.case
    return {
        **{name: getattr(message, name).strip() for name in _TEXTS},
        "kind": message.kind,
        "channel": message.channel,
        "vin": vins.tidy(message.vin),
        "model_year": message.model_year,
        "odometer_km": message.odometer_km,
        "components": list(message.components),
        "fault_codes": list(message.fault_codes),
        "incident_date": fields.as_day(message, "incident_date", "case.incident_date"),
        "subject": request.subject.strip(),
        "description": request.description,
        "remedy_asked": request.remedy_asked,
    }


def receipt(request: case_service_pb2.CreateCaseRequest, moment: datetime) -> dict[str, Any]:
    """Returns the column of the receipt where it is told; nothing for now. Raises InvalidArgument."""
    told = fields.as_moment(request, "receive_time")
    if told is None:
        return {}
    if not moment - _LONGEST_BACK <= told <= moment:
        raise InvalidArgument.of("receive_time", "TIME_INVALID", "Give a moment of the last 31 days.")
    return {"receive_time": told}


def changes(message: case_pb2.Case, mask: field_mask_pb2.FieldMask) -> dict[str, Any]:
    """Returns the columns that an update names. Raises InvalidArgument."""
    found: dict[str, Any] = {}
    for path in fields.masked_paths(message, mask, WRITABLE, "case_id", "case"):
        if path == "incident_date":
            found[path] = fields.as_day(message, path, f"case.{path}")
        elif path in ("dealer_id", "customer_id", "parent_case_id"):
            found[path] = fields.uuid_or_none(getattr(message, path))
        elif path in ("components", "fault_codes"):
            found[path] = list(getattr(message, path))
        else:
            value = getattr(message, path)
            found[path] = vins.tidy(value) if path == "vin" else value.strip() if isinstance(value, str) else value
    return found


def case_for(call: Call) -> Callable[..., case_pb2.Case]:
    """Returns the rendering of a case for a caller, given its row, its clocks and what has passed of these."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row, clocks: Sequence[fields.Row] = (), elapsed: Elapsed | None = None) -> case_pb2.Case:
        message = case_message(row)
        for clock in clocks:
            _add_clock(message, clock, elapsed)
        shown: case_pb2.Case = show(call, message, "case", message.case_id, visible)
        return shown

    return render


def rendered(call: Call) -> Callable[[Case], case_pb2.Case]:
    """Returns the rendering of a case that was written."""
    render = case_for(call)
    return lambda case: render(fields.row_of(case))


def case_message(row: fields.Row) -> case_pb2.Case:
    """Returns a case as it is, nothing withheld."""
    message = case_pb2.Case(
        **{name: row[name] for name in _PLAIN},
        **{name: fields.text(row[name]) for name in _IDS},
        vin_problem=vins.problem(row["vin"]),
        etag=etag_of(row["version"]),
    )
    for name in _MOMENTS:
        fields.set_moment(message, name, row[name])
    if (day := row["incident_date"]) is not None:
        message.incident_date.CopyFrom(date_pb2.Date(year=day.year, month=day.month, day=day.day))
    return message


def add_prediction(message: case_pb2.Case, row: fields.Row) -> None:
    """Adds what is predicted of a case, where nobody has said it."""
    made = message.prediction
    made.suggester_version = row["suggester_version"]
    if row["predicted"]:
        made.system, made.system_score = row["system"], row["system_score"]
    if row["category_predicted"]:
        made.category, made.category_score = row["category"], row["category_score"]


def _add_clock(message: case_pb2.Case, row: fields.Row, elapsed: Elapsed | None) -> None:
    made = message.clocks.add(
        kind=row["kind"],
        target_minutes=row["target_minutes"],
        paused=row["paused"],
        held_reason=row["held_reason"],
        calendar_version=row["calendar_version"],
    )
    for name in ("start_time", "due_time", "met_time", "breach_time"):
        fields.set_moment(made, name, row[name])
    if elapsed is not None and row["kind"] in elapsed:
        made.elapsed_minutes = min(elapsed[row["kind"]] // timedelta(minutes=1), 2**31 - 1)
        made.remaining_minutes = made.target_minutes - made.elapsed_minutes


def filters(request: case_service_pb2.ListCasesRequest) -> dict[str, Any]:
    """Returns what a list request narrows by, the customer apart. Raises InvalidArgument."""
    return {
        "dealer_id": fields.uuid_or_none(request.dealer_id),
        "handler_staff_id": fields.uuid_or_none(request.handler_staff_id),
        "parent_case_id": fields.uuid_or_none(request.parent_case_id),
        "vin": vins.tidy(request.vin),
        **{name: getattr(request, name) for name in _NARROWS},
        "receive_time_from": fields.as_moment(request, "receive_time_from"),
        "receive_time_to": fields.as_moment(request, "receive_time_to"),
    }


def entry_for(call: Call) -> Callable[[uuid.UUID, fields.Row], case_types_pb2.CaseEntry]:
    """Returns the rendering of an entry of a case's history for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(case_id: uuid.UUID, row: fields.Row) -> case_types_pb2.CaseEntry:
        plain = ("sequence", "action", "from_state", "state", "waiting", "escalation", "severity", "reason")
        message = case_types_pb2.CaseEntry(**{name: row[name] for name in plain}, staff_id=fields.text(row["staff_id"]))
        fields.set_moment(message, "occur_time", row["occur_time"])
        shown: case_types_pb2.CaseEntry = show(call, message, "case", str(case_id), visible)
        return shown

    return render


def tracked(row: fields.Row) -> case_service_pb2.TrackCaseResponse:
    """Returns how far a case is, for anybody who has its code."""
    message = case_service_pb2.TrackCaseResponse(
        kind=row["kind"],
        state=row["state"],
        waits_for_customer=row["waiting"] == kinds.CUSTOMER or row["state"] == kinds.PROPOSED,
    )
    for name in ("receive_time", "close_time", "next_update_time"):
        fields.set_moment(message, name, row[name])
    return message
