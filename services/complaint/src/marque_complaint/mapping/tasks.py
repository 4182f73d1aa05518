"""Between tasks and their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marque.complaint.v1 import case_task_pb2, case_task_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

_PLAIN = ("kind", "purpose", "department", "state", "finish_reason")
_IDS = ("task_id", "case_id", "dealer_id", "owner_staff_id")
_MOMENTS = ("due_time", "late_time", "finish_time", "create_time", "update_time")


def new_task(message: case_task_pb2.CaseTask) -> dict[str, Any]:
    """Returns the columns of a new task, without its case and dealer. Raises InvalidArgument."""
    return {
        **{name: getattr(message, name) for name in ("kind", "purpose", "department")},
        "owner_staff_id": fields.uuid_or_none(message.owner_staff_id),
        "due_time": fields.as_moment(message, "due_time"),
    }


def task_for(call: Call) -> Callable[[fields.Row], case_task_pb2.CaseTask]:
    """Returns the rendering of a task for a caller, from a read row."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> case_task_pb2.CaseTask:
        made = case_task_pb2.CaseTask(
            **{name: row[name] for name in _PLAIN},
            **{name: fields.text(row[name]) for name in _IDS},
            etag=etag_of(row["version"]),
        )
        for name in _MOMENTS:
            fields.set_moment(made, name, row[name])
        shown: case_task_pb2.CaseTask = show(call, made, "case_task", made.task_id, visible)
        return shown

    return render


def filters(request: case_task_service_pb2.ListCaseTasksRequest) -> dict[str, Any]:
    """Returns what a list request narrows by."""
    return {
        **{name: fields.uuid_or_none(getattr(request, name)) for name in ("case_id", "owner_staff_id")},
        **{name: getattr(request, name) for name in ("kind", "open", "late")},
    }
