"""marque.complaint.v1.CaseGoodwillService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.complaint.v1 import case_goodwill_service_pb2
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_complaint.mapping import goodwill as mapping
from marque_complaint.repository import goodwill as repository
from marque_complaint.repository import scope as scopes
from marque_complaint.usecases import goodwill as usecases


class CaseGoodwillApi:
    """marque.complaint.v1.CaseGoodwillService."""

    service = "marque.complaint.v1.CaseGoodwillService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def AskGoodwill(self, request: Any, call: Call) -> Any:
        currency, minor = mapping.amount(request.amount, "amount")
        return await usecases.ask(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            case_id=uuid.UUID(request.case_id),
            currency=currency,
            minor=minor,
            remedy=request.remedy,
            reason=request.reason,
        )

    async def DecideGoodwill(self, request: Any, call: Call) -> Any:
        goodwill_id = uuid.UUID(request.goodwill_id)
        return await usecases.decide(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            case_id=await repository.case_of(self._work.reader, goodwill_id),
            goodwill_id=goodwill_id,
            approved=request.approved,
            reason=request.reason,
            etag=request.etag,
        )

    async def ListGoodwill(self, request: Any, call: Call) -> Any:
        reader, page = self._work.reader, page_of(request)
        after = page_key(page, moment, uuid.UUID)
        scope = await scopes.visible_to(reader, call.principal)
        case_id = fields.uuid_or_none(request.case_id)
        rows = await repository.list_goodwill(reader, scope, case_id, request.waiting, page, after)
        shown, token = page.cut(rows, lambda row: (row["create_time"], str(row["goodwill_id"])))
        render = mapping.goodwill_for(call)
        return case_goodwill_service_pb2.ListGoodwillResponse(
            goodwill=[render(row) for row in shown], next_page_token=token
        )

    async def GetGoodwillPolicy(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            return mapping.policy_message(await repository.latest_policy(session))

    async def PutGoodwillPolicy(self, request: Any, call: Call) -> Any:
        limits = mapping.limits_of(request.policy)
        uow = self._work(call, mapping.policy_message)
        return await usecases.put_policy(uow=uow, limits=limits, etag=request.policy.etag)

    def _write(self, call: Call) -> UnitOfWork:
        render = mapping.goodwill_for(call)
        return self._work(call, lambda made: render(fields.row_of(made)))
