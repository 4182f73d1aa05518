"""Tasks between rows and messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from marque.customer.v1 import task_pb2, task_service_pb2
from servicekit.db.base import etag_of
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_customer.mapping.times import stamp


def task_for(call: Call) -> Callable[[Any], task_pb2.Task]:
    """Returns the rendering of a task for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> task_pb2.Task:
        message = task_pb2.Task(
            task_id=str(row.task_id),
            kind=row.kind,
            title=row.title,
            customer_id=str(row.customer_id or ""),
            lead_id=str(row.lead_id or ""),
            dealer_id=str(row.dealer_id or ""),
            staff_id=str(row.staff_id or ""),
            due_time=stamp(row.due_time),
            state=row.state,
            outcome=row.outcome,
            end_time=stamp(row.end_time) if row.end_time else None,
            create_time=stamp(row.create_time),
            update_time=stamp(row.update_time),
            etag=etag_of(row.version),
            campaign_call=_call_of(row),
            held=row.held,
        )
        shown: task_pb2.Task = show(call, message, "task", message.task_id, visible)
        return shown

    return render


def _call_of(row: Any) -> task_pb2.CampaignCall | None:
    if row.send_id is None:
        return None
    return task_pb2.CampaignCall(
        send_id=str(row.send_id),
        campaign_id=str(row.campaign_id),
        purpose=row.purpose,
        script=row.script,
        outcome=row.call_outcome,
    )


def task_page(call: Call, rows: Sequence[Any], token: str) -> task_service_pb2.ListTasksResponse:
    """Returns a page of tasks."""
    render = task_for(call)
    return task_service_pb2.ListTasksResponse(tasks=[render(row) for row in rows], next_page_token=token)
