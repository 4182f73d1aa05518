"""The servicer of visits to dealers."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_network.api.dealers import id_of
from marque_network.errors import VisitNotFound
from marque_network.mapping import visits as mapping
from marque_network.mapping.parts import one_moment
from marque_network.repository import visits as repository
from marque_network.usecases import visits as usecases


class DealerVisitApi:
    """marque.network.v1.DealerVisitService."""

    service = "marque.network.v1.DealerVisitService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def PlanDealerVisit(self, request: Any, call: Call) -> Any:
        values = mapping.visit_values(request.visit)
        return await usecases.plan_visit(uow=self._work(call, mapping.visit_for(call)), values=values)

    async def GetDealerVisit(self, request: Any, call: Call) -> Any:
        visit_id = uuid.UUID(request.visit_id)
        async with self._work.read() as session:
            row = await repository.read_visit(session, call.principal, visit_id)
            actions = await repository.read_actions(session, [visit_id]) if row is not None else {}
        if row is None:
            raise VisitNotFound(visit_id=request.visit_id)
        return mapping.visit_for(call)(mapping.VisitView(row, actions[visit_id]))

    async def ListDealerVisits(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = mapping.visit_key(page)
        filters = mapping.visit_filters(request)
        async with self._work.read() as session:
            rows = await repository.list_visits(session, call.principal, filters, request.order_by, page, after)
            actions = await repository.read_actions(session, [row.visit_id for row in rows])
        return mapping.visit_page([mapping.VisitView(row, actions[row.visit_id]) for row in rows], page, call)

    async def UpdateDealerVisit(self, request: Any, call: Call) -> Any:
        return await usecases.update_visit(
            uow=self._work(call, mapping.visit_for(call)),
            visit_id=id_of(request.visit.visit_id, "visit.visit_id"),
            etag=request.visit.etag,
            patch=mapping.visit_patch(request),
        )

    async def CompleteDealerVisit(self, request: Any, call: Call) -> Any:
        return await usecases.complete_visit(
            uow=self._work(call, mapping.visit_for(call)),
            visit_id=uuid.UUID(request.visit_id),
            etag=request.etag,
            at=one_moment(request, "visit_time"),
            report=mapping.report_values(request),
        )

    async def CancelDealerVisit(self, request: Any, call: Call) -> Any:
        return await usecases.cancel_visit(
            uow=self._work(call, mapping.visit_for(call)),
            visit_id=uuid.UUID(request.visit_id),
            etag=request.etag,
            reason=request.reason,
        )

    async def CompleteVisitAction(self, request: Any, call: Call) -> Any:
        return await usecases.complete_action(
            uow=self._work(call, mapping.visit_for(call)),
            visit_id=uuid.UUID(request.visit_id),
            number=request.number,
            etag=request.etag,
        )

    async def ListVisitActions(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = mapping.action_key(page)
        filters = mapping.action_filters(request)
        async with self._work.read() as session:
            rows = await repository.list_actions(session, call.principal, filters, request.order_by, page, after)
        return mapping.action_page(rows, page, call)
