"""marque.campaign.v1.MarketingEventService and EventRegistrationService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.campaign.v1 import event_registration_service_pb2, marketing_event_service_pb2
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call
from servicekit.sealing.tokens import Digest

from marque_campaign.api.scoping import owner_of, page_of_rows, seen
from marque_campaign.errors import MarketingEventNotFound
from marque_campaign.mapping import events as mapping
from marque_campaign.repository import events as repository
from marque_campaign.repository import scope as scopes
from marque_campaign.rules import event_links
from marque_campaign.usecases import marketing_events as usecases
from marque_campaign.usecases import registering


class MarketingEventApi:
    """marque.campaign.v1.MarketingEventService."""

    service = "marque.campaign.v1.MarketingEventService"

    def __init__(self, work: Work, digest: Digest) -> None:
        self._work = work
        self._digest = digest

    async def CreateMarketingEvent(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        values, spans = mapping.new_event(request.marketing_event)
        named = request.marketing_event.dealer_id
        values["dealer_id"] = await owner_of(self._work, scope, named, "marketing_event.dealer_id")
        return await usecases.create(uow=self._write(call), values=values, spans=spans or ())

    async def GetMarketingEvent(self, request: Any, call: Call) -> Any:
        row = await seen(self._work, call, repository.EVENTS, request.marketing_event_id, MarketingEventNotFound)
        return self._shown(row, await repository.read_sessions(self._work.reader, row["marketing_event_id"]))

    async def ListMarketingEvents(self, request: Any, call: Call) -> Any:
        rows, token = await page_of_rows(self._work, call, repository.EVENTS, request, state=request.state)
        found = [self._shown(row, ()) for row in rows]
        return marketing_event_service_pb2.ListMarketingEventsResponse(marketing_events=found, next_page_token=token)

    async def UpdateMarketingEvent(self, request: Any, call: Call) -> Any:
        values, spans = mapping.changes(request.marketing_event, request.update_mask)
        return await usecases.update(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            event_id=uuid.UUID(request.marketing_event.marketing_event_id),
            values=values,
            spans=spans,
            etag=request.marketing_event.etag,
        )

    async def AdvanceMarketingEvent(self, request: Any, call: Call) -> Any:
        return await usecases.advance(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            event_id=uuid.UUID(request.marketing_event_id),
            state=request.state,
            etag=request.etag,
        )

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(
            call, lambda made: self._shown(fields.row_of(made[0]), [fields.row_of(one) for one in made[1]])
        )

    def _shown(self, row: Any, sessions: Any) -> Any:
        path = event_links.path(event_links.EVENT, row["marketing_event_id"], self._digest)
        return mapping.event_message(row, sessions, path)


class EventRegistrationApi:
    """marque.campaign.v1.EventRegistrationService."""

    service = "marque.campaign.v1.EventRegistrationService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def RegisterForEvent(self, request: Any, call: Call) -> Any:
        event, session, customer = mapping.wish_ids(request)
        await seen(self._work, call, repository.EVENTS, str(event), MarketingEventNotFound)
        wish = registering.Wish(customer, session, request.guest_count, staff=True)
        return await registering.register(uow=self._write(call), event_id=event, wish=wish)

    async def ListEventRegistrations(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        (after,) = page_key(page, int) or (None,)
        row = await seen(self._work, call, repository.EVENTS, request.marketing_event_id, MarketingEventNotFound)
        rows = await repository.page(self._work.reader, row["marketing_event_id"], request.state, page, after)
        shown, token = page.cut(rows, lambda one: (str(one["arrival"]),))
        found = [mapping.registration_message(one) for one in shown]
        return event_registration_service_pb2.ListEventRegistrationsResponse(registrations=found, next_page_token=token)

    async def SettleEventRegistration(self, request: Any, call: Call) -> Any:
        return await registering.settle(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            registration_id=uuid.UUID(request.registration_id),
            state=request.state,
            vin=mapping.driven_car(request.vin),
            etag=request.etag,
        )

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, lambda made: mapping.registration_message(fields.row_of(made)))
