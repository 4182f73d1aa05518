"""marque.survey.v1.CallTaskService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.survey.v1 import call_task_service_pb2 as rpc
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.query import Order
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import PermissionDenied, Unavailable
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_survey.clients import Permits
from marque_survey.errors import CallTaskNotFound
from marque_survey.mapping import answers as answer_mapping
from marque_survey.mapping import calls as mapping
from marque_survey.repository import calls as repository
from marque_survey.repository import invitations, questionnaires
from marque_survey.repository import scope as scopes
from marque_survey.repository.scope import Scope
from marque_survey.rules import calls
from marque_survey.rules import document as documents
from marque_survey.usecases import calling

_CHECK = "survey.calls.check"


class CallTaskApi:
    """marque.survey.v1.CallTaskService. Without the customer service nobody may be called."""

    service = "marque.survey.v1.CallTaskService"

    def __init__(self, work: Work, permits: Permits | None) -> None:
        self._work = work
        self._permits = permits

    async def ListCallTasks(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        order = Order.of(request.order_by, "due_time", "call_task_id")
        after = page_key(page, moment, uuid.UUID)
        scope = await self._scope(call)
        rows = await repository.list_rows(self._work.reader, scope, self._filters(request, call), order, page, after)
        found, token = page.cut(rows, lambda row: (row["due_time"], str(row["call_task_id"])))
        render = mapping.task_for(call, now())
        return rpc.ListCallTasksResponse(call_tasks=[render(row) for row in found], next_page_token=token)

    async def GetCallTask(self, request: Any, call: Call) -> Any:
        row = await repository.get(self._work.reader, await self._scope(call), uuid.UUID(request.call_task_id))
        if row is None:
            raise CallTaskNotFound()
        task = mapping.task_for(call, now())(row)
        mapping.add_attempts(task, await repository.attempts(self._work.reader, row["call_task_id"]))
        asked = await questionnaires.get(self._work.reader, row["questionnaire_id"], row["questionnaire_number"])
        assert asked is not None  # versions are never deleted
        document = documents.read(asked["document"])
        language = document.language_for([request.language, row["language"]])
        kept = await invitations.read_answers(self._work.reader, row["invitation_id"])
        given = {code: one["value"] for code, one in kept.items()}
        return mapping.script(call, task, language, document, asked["document"], given)

    async def TakeCallTask(self, request: Any, call: Call) -> Any:
        return await calling.take(uow=self._write(call), **await self._verb(request, call), etag=request.etag)

    async def DialCallTask(self, request: Any, call: Call) -> Any:
        if self._permits is None:
            raise Unavailable(dependency="The customer service", retry_after=1)
        return await calling.dial(
            work=self._work,
            uow=self._write(call),
            permits=self._permits,
            may_check=call.principal.may(_CHECK),
            **await self._verb(request, call),
            etag=request.etag,
        )

    async def SaveCallAnswer(self, request: Any, call: Call) -> Any:
        def told(found: tuple[Any, documents.Document, dict[str, Any]]) -> Any:
            row, document, given = found
            return mapping.script(call, None, document.language_for([row.language]), document, {}, given)

        return await calling.save(
            uow=self._work(call, told),
            **await self._verb(request, call),
            code=request.answer.question_code,
            value=answer_mapping.value_of(request.answer, "answer"),
            sequence=request.sequence,
        )

    async def EndCall(self, request: Any, call: Call) -> Any:
        call_back = fields.as_moment(request, "call_back_time")
        verb = await self._verb(request, call)
        more = {"outcome": request.outcome, "call_back": call_back, "etag": request.etag}
        return await calling.end(uow=self._write(call), **verb, **more)

    async def CheckCallTask(self, request: Any, call: Call) -> Any:
        verb = await self._verb(request, call)
        more = {"verdict": request.verdict, "faults": list(request.check_faults), "etag": request.etag}
        return await calling.check(uow=self._write(call), **verb, **more)

    async def GetCallFigures(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        span = fields.as_moment(request, "end_time_from"), fields.as_moment(request, "end_time_to")
        dealer = fields.uuid_or_none(request.dealer_id)
        rows = await repository.figures(self._work.reader, scope, request.grouping, dealer, span)
        return rpc.GetCallFiguresResponse(figures=[mapping.figures(row) for row in rows])

    def _filters(self, request: Any, call: Call) -> dict[str, Any]:
        if request.queue == rpc.CALL_QUEUE_TO_CHECK and not call.principal.may(_CHECK):
            raise PermissionDenied(permission=_CHECK)
        ago = {rpc.CALL_QUEUE_DUE: now(), rpc.CALL_QUEUE_OVERDUE: now() - calls.OVERDUE}
        return {
            "waiting": request.queue not in (rpc.CALL_QUEUE_TO_CHECK, rpc.CALL_QUEUE_ALL),
            "to_check": request.queue == rpc.CALL_QUEUE_TO_CHECK,
            "due_before": ago.get(request.queue),
            "agent_id": calls.agent_of(call.principal) if request.queue == rpc.CALL_QUEUE_MINE else None,
            "dealer_id": fields.uuid_or_none(request.dealer_id),
            "invitation_id": fields.uuid_or_none(request.invitation_id),
        }

    async def _scope(self, call: Call) -> Scope:
        return await scopes.visible_to(self._work.reader, call.principal)

    async def _verb(self, request: Any, call: Call) -> dict[str, Any]:
        """What every verb of an agent needs."""
        return {
            "scope": await self._scope(call),
            "call_task_id": uuid.UUID(request.call_task_id),
            "agent": calls.agent_of(call.principal),
        }

    def _write(self, call: Call) -> UnitOfWork:
        render = mapping.task_for(call, now())

        def told(found: tuple[Any, ...]) -> Any:
            invitation, task, *more = found
            phone, refusal = more or ("", "")
            return render(mapping.row_of(invitation, task), phone=phone, refusal=refusal)

        return self._work(call, told)
