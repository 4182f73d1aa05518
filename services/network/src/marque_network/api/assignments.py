"""The servicer of assignment and presence."""

from __future__ import annotations

import uuid
from typing import Any

from marque.network.v1 import assignment_service_pb2
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_network.errors import AssignmentNotFound, DealerNotFound
from marque_network.mapping import assignments as mapping
from marque_network.repository import assignments as repository
from marque_network.repository import dealers
from marque_network.usecases import assignments, presence


class AssignmentApi:
    """marque.network.v1.AssignmentService."""

    service = "marque.network.v1.AssignmentService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def SuggestAssignee(self, request: Any, call: Call) -> Any:
        return await assignments.suggest(
            uow=self._work(call, lambda found: mapping.suggestion(*found)),
            wanted=mapping.wanted(request.need),
            at=mapping.at_time(request),
        )

    async def Assign(self, request: Any, call: Call) -> Any:
        return await assignments.assign(
            uow=self._work(call, mapping.assignment_message),
            item=(request.item_type, request.item_id),
            wanted=mapping.wanted(request.need),
            reassign=request.reassign,
        )

    async def GetAssignment(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read(session, call.principal, uuid.UUID(request.assignment_id))
        if row is None:
            raise AssignmentNotFound(assignment_id=request.assignment_id)
        return mapping.assignment_message(row)

    async def ListAssignments(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, descending = mapping.list_key(page), request.order_by.endswith("desc")
        async with self._work.read() as session:
            rows = await repository.list_assignments(
                session, call.principal, mapping.filters(request), descending, page, after
            )
        return mapping.assignments_page(rows, page)

    async def EndAssignment(self, request: Any, call: Call) -> Any:
        uow = self._work(call, mapping.assignment_message)
        return await assignments.end(uow=uow, assignment_id=uuid.UUID(request.assignment_id))

    async def ReportLoads(self, request: Any, call: Call) -> Any:
        await presence.report_loads(uow=self._work(call), rows=mapping.load_rows(request))
        return assignment_service_pb2.ReportLoadsResponse()

    async def ReportPresence(self, request: Any, call: Call) -> Any:
        return await presence.report_presence(
            uow=self._work(call, mapping.presence_message),
            staff_id=uuid.UUID(request.staff_id),
            state=request.state,
            seconds=request.expire_seconds,
        )

    async def ListPresences(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = mapping.presence_key(page)
        dealer_id = uuid.UUID(request.dealer_id) if request.dealer_id else None
        async with self._work.read() as session:
            sees = call.principal.sees_all_rows or (
                dealer_id is not None and await dealers.is_own_dealer(session, call.principal, dealer_id)
            )
            if not sees:
                raise DealerNotFound(dealer_id=request.dealer_id or "of the maker")
            rows = await repository.list_presences(session, dealer_id, now(), page, after)
        return mapping.presences_page(rows, page)
