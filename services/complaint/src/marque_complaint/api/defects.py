"""marque.complaint.v1.DefectSignalService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.complaint.v1 import defect_signal_service_pb2
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_complaint.errors import DefectSignalNotFound
from marque_complaint.mapping import cases
from marque_complaint.mapping import defects as mapping
from marque_complaint.repository import defects as repository
from marque_complaint.repository import notices
from marque_complaint.repository import scope as scopes
from marque_complaint.usecases import defects as usecases


class DefectSignalApi:
    """marque.complaint.v1.DefectSignalService."""

    service = "marque.complaint.v1.DefectSignalService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ListDefectSignals(self, request: Any, call: Call) -> Any:
        reader, page = self._work.reader, page_of(request)
        after = page_key(page, moment, uuid.UUID)
        rows = await repository.list_signals(reader, mapping.filters(request), _staff(call), now(), page, after)
        shown, token = page.cut(rows, lambda row: (row["create_time"], str(row["signal_id"])))
        found = [mapping.signal_message(row, row["followed"]) for row in shown]
        answer = defect_signal_service_pb2.ListDefectSignalsResponse(signals=found, next_page_token=token)
        if (last := await repository.last_scan(reader)) is not None:
            answer.last_scan.CopyFrom(mapping.scan_message(last))
        return answer

    async def GetDefectSignal(self, request: Any, call: Call) -> Any:
        row = await self._signal(request, call)
        return mapping.signal_message(row, row["followed"])

    async def ListDefectEvidence(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, moment, uuid.UUID)
        signal = await self._signal(request, call)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        rows = await repository.evidence(self._work.reader, scope, signal, page, after)
        shown, token = page.cut(rows, lambda row: (row["receive_time"], str(row["case_id"])))
        render = cases.case_for(call)
        found = [
            defect_signal_service_pb2.DefectEvidence(case=render(row), predicted=row["told_by_text"]) for row in shown
        ]
        return defect_signal_service_pb2.ListDefectEvidenceResponse(evidence=found, next_page_token=token)

    async def MuteDefectSignal(self, request: Any, call: Call) -> Any:
        return await usecases.mute(
            uow=self._work(call, mapping.written),
            signal_id=uuid.UUID(request.signal_id),
            until=fields.as_moment(request, "mute_time"),
            reason=request.reason,
            etag=request.etag,
        )

    async def FollowDefectSignal(self, request: Any, call: Call) -> Any:
        signal_id = uuid.UUID(request.signal_id)
        uow = self._work(call, mapping.written)
        return await usecases.follow(uow=uow, signal_id=signal_id, unfollow=request.unfollow)

    async def ScanDefects(self, request: Any, call: Call) -> Any:
        return await usecases.ask(uow=self._work(call, mapping.asked_scan))

    async def ListDefectNotices(self, request: Any, call: Call) -> Any:
        page, staff = page_of(request), _staff(call)
        (after,) = page_key(page, int) or (None,)
        if staff is None:  # who is nobody of the staff follows nothing
            return defect_signal_service_pb2.ListDefectNoticesResponse()
        rows = await notices.list_notices(self._work.reader, staff, request.unread, page, after)
        shown, token = page.cut(rows, lambda row: (row["notice_number"],))
        return defect_signal_service_pb2.ListDefectNoticesResponse(
            notices=[mapping.notice_message(row) for row in shown], next_page_token=token
        )

    async def ReadDefectNotices(self, request: Any, call: Call) -> Any:
        return await usecases.read_notices(
            uow=self._work(call, mapping.notices_read), number=min(request.notice_number, 2**63 - 1)
        )

    async def _signal(self, request: Any, call: Call) -> Any:
        row = await repository.get_signal(self._work.reader, uuid.UUID(request.signal_id), _staff(call))
        if row is None:
            raise DefectSignalNotFound()
        return row


def _staff(call: Call) -> uuid.UUID | None:
    return fields.uuid_or_none(call.principal.staff_id)
