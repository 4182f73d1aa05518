"""marque.complaint.v1.CaseTaskService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.complaint.v1 import case_task_service_pb2
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call
from servicekit.scope import knows_dealer

from marque_complaint.api.scoping import seen
from marque_complaint.errors import DealerNotFound
from marque_complaint.mapping import tasks as mapping
from marque_complaint.repository import scope as scopes
from marque_complaint.repository import tasks as repository
from marque_complaint.usecases import tasks as usecases


class CaseTaskApi:
    """marque.complaint.v1.CaseTaskService."""

    service = "marque.complaint.v1.CaseTaskService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def AddCaseTask(self, request: Any, call: Call) -> Any:
        values = mapping.new_task(request.task)
        case = await seen(self._work, call, request.task.case_id)
        dealer = fields.uuid_or_none(request.task.dealer_id)
        if dealer is not None and not await knows_dealer(self._work.reader, dealer):
            raise DealerNotFound()
        return await usecases.add(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            case_id=case["case_id"],
            values={**values, "dealer_id": dealer or case["dealer_id"]},
        )

    async def MoveCaseTask(self, request: Any, call: Call) -> Any:
        return await usecases.move(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            task_id=uuid.UUID(request.task_id),
            owner_staff_id=fields.uuid_or_none(request.owner_staff_id),
            due_time=fields.as_moment(request, "due_time"),
            etag=request.etag,
        )

    async def FinishCaseTask(self, request: Any, call: Call) -> Any:
        return await usecases.finish(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            task_id=uuid.UUID(request.task_id),
            dropped=request.dropped,
            reason=request.reason,
            etag=request.etag,
        )

    async def ListCaseTasks(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, moment, uuid.UUID)
        if request.case_id:
            await seen(self._work, call, request.case_id)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        rows = await repository.list_tasks(self._work.reader, scope, mapping.filters(request), page, after)
        shown, token = page.cut(rows, lambda row: (row["due_time"], str(row["task_id"])))
        render = mapping.task_for(call)
        return case_task_service_pb2.ListCaseTasksResponse(tasks=[render(row) for row in shown], next_page_token=token)

    def _write(self, call: Call) -> UnitOfWork:
        render = mapping.task_for(call)
        return self._work(call, lambda made: render(fields.row_of(made)))
