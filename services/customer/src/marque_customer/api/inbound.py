"""The servicer of what people write to us."""

from __future__ import annotations

from typing import Any

from servicekit.db.uow import Work
from servicekit.rpc.call import Call

from marque_customer.usecases import inbound, inbound_cards


class InboundApi:
    """marque.customer.v1.InboundService."""

    service = "marque.customer.v1.InboundService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ReceiveMail(self, request: Any, call: Call) -> Any:
        return await inbound.receive_mail(uow=self._work(call), request=request)

    async def ReceiveTranscript(self, request: Any, call: Call) -> Any:
        return await inbound.receive_transcript(uow=self._work(call), request=request)

    async def ReceiveCards(self, request: Any, call: Call) -> Any:
        return await inbound_cards.receive(uow=self._work(call), request=request)
