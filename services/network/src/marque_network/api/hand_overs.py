"""The servicer of leaving and hand-overs."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_network.errors import HandOverNotFound
from marque_network.mapping import hand_overs as mapping
from marque_network.models import Report
from marque_network.repository import hand_overs as repository
from marque_network.usecases import hand_overs as usecases


class HandOversApi:
    """marque.network.v1.HandOverService."""

    service = "marque.network.v1.HandOverService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def LeaveStaff(self, request: Any, call: Call) -> Any:
        return await usecases.leave_staff(
            uow=self._work(call, mapping.report_message),
            staff_id=uuid.UUID(request.staff_id),
            etag=request.etag,
            successors=[uuid.UUID(one) for one in request.successor_staff_ids],
        )

    async def GetHandOver(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read(session, call.principal, uuid.UUID(request.hand_over_id))
            if row is None:
                raise HandOverNotFound(hand_over_id=request.hand_over_id)
            steps = await repository.steps(session, row.hand_over_id)
        return mapping.report_message(Report(row, steps))

    async def ListHandOverItems(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = mapping.items_key(page)
        async with self._work.read() as session:
            row = await repository.read(session, call.principal, uuid.UUID(request.hand_over_id))
            if row is None:
                raise HandOverNotFound(hand_over_id=request.hand_over_id)
            rows = await repository.items(session, row.hand_over_id, page, after)
        return mapping.items_page(rows, page)
