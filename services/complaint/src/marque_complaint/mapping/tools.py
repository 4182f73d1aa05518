"""Between macros, saved views and their messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from google.protobuf import json_format
from marque.complaint.v1 import case_relation_service_pb2, case_tool_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.db.query import json_of

_NARROWS = ("kind", "state", "severity", "open", "unassigned", "mine", "late", "component", "fault_code")


def written_macro(message: case_tool_service_pb2.CaseMacro) -> dict[str, Any]:
    """Returns the columns of a macro, without its code."""
    actions = [json_format.MessageToDict(action) for action in message.actions]
    return {"names": dict(message.names), "actions": actions, "retired": message.retired}


def actions_of(row: fields.Row) -> list[case_relation_service_pb2.CaseAction]:
    """Returns the verbs of a macro."""
    # What a later version of the contract wrote into it is passed over while an older replica still runs.
    return [
        json_format.ParseDict(one, case_relation_service_pb2.CaseAction(), ignore_unknown_fields=True)
        for one in json_of(row["actions"])
    ]


def macro_message(row: fields.Row) -> case_tool_service_pb2.CaseMacro:
    """Returns a macro, from a read row."""
    made = case_tool_service_pb2.CaseMacro(
        macro_code=row["macro_code"],
        names=json_of(row["names"]),
        actions=actions_of(row),
        retired=row["retired"],
        etag=etag_of(row["version"]),
    )
    for name in ("create_time", "update_time"):
        fields.set_moment(made, name, row[name])
    return made


def put_macro(made: Any) -> case_tool_service_pb2.CaseMacro:
    """Returns a macro that was written."""
    return macro_message(fields.row_of(made))


def written_view(message: case_tool_service_pb2.CaseView) -> dict[str, Any]:
    """Returns the columns of a view, without its owner and dealer."""
    kept = json_format.MessageToDict(message.filter)
    return {"name": message.name.strip(), "filter": kept, "shared": message.shared}


def filter_of(row: fields.Row) -> case_tool_service_pb2.CaseViewFilter:
    """Returns what a view shows."""
    made = case_tool_service_pb2.CaseViewFilter()
    json_format.ParseDict(json_of(row["filter"]), made, ignore_unknown_fields=True)
    return made


def view_message(row: fields.Row, owner_key: str) -> case_tool_service_pb2.CaseView:
    """Returns a view for a reader, from a read row."""
    made = case_tool_service_pb2.CaseView(
        view_id=str(row["view_id"]),
        name=row["name"],
        filter=filter_of(row),
        shared=row["shared"],
        own=row["owner_key"] == owner_key,
        etag=etag_of(row["version"]),
    )
    fields.set_moment(made, "update_time", row["update_time"])
    return made


def narrowed(filters: dict[str, Any], view: case_tool_service_pb2.CaseViewFilter, moment: datetime) -> dict[str, Any]:
    """Returns the filters of a list with those of a view. What both name has to be the same, or nothing is shown."""
    found = dict(filters)
    told: dict[str, Any] = {name: getattr(view, name) for name in _NARROWS}
    told["dealer_id"] = fields.uuid_or_none(view.dealer_id)
    if view.received_days:
        told["receive_time_from"] = moment - timedelta(days=view.received_days)
    for name, value in told.items():
        if not value:
            continue
        mine = found[name]
        if name == "receive_time_from":
            found[name] = max(mine, value) if mine else value
        elif name == "component" and mine and (mine == value or mine.startswith(f"{value}:")):
            continue  # the request asks for a part of what the view shows
        elif mine and mine != value:
            found["nothing"] = True
        else:
            found[name] = value
    return found
