"""The servicers of the customer service: read the request, call the use case, render the answer."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

from marque.customer.v1 import consent_service_pb2, customer_look_up_pb2
from servicekit.db.uow import Work
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.api.calls import CallApi
from marque_customer.api.completeness import ProfileApi
from marque_customer.api.duplicate_runs import DuplicateRunApi
from marque_customer.api.holdings import HoldingApi
from marque_customer.api.identity import IdentityApi
from marque_customer.api.inbound import InboundApi
from marque_customer.api.leads import LeadApi, LeadIntakeApi, LeadPromiseApi, LeadRulesApi
from marque_customer.api.lifecycle import LifecycleApi
from marque_customer.api.permits import ContactPermitApi, ContactRuleApi, PreferenceApi
from marque_customer.api.quotes import QuoteApi
from marque_customer.api.showroom import FleetDealApi, LeadRecallApi, ReferralApi
from marque_customer.api.tasks import TaskApi
from marque_customer.api.test_drives import DemoCarApi, TestDriveApi
from marque_customer.api.ties import CustomerTieApi
from marque_customer.clients import Network
from marque_customer.errors import CustomerNotFound
from marque_customer.mapping import consents as consent_mapping
from marque_customer.mapping import customers as mapping
from marque_customer.mapping import profiles
from marque_customer.mapping.interactions import (
    interaction_for,
    interaction_values,
    own_dealer,
    relation_for,
    relation_page,
    touch_page,
)
from marque_customer.mapping.requests import ledger_filters, listing, relation_filters, touch_filter
from marque_customer.mapping.times import stamp
from marque_customer.repository import families, ledger, reads, timeline
from marque_customer.repository.sight import sight_of, sight_of_dealers
from marque_customer.rules.consents import GRANTED, WITHDRAWN
from marque_customer.rules.kinds import MERGED
from marque_customer.rules.permits import Windows
from marque_customer.usecases import consents, contact_points, customers, finding, interactions, look_up
from marque_customer.usecases.settling import settles


class CustomerApi:
    """marque.customer.v1.CustomerService."""

    service = "marque.customer.v1.CustomerService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateCustomer(self, request: Any, call: Call) -> Any:
        values, contacts = profiles.new_values(request.customer)
        return await customers.create(
            uow=self._work(call, _written_for(call)),
            values=values,
            contacts=contacts,
            references=request.customer.source_references,
            dealer_id=own_dealer(request.dealer_id, call.principal, "dealer_id"),
        )

    async def GetCustomer(self, request: Any, call: Call) -> Any:
        customer_id, sight = uuid.UUID(request.customer_id), sight_of(call.principal)
        row = await reads.get(self._work.reader, sight, customer_id)
        if row is None or row["status"] == MERGED:
            row = await reads.survivor(self._work.reader, sight, customer_id)
        if row is None:
            raise CustomerNotFound(customer_id=request.customer_id)
        return mapping.answer(call, row["customer_id"], row["card"])

    async def BatchGetCustomers(self, request: Any, call: Call) -> Any:
        asked = {uuid.UUID(item) for item in request.customer_ids}
        references = sorted({(item.source, item.source_key) for item in request.source_references})
        rows = await reads.batch(self._work.reader, sight_of_dealers(request.dealer_ids), sorted(asked), references)
        return mapping.batch(call, asked, references, rows)

    async def MatchContactPoints(self, request: Any, call: Call) -> Any:
        sight = sight_of_dealers(request.dealer_ids)
        return await finding.match(reader=self._work.reader, sight=sight, phones=request.phones, emails=request.emails)

    async def ListCustomers(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, token_moment, uuid.UUID)
        rows = await reads.listed(self._work.reader, sight_of(call.principal), listing(request), page, after)
        shown, token = page.cut(rows, lambda row: (row["time"], str(row["customer_id"])))
        return mapping.page(call, shown, token)

    async def SearchCustomers(self, request: Any, call: Call) -> Any:
        return await finding.search(reader=self._work.reader, call=call, request=request)

    async def UpdateCustomer(self, request: Any, call: Call) -> Any:
        uow = self._work(call, _written_for(call))
        return await customers.update(
            uow=uow, message=request.customer, mask=request.update_mask.paths, verified=request.verified_fields
        )

    async def LookUpCustomer(self, request: Any, call: Call) -> Any:
        return await look_up.look_up(
            uow=self._work(call, _matches_for(call)),
            phone=request.phone,
            typed_vin=request.vin,
            dealer_id=own_dealer(request.dealer_id, call.principal, "dealer_id"),
        )

    async def ExportCustomers(self, request: Any, call: Call) -> AsyncIterator[Any]:
        async for part in finding.export(reader=self._work.reader, request=request):
            yield part


def _customer_for(call: Call) -> Any:
    return lambda customer: mapping.shown(call, customer.card)


def _written_for(call: Call) -> Any:
    """Renders a customer that was written, with the others who have something exactly the same."""

    def render(written: Any) -> Any:
        customer, matches = written
        message = mapping.shown(call, customer.card)
        for match in matches:
            message.possible_duplicates.add(customer_id=str(match.customer_id), reasons=match.codes)
        return message

    return render


def _matches_for(call: Call) -> Any:
    relation = relation_for(call)

    def render(matches: Any) -> customer_look_up_pb2.LookUpCustomerResponse:
        answer = customer_look_up_pb2.LookUpCustomerResponse()
        for customer, tie in matches:
            answer.matches.add(
                customer=mapping.shown(call, customer.card), relation=relation(tie) if tie is not None else None
            )
        return answer

    return render


class ContactPointApi:
    """marque.customer.v1.ContactPointService."""

    service = "marque.customer.v1.ContactPointService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def AddContactPoint(self, request: Any, call: Call) -> Any:
        return await contact_points.add(
            uow=self._work(call, _written_for(call)),
            customer_id=uuid.UUID(request.customer_id),
            message=request.contact_point,
            etag=request.etag,
        )

    async def RemoveContactPoint(self, request: Any, call: Call) -> Any:
        return await contact_points.remove(
            uow=self._work(call, _customer_for(call)),
            customer_id=uuid.UUID(request.customer_id),
            contact_point_id=uuid.UUID(request.contact_point_id),
            etag=request.etag,
        )

    async def VerifyContactPoint(self, request: Any, call: Call) -> Any:
        return await contact_points.verify(
            uow=self._work(call, _customer_for(call)),
            customer_id=uuid.UUID(request.customer_id),
            contact_point_id=uuid.UUID(request.contact_point_id),
            method=request.method,
            shared=request.shared,
            etag=request.etag,
        )


class RelationApi:
    """marque.customer.v1.RelationService."""

    service = "marque.customer.v1.RelationService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ListRelations(self, request: Any, call: Call) -> Any:
        page, customer_id = page_of(request), uuid.UUID(request.customer_id)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by != "start_time"
        async with self._work.read() as session:
            family = await families.seen(session, call.principal, customer_id)
            if not family:
                raise CustomerNotFound(customer_id=request.customer_id)
            rows = await timeline.relations(
                session, call.principal, family, relation_filters(request), page, descending, after
            )
        return relation_page(call, *page.cut(rows, lambda row: (row.start_time, str(row.relation_id))))


class InteractionApi:
    """marque.customer.v1.InteractionService."""

    service = "marque.customer.v1.InteractionService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def LogInteraction(self, request: Any, call: Call) -> Any:
        return await interactions.log(
            uow=self._work(call, interaction_for(call)),
            customer_id=uuid.UUID(request.interaction.customer_id),
            values=interaction_values(request.interaction, call.principal),
        )

    async def ListInteractions(self, request: Any, call: Call) -> Any:
        page, customer_id = page_of(request), uuid.UUID(request.customer_id)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by != "occur_time"
        async with self._work.read() as session:
            family = await families.seen(session, call.principal, customer_id)
            if not family:
                raise CustomerNotFound(customer_id=request.customer_id)
            rows = await timeline.touches(
                session, call.principal, family, touch_filter(request), page, descending, after
            )
        return touch_page(call, *page.cut(rows, lambda row: (row.occur_time, str(row.interaction_id))))


class ConsentApi:
    """marque.customer.v1.ConsentService."""

    service = "marque.customer.v1.ConsentService"

    def __init__(self, work: Work, windows: Windows) -> None:
        self._work = work
        self._windows = windows

    async def GrantConsent(self, request: Any, call: Call) -> Any:
        return await self._add(request, call, GRANTED)

    async def WithdrawConsent(self, request: Any, call: Call) -> Any:
        async with settles(self._work, uuid.UUID(request.customer_id), self._windows):
            return await self._add(request, call, WITHDRAWN)

    async def _add(self, request: Any, call: Call, action: int) -> Any:
        return await consents.add(
            uow=self._work(call, consent_mapping.entry_for(call)),
            customer_id=uuid.UUID(request.customer_id),
            values=consent_mapping.entry_values(request.entry, action),
        )

    async def ListConsents(self, request: Any, call: Call) -> Any:
        page, customer_id = page_of(request), uuid.UUID(request.customer_id)
        after = page_key(page, token_moment, uuid.UUID)
        async with self._work.read() as session:
            family = await families.seen(session, call.principal, customer_id)
            if not family:
                raise CustomerNotFound(customer_id=request.customer_id)
            rows = await ledger.page(
                session,
                call.principal,
                family,
                ledger_filters(request),
                page,
                request.order_by != "known_time",
                after,
            )
        shown, token = page.cut(rows, lambda row: (row.known_time, str(row.consent_entry_id)))
        entries = [consent_mapping.entry_for(call)(row) for row in shown]
        return consent_service_pb2.ListConsentsResponse(entries=entries, next_page_token=token)

    async def CheckConsent(self, request: Any, call: Call) -> Any:
        subject, known = consent_mapping.question(request)
        consents.refuse_foreign(call.principal, request.controller_kind, request.controller_id)
        async with self._work.read() as session:
            allowed, reason, proof, moment = await consents.check(
                session=session,
                principal=call.principal,
                customer_id=uuid.UUID(request.customer_id),
                subject=subject,
                known=known,
            )
        return consent_service_pb2.CheckConsentResponse(
            allowed=allowed,
            reason=reason,
            proof=consent_mapping.entry_for(call)(proof) if proof is not None else None,
            known_time=stamp(moment),
        )


def servicers(work: Work, windows: Windows, network: Network | None) -> list[Any]:
    """Returns the servicers of this service but those of the kit."""
    kinds = (CustomerApi, ContactPointApi, RelationApi, InteractionApi, ContactRuleApi, IdentityApi)
    leads = (LeadApi, LeadPromiseApi, LeadRulesApi, LeadIntakeApi, InboundApi)
    showroom = (DemoCarApi, TestDriveApi, ReferralApi, LeadRecallApi, FleetDealApi)
    waiting = (ConsentApi, ContactPermitApi, PreferenceApi, CallApi, TaskApi)
    asking = [QuoteApi(work, network)]
    people = (LifecycleApi, CustomerTieApi, HoldingApi, ProfileApi, DuplicateRunApi)
    return [
        *asking,
        *(kind(work) for kind in (*kinds, *leads, *showroom, *people)),
        *(kind(work, windows) for kind in waiting),
    ]
