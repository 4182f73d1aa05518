"""marque.campaign.v1.EventPageService."""

from __future__ import annotations

from typing import Any

from servicekit import fields
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.rpc.call import Call
from servicekit.sealing.tokens import Digest, Digests

from marque_campaign.api.pages import unnamed
from marque_campaign.clients.visitors import Visitors
from marque_campaign.errors import EventLinkUnknown
from marque_campaign.mapping import event_pages as mapping
from marque_campaign.mapping import events
from marque_campaign.rules import event_links
from marque_campaign.rules.event_links import Link
from marque_campaign.usecases import event_page as usecases


class EventPageApi:
    """marque.campaign.v1.EventPageService. Who calls is nobody in particular: the token of the link is all that counts."""

    service = "marque.campaign.v1.EventPageService"

    def __init__(self, work: Work, digest: Digest, digests: Digests, visitors: Visitors) -> None:
        self._work = work
        self._digest = digest
        self._digests = digests
        self._visitors = visitors

    async def GetEventPage(self, request: Any, call: Call) -> Any:
        return await self._page(self._read(request.token), request.token)

    async def SaveEventPage(self, request: Any, call: Call) -> Any:
        guest = await usecases.guest_of(self._work.reader, self._read(request.token))
        asked = usecases.Asked(
            fields.uuid_or_none(request.session_id), request.guest_count, request.name, request.email, request.phone,
            request.contact_allowed,
        )  # fmt: skip
        key = await usecases.save(
            make=lambda: self._work(unnamed(call), lambda made: events.registration_message(fields.row_of(made))),
            reader=self._work.reader,
            visitors=self._visitors,
            digest=self._digest,
            guest=guest,
            asked=asked,
        )
        link = Link(event_links.REGISTERED, key)
        return await self._page(link, event_links.token(link.kind, link.key, self._digest))

    async def _page(self, link: Link, token: str) -> Any:
        reader = self._work.reader
        guest = await usecases.guest_of(reader, link)
        shown = await usecases.shown(reader, guest, now())
        return mapping.page(guest.event, guest.registration, shown, token, stranger=guest.customer_id is None)

    def _read(self, token: str) -> Link:
        found = event_links.read(token, self._digests)
        if found is None:
            raise EventLinkUnknown()
        return found
