"""marque.complaint.v1.CasePolicyService."""

from __future__ import annotations

from typing import Any

from servicekit.db.uow import Work
from servicekit.rpc.call import Call

from marque_complaint.errors import CasePolicyNotFound
from marque_complaint.mapping import policies as mapping
from marque_complaint.repository import clocks as repository
from marque_complaint.usecases import policies as usecases


class CasePolicyApi:
    """marque.complaint.v1.CasePolicyService."""

    service = "marque.complaint.v1.CasePolicyService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def GetCasePolicy(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.policy_of(session, request.version)
        if row is None:
            raise CasePolicyNotFound()
        return mapping.policy_message(row)

    async def PutCasePolicy(self, request: Any, call: Call) -> Any:
        document = mapping.document_of(request.policy)
        uow = self._work(call, mapping.policy_message)
        return await usecases.put(uow=uow, document=document, etag=request.policy.etag)
