"""The servicer of staff."""

from __future__ import annotations

import uuid
from typing import Any

from marque.network.v1 import staff_service_pb2
from marque.options.v1 import options_pb2
from servicekit.db.uow import Work
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_network.api.dealers import id_of, typed
from marque_network.errors import StaffNotFound
from marque_network.mapping import staff as mapping
from marque_network.repository import staff as repository
from marque_network.usecases import staff as usecases


class StaffApi:
    """marque.network.v1.StaffService."""

    service = "marque.network.v1.StaffService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateStaff(self, request: Any, call: Call) -> Any:
        values = mapping.staff_values(request.staff)
        return await usecases.create_staff(uow=self._work(call, mapping.staff_for(call)), values=values)

    async def GetStaff(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read_staff(session, call.principal, uuid.UUID(request.staff_id))
        if row is None:
            raise StaffNotFound(staff_id=request.staff_id)
        return mapping.staff_for(call)(row)

    async def BatchGetStaff(self, request: Any, call: Call) -> Any:
        ids = {uuid.UUID(one) for one in request.staff_ids}
        async with self._work.read() as session:
            rows = await repository.read_many(session, ids, set(request.subjects))
        return mapping.staff_batch(request, rows, call)

    async def ListStaff(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        filters = mapping.staff_filters(request)
        after = mapping.staff_key(page, request.order_by)
        async with self._work.read() as session:
            rows = await repository.list_staff(session, call.principal, filters, request.order_by, page, after)
        return mapping.staff_page(rows, page, request.order_by, call)

    async def SearchStaff(self, request: Any, call: Call) -> Any:
        principal, size = call.principal, request.page_size or 20
        dealer_id = uuid.UUID(request.dealer_id) if request.dealer_id else None
        query = typed(request.query)
        sees_people = principal.sees(options_pb2.DATA_CLASS_IDENTITY) and principal.sees(options_pb2.DATA_CLASS_CONTACT)
        async with self._work.read() as session:
            if sees_people:
                found = await repository.search_staff(session, principal, query, dealer_id, size)
            else:
                found = await repository.search_numbers(session, principal, request.query, dealer_id, size)
        render = mapping.staff_for(call)
        return staff_service_pb2.SearchStaffResponse(
            results=[staff_service_pb2.StaffMatch(staff=render(row), score=score) for row, score in found.rows],
            truncated=found.truncated,
        )

    async def UpdateStaff(self, request: Any, call: Call) -> Any:
        return await usecases.update_staff(
            uow=self._work(call, mapping.staff_for(call)),
            staff_id=id_of(request.staff.staff_id, "staff.staff_id"),
            etag=request.staff.etag,
            patch=mapping.staff_patch(request),
        )

    async def ResolveStaffAccess(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            rows = await repository.read_access(session, set(request.subject_keys))
        return mapping.staff_access(rows)
