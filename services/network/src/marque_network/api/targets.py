"""The servicer of targets."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_network.errors import TargetNotFound
from marque_network.mapping import targets as mapping
from marque_network.repository import targets as repository
from marque_network.usecases import targets as usecases


class TargetApi:
    """marque.network.v1.TargetService."""

    service = "marque.network.v1.TargetService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ProposeTargets(self, request: Any, call: Call) -> Any:
        rows = mapping.proposals(request.targets)
        return await usecases.propose_targets(uow=self._work(call, mapping.proposed), rows=rows)

    async def AgreeTargets(self, request: Any, call: Call) -> Any:
        return await usecases.agree_targets(uow=self._work(call, mapping.agreed), wanted=mapping.agreements(request))

    async def GetTarget(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read_target(session, call.principal, uuid.UUID(request.target_id))
        if row is None:
            raise TargetNotFound(target_id=request.target_id)
        return mapping.target_message(row)

    async def ListTargets(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = mapping.target_key(page, request.order_by)
        filters = mapping.target_filters(request)
        async with self._work.read() as session:
            rows = await repository.list_targets(session, call.principal, filters, request.order_by, page, after)
        return mapping.target_page(rows, page, request.order_by)
