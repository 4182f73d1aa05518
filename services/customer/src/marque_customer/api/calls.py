"""The servicer of telephone calls."""

from __future__ import annotations

import uuid
from typing import Any

from google.protobuf.duration_pb2 import Duration
from marque.customer.v1 import call_service_pb2
from servicekit.db.uow import Replayed, Work
from servicekit.rpc.call import Call

from marque_customer.errors import CallNotFound
from marque_customer.mapping import calls as mapping
from marque_customer.mapping.interactions import interaction_for, own_dealer
from marque_customer.repository import calls as repository
from marque_customer.rules.permits import Windows
from marque_customer.usecases import calls


class CallApi:
    """marque.customer.v1.CallService."""

    service = "marque.customer.v1.CallService"

    def __init__(self, work: Work, windows: Windows) -> None:
        self._work = work
        self._windows = windows

    async def LookUpCaller(self, request: Any, call: Call) -> Any:
        return await calls.look_up(uow=self._work(call, mapping.callers_for(call)), number=request.number)

    async def GetCall(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.find(session, call.principal, uuid.UUID(request.call_id))
            if row is None:
                raise CallNotFound(call_id=request.call_id)
            return mapping.call_for(call)(row)

    async def NoteCall(self, request: Any, call: Call) -> Any:
        return await calls.note(
            uow=self._work(call, mapping.call_for(call)),
            call_id=uuid.UUID(request.call_id),
            customer_id=_id(request.customer_id),
            text=request.text,
            etag=request.etag,
        )

    async def WrapUpCall(self, request: Any, call: Call) -> Any:
        return await calls.wrap_up(
            uow=self._work(call, interaction_for(call)),
            call_id=uuid.UUID(request.call_id),
            customer_id=_id(request.customer_id),
            said=mapping.wrap_up(request),
        )

    async def PlaceCall(self, request: Any, call: Call) -> Any:
        within = Duration()
        within.FromTimedelta(self._windows.spend)
        try:
            return await calls.place(
                uow=self._work(call, mapping.placed_for(call, within)),
                customer_id=uuid.UUID(request.customer_id),
                purpose=request.purpose,
                dealer_id=own_dealer(request.dealer_id, call.principal, "dealer_id"),
                windows=self._windows,
            )
        except Replayed as replay:  # the answer of then gives no right to dial now: its permit is judged again
            first = call_service_pb2.PlacedCall.FromString(replay.answer)
            bare = Call(call.principal, call.method, correlation_id=call.correlation_id)
            await calls.place_again(uow=self._work(bare), call_id=uuid.UUID(first.call.call_id), windows=self._windows)
            raise

    async def RecordCallEvent(self, request: Any, call: Call) -> Any:
        call_id, changed = await calls.record(uow=self._work(call), **mapping.told(request))
        return call_service_pb2.RecordCallEventResponse(call_id=str(call_id), changed=changed)


def _id(text: str) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None
