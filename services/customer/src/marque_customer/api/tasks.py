"""The servicer of tasks."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit import fields
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.errors import TaskNotFound
from marque_customer.errors.calls import campaign_call_missing, campaign_call_not_used
from marque_customer.mapping import tasks as mapping
from marque_customer.mapping.interactions import own_dealer, staff_of
from marque_customer.mapping.leads import missing, optional_id
from marque_customer.mapping.times import moment
from marque_customer.models import Task
from marque_customer.repository import tasks as repository
from marque_customer.rules.permits import Windows
from marque_customer.usecases import tasks as usecases
from marque_customer.usecases.campaign_calls import NOT_AGAIN
from marque_customer.usecases.settling import settles

_RESERVED = (4, 5, 7, 8, 9)  # what the platform alone makes
_NOBODY = uuid.UUID(int=0)


class TaskApi:
    """marque.customer.v1.TaskService."""

    service = "marque.customer.v1.TaskService"

    def __init__(self, work: Work, windows: Windows) -> None:
        self._work = work
        self._windows = windows

    async def CreateTask(self, request: Any, call: Call) -> Any:
        message = request.task
        if not message.title.strip():
            raise missing("task.title")
        if message.kind in _RESERVED and not call.principal.is_service:
            raise InvalidArgument.of("task.kind", "TASK_KIND_RESERVED", "Tasks of this kind are made by the platform.")
        caller = staff_of(call.principal)
        values = {
            "kind": message.kind,
            "title": message.title.strip(),
            "customer_id": optional_id(message.customer_id),
            "lead_id": optional_id(message.lead_id),
            "dealer_id": own_dealer(message.dealer_id, call.principal, "task.dealer_id"),
            "staff_id": optional_id(message.staff_id) or caller,
            "own_staff": not message.staff_id or message.staff_id == str(caller),
            "due_time": moment(message.due_time, "task.due_time"),
            **_call_of(message),
        }
        return await usecases.create(uow=self._work(call, mapping.task_for(call)), values=values)

    async def GetTask(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read(session, call.principal, uuid.UUID(request.task_id))
        if row is None:
            raise TaskNotFound(task_id=request.task_id)
        return mapping.task_for(call)(row)

    async def ListTasks(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by == "due_time desc"
        names = ("staff_id", "dealer_id", "customer_id", "lead_id")
        equal: dict[str, Any] = {name: uuid.UUID(text) for name in names if (text := getattr(request, name))}
        if request.mine_only:
            mine = staff_of(call.principal) or _NOBODY
            equal["staff_id"] = mine if equal.get("staff_id", mine) == mine else _NOBODY
        if request.state:
            equal["state"] = request.state
        async with self._work.read() as session:
            rows = await repository.page(
                session, call.principal, equal, request.overdue_only, request.include_held, descending, page, after
            )
        return mapping.task_page(call, *page.cut(rows, lambda row: (row.due_time, str(row.task_id))))

    async def CompleteTask(self, request: Any, call: Call) -> Any:
        told = {
            **self._one(request, call),
            "outcome": request.outcome,
            "call_outcome": request.call_outcome,
            "again_time": fields.as_moment(request, "call_again_time"),
        }
        if request.call_outcome != NOT_AGAIN:
            return await usecases.complete(**told)
        async with self._work.read() as session:
            row = await repository.read(session, call.principal, uuid.UUID(request.task_id))
        if row is None or row.customer_id is None:
            return await usecases.complete(**told)
        async with settles(self._work, row.customer_id, self._windows):
            return await usecases.complete(**told)

    async def ReassignTask(self, request: Any, call: Call) -> Any:
        return await usecases.reassign(**self._one(request, call), staff_id=uuid.UUID(request.staff_id))

    async def CancelTask(self, request: Any, call: Call) -> Any:
        return await usecases.cancel(**self._one(request, call), reason=request.reason)

    def _one(self, request: Any, call: Call) -> dict[str, Any]:
        uow = self._work(call, mapping.task_for(call))
        return {"uow": uow, "task_id": uuid.UUID(request.task_id), "etag": request.etag}


def _call_of(message: Any) -> dict[str, Any]:
    """Returns the columns of the call that a new task is about; none for another task. Raises InvalidArgument."""
    told = message.HasField("campaign_call")
    if told is not (message.kind == Task.CAMPAIGN_CALL):
        raise campaign_call_not_used() if told else campaign_call_missing()
    if not told:
        return {}
    made = message.campaign_call
    return {
        "send_id": uuid.UUID(made.send_id),
        "campaign_id": uuid.UUID(made.campaign_id),
        "purpose": made.purpose,
        "script": made.script,
    }
