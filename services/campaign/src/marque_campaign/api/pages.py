"""marque.campaign.v1.MessagePageService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.campaign.v1 import message_page_service_pb2 as messages
from servicekit.db.uow import Work
from servicekit.rpc.call import Call
from servicekit.sealing.tokens import Digests

from marque_campaign.clients import Customers
from marque_campaign.errors import MessageLinkUnknown
from marque_campaign.rules import links
from marque_campaign.usecases import choosing


class MessagePageApi:
    """marque.campaign.v1.MessagePageService. Who calls is nobody in particular: the token of the link is all that counts."""

    service = "marque.campaign.v1.MessagePageService"

    def __init__(self, work: Work, digests: Digests, customers: Customers) -> None:
        self._work = work
        self._digests = digests
        self._customers = customers

    async def GetPreferencePage(self, request: Any, call: Call) -> Any:
        send_id = self._read(links.PAGE, request.token)
        return _page(*await choosing.choices(reader=self._work.reader, customers=self._customers, send_id=send_id))

    async def SavePreferencePage(self, request: Any, call: Call) -> Any:
        chosen = [(int(one.purpose), one.granted) for one in request.choices]
        send_id, told = (
            self._read(links.PAGE, request.token),
            {"reader": self._work.reader, "customers": self._customers},
        )
        return _page(*await choosing.choose(**told, send_id=send_id, chosen=chosen))  # type: ignore[arg-type]

    async def StopMessages(self, request: Any, call: Call) -> Any:
        send_id = self._read(links.PAGE, request.token)
        await choosing.stop(reader=self._work.reader, customers=self._customers, send_id=send_id)
        return messages.StopMessagesResponse()

    async def TouchMessage(self, request: Any, call: Call) -> Any:
        send_id = self._read(links.LINK if request.url else links.PICTURE, request.token, request.url)
        uow = self._work(unnamed(call), lambda made: made)
        await choosing.touch(uow=uow, reader=self._work.reader, send_id=send_id, url=request.url)
        return messages.TouchMessageResponse()

    def _read(self, purpose: str, token: str, about: str = "") -> uuid.UUID:
        found = links.read(purpose, token, self._digests, about)
        if found is None:
            raise MessageLinkUnknown()
        return found


def unnamed(call: Call) -> Call:
    """The call without its request id: all who are not signed in are one principal, so one's key could meet another's."""
    return Call(call.principal, call.method, correlation_id=call.correlation_id, language=call.language)


def _page(row: Any, granted: dict[int, bool]) -> messages.PreferencePage:
    shown = messages.PreferencePage(
        language=row["language"], channel=row["channel"], of_dealer=row["dealer_id"] is not None
    )
    for purpose, one in granted.items():
        shown.choices.add(purpose=purpose, granted=one)
    return shown
