"""Quotes at a running service beside a running network: seen alike, allowed by whose limit covers them, and what becomes of the lead."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
import pytest_asyncio
from google.type import money_pb2
from marque.customer.v1 import (
    interaction_service_pb2,
    lead_pb2,
    lead_service_pb2,
    quote_pb2,
    task_pb2,
    task_service_pb2,
)
from marque.customer.v1 import quote_service_pb2 as rpc
from marque.network.v1 import staff_pb2, staff_service_pb2
from marque.type.v1 import person_name_pb2
from servicekit.testing.platform import Platform, until

LEADS, QUOTES, TASKS = "customer.v1.LeadService", "customer.v1.QuoteService", "customer.v1.TaskService"
STATE = quote_pb2.QuoteState


def yuan(units: int) -> money_pb2.Money:
    return money_pb2.Money(currency_code="CNY", units=units)


def lines(discount: int = 0) -> list[quote_pb2.QuoteLine]:
    """A car of 200,000, mats of 2 × 500, and what is taken off."""
    found = [
        quote_pb2.QuoteLine(kind=quote_pb2.QUOTE_LINE_KIND_VEHICLE, text="One", unit_price=yuan(199_000)),
        quote_pb2.QuoteLine(
            kind=quote_pb2.QUOTE_LINE_KIND_ACCESSORY, text="脚垫", quantity=2, unit_price=yuan(500), amount=yuan(1000)
        ),
    ]
    if discount:
        found.append(
            quote_pb2.QuoteLine(kind=quote_pb2.QUOTE_LINE_KIND_DISCOUNT, text="优惠", unit_price=yuan(discount))
        )
    return found


class Showroom:
    """A dealer's advisers and managers, with leads whose person was reached."""

    def __init__(self, desk: Any, dealer: str) -> None:
        self.desk, self.dealer = desk, dealer
        self.adviser, self.colleague = desk.dealer(dealer), desk.dealer(dealer)
        self.manager, self.deputy = (desk.dealer(dealer, "dealer.manager") for _ in range(2))
        self.failure = desk.failure

    async def lead(self, model: str = "One") -> Any:
        person = await self.desk.create(self.adviser)
        wish = lead_pb2.Lead(customer_id=person.customer_id, source=lead_pb2.LEAD_SOURCE_SHOWROOM)
        wish.interest.model = model
        lead = await self.adviser.call(f"{LEADS}/CreateLead", lead_service_pb2.CreateLeadRequest(lead=wish))
        reached = lead_service_pb2.RecordLeadContactRequest(lead_id=lead.lead_id, reached=True)
        return await self.adviser.call(f"{LEADS}/RecordLeadContact", reached)

    async def stage(self, lead: Any) -> int:
        found = await self.adviser.call(f"{LEADS}/GetLead", lead_service_pb2.GetLeadRequest(lead_id=lead.lead_id))
        return int(found.stage)

    async def offer(self, lead: Any, discount: int = 0, **more: Any) -> Any:
        request = rpc.CreateQuoteRequest(lead_id=lead.lead_id, lines=lines(discount), **more)
        return await self.adviser.call(f"{QUOTES}/CreateQuote", request)

    async def verb(self, name: str, quote: Any, client: Any = None, **more: Any) -> Any:
        request = getattr(rpc, f"{name}Request")(quote_id=quote.quote_id, **more)
        return await (client or self.adviser).call(f"{QUOTES}/{name}", request)

    async def decide(self, quote: Any, client: Any, *, approved: bool = True) -> Any:
        return await self.verb("DecideQuoteApproval", quote, client, approved=approved, reason="So be it")

    async def sent(self, lead: Any, discount: int = 0) -> Any:
        return await self.verb("SendQuote", await self.offer(lead, discount))

    async def refused(self, asked: Any) -> str:
        with pytest.raises(self.failure) as failure:
            await asked
        return str(failure.value.reason)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(platform: Platform, make_desk: type[Any]) -> Any:
    await platform.start("network")
    await platform.start("customer")
    return make_desk(platform)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def showroom(desk: Any) -> Showroom:
    return Showroom(desk, await desk.known_dealer())


async def staff(desk: Any, units: int, role: str, dealer: str) -> Any:
    """A client of somebody whose record at network allows a discount."""
    limit = staff_pb2.ApprovalLimit(kind="discount", amount=yuan(units))
    member = staff_pb2.StaffMember(
        employee_number=uuid.uuid4().hex, name=person_name_pb2.PersonName(full_name="韩梅"), roles=["oem.agent"]
    )
    member.approval_limits.append(limit)
    client = desk.platform.client("network", "oem.manager")
    made = await client.call("network.v1.StaffService/CreateStaff", staff_service_pb2.CreateStaffRequest(staff=member))
    return desk.platform.client("customer", role, subject=made.staff_id, dealers=[dealer])


class TestOffers:
    async def test_an_offer_adds_up_is_seen_alike_and_moves_the_lead(self, showroom: Showroom) -> None:
        lead = await showroom.lead()
        made = await showroom.offer(lead, 6000, total=yuan(194_000))
        assert (made.sums.list, made.sums.total, made.sums.rest) == (yuan(200_000), yuan(194_000), yuan(194_000))
        assert (made.sums.discount_basis_points, made.allowed_basis_points, made.needs_approval) == (300, 300, False)

        sent = await showroom.verb("SendQuote", made, etag=made.etag)
        assert await showroom.verb("GetQuote", made, showroom.colleague) == sent
        assert await showroom.stage(lead) == lead_pb2.LEAD_STAGE_QUOTED
        other = showroom.desk.dealer(await showroom.desk.known_dealer())
        assert await showroom.refused(showroom.verb("GetQuote", made, other)) == "QUOTE_NOT_FOUND"

        accepted = await showroom.verb("AcceptQuote", sent, showroom.colleague, etag=sent.etag)
        assert accepted.state == STATE.QUOTE_STATE_ACCEPTED
        assert await showroom.stage(lead) == lead_pb2.LEAD_STAGE_ORDERED
        line = await showroom.adviser.call(
            "customer.v1.InteractionService/ListInteractions",
            interaction_service_pb2.ListInteractionsRequest(customer_id=lead.customer_id),
        )
        assert f"quote:{made.quote_id}:1" in [touch.content_key for touch in line.interactions]
        assert len(await showroom.desk.events("QuoteStateChanged", made.quote_id)) == 3

    async def test_a_fleet_of_sports_cars_costs_more_than_thirty_two_bits_of_fen(self, showroom: Showroom) -> None:
        lead = await showroom.lead()
        cars = quote_pb2.QuoteLine(
            kind=quote_pb2.QUOTE_LINE_KIND_VEHICLE, text="R", quantity=1000, unit_price=yuan(90_000_000)
        )
        request = rpc.CreateQuoteRequest(lead_id=lead.lead_id, lines=[cars])
        made = await showroom.adviser.call(f"{QUOTES}/CreateQuote", request)
        assert made.sums.total == yuan(90_000_000_000)

    async def test_a_revision_keeps_what_was_offered_before(self, showroom: Showroom) -> None:
        lead = await showroom.lead()
        first = await showroom.sent(lead, 1000)
        second = await showroom.verb("ReviseQuote", first, lines=lines(2000), etag=first.etag)
        assert (second.number, second.state, second.sums.total) == (2, STATE.QUOTE_STATE_DRAFT, yuan(198_000))
        told = await showroom.verb("ListQuoteVersions", first)
        assert [(one.number, one.state, one.sums.total) for one in told.versions] == [
            (1, STATE.QUOTE_STATE_SENT, yuan(199_000))
        ]
        assert await showroom.refused(showroom.verb("AcceptQuote", second)) == "QUOTE_STATE_WRONG"
        assert await showroom.refused(showroom.verb("SendQuote", second, etag=first.etag)) == "ETAG_MISMATCH"

    async def test_of_two_accepted_at_once_one_is_and_the_other_is_taken_back(self, showroom: Showroom) -> None:
        lead = await showroom.lead()
        both = [await showroom.sent(lead), await showroom.sent(lead, 500)]
        told = await asyncio.gather(*(showroom.verb("AcceptQuote", one) for one in both), return_exceptions=True)
        assert sum(not isinstance(one, Exception) for one in told) == 1
        states = [(await showroom.verb("GetQuote", one)).state for one in both]
        assert sorted(states) == [STATE.QUOTE_STATE_ACCEPTED, STATE.QUOTE_STATE_WITHDRAWN]

    async def test_an_offer_whose_time_is_over_expires_and_can_be_made_anew(self, showroom: Showroom) -> None:
        quote = await showroom.sent(await showroom.lead())
        sql = showroom.desk.platform.sql
        key = uuid.UUID(quote.quote_id)
        await sql("customer", "UPDATE quotes SET valid_until_time = now() WHERE quote_id = $1", key)
        assert await showroom.refused(showroom.verb("AcceptQuote", quote)) == "QUOTE_EXPIRED"
        await sql("customer", "UPDATE due_work SET due_time = now() WHERE kind = 'quote-expire' AND key = $1", str(key))

        async def expired() -> bool:
            return bool((await showroom.verb("GetQuote", quote)).state == STATE.QUOTE_STATE_EXPIRED)

        await until(expired, 20, "the quote did not expire")
        assert (await showroom.verb("ReviseQuote", quote, lines=lines())).number == 2

    async def test_a_retry_makes_one_quote(self, showroom: Showroom) -> None:
        lead, key = await showroom.lead(), uuid.uuid4().hex
        made = [await showroom.offer(lead, request_id=key) for _ in range(2)]
        assert made[0] == made[1]
        listed = await showroom.adviser.call(f"{QUOTES}/ListQuotes", rpc.ListQuotesRequest(lead_id=lead.lead_id))
        assert [one.quote_id for one in listed.quotes] == [made[0].quote_id]


class TestApproval:
    async def test_a_discount_above_the_limit_waits_for_a_manager_and_makes_a_task(self, showroom: Showroom) -> None:
        lead = await showroom.lead()
        quote = await showroom.offer(lead, 10_000)
        assert quote.needs_approval
        assert await showroom.refused(showroom.verb("SendQuote", quote)) == "QUOTE_NOT_APPROVED"
        asked = await showroom.verb("RequestQuoteApproval", quote, reason="年底冲量")
        tasks = await showroom.manager.call(
            f"{TASKS}/ListTasks",
            task_service_pb2.ListTasksRequest(lead_id=lead.lead_id, state=task_pb2.TASK_STATE_OPEN),
        )
        assert [task.kind for task in tasks.tasks] == [task_pb2.TASK_KIND_DECIDE_DISCOUNT]
        with pytest.raises(showroom.failure) as adviser:
            await showroom.decide(asked, showroom.colleague)
        assert adviser.value.code == "PERMISSION_DENIED"

        allowed = await showroom.decide(asked, showroom.manager)
        task = await showroom.manager.call(
            f"{TASKS}/GetTask", task_service_pb2.GetTaskRequest(task_id=tasks.tasks[0].task_id)
        )
        assert (allowed.state, task.state) == (STATE.QUOTE_STATE_APPROVED, task_pb2.TASK_STATE_DONE)
        assert (await showroom.verb("SendQuote", allowed)).state == STATE.QUOTE_STATE_SENT

    async def test_of_two_who_decide_at_once_one_does(self, showroom: Showroom) -> None:
        for _ in range(3):
            quote = await showroom.offer(await showroom.lead(), 10_000)
            asked = await showroom.verb("RequestQuoteApproval", quote, reason="Because")
            told = await asyncio.gather(
                showroom.decide(asked, showroom.manager),
                showroom.decide(asked, showroom.deputy, approved=False),
                return_exceptions=True,
            )
            (won,) = [one for one in told if not isinstance(one, Exception)]
            (lost,) = [one for one in told if isinstance(one, showroom.failure)]
            assert lost.reason == "QUOTE_STATE_WRONG"
            assert (await showroom.verb("GetQuote", quote)).state == won.state

    async def test_who_asks_does_not_decide_and_limits_bind_managers_too(self, showroom: Showroom) -> None:
        lead = await showroom.lead()
        request = rpc.CreateQuoteRequest(lead_id=lead.lead_id, lines=lines(20_000))
        quote = await showroom.manager.call(f"{QUOTES}/CreateQuote", request)
        assert (quote.allowed_basis_points, quote.needs_approval) == (800, True)
        asked = await showroom.verb("RequestQuoteApproval", quote, showroom.manager, reason="Fleet")
        assert await showroom.refused(showroom.decide(asked, showroom.manager)) == "APPROVAL_NOT_YOURS"
        assert await showroom.refused(showroom.decide(asked, showroom.deputy)) == "APPROVAL_LIMIT_EXCEEDED"

    async def test_a_personal_limit_at_network_covers_what_the_roles_does_not(self, showroom: Showroom) -> None:
        quote = await showroom.offer(await showroom.lead(), 20_000)
        asked = await showroom.verb("RequestQuoteApproval", quote, reason="Because")
        short = await staff(showroom.desk, 19_999, "dealer.manager", showroom.dealer)
        enough = await staff(showroom.desk, 20_000, "dealer.manager", showroom.dealer)
        assert await showroom.refused(showroom.decide(asked, short)) == "APPROVAL_LIMIT_EXCEEDED"
        assert (await showroom.decide(asked, enough)).state == STATE.QUOTE_STATE_APPROVED

        trusted = await staff(showroom.desk, 20_000, "dealer.sales", showroom.dealer)
        own = await showroom.offer(await showroom.lead(), 20_000)
        at_once = await showroom.verb("RequestQuoteApproval", own, trusted, reason="Within my own limit")
        assert at_once.state == STATE.QUOTE_STATE_APPROVED


class TestAdvice:
    async def test_advice_tells_what_was_offered_and_what_like_cars_went_for(self, showroom: Showroom) -> None:
        model = uuid.uuid4().hex
        for discount in (1000, 2000, 6000):
            sold = await showroom.sent(await showroom.lead(model), discount)
            await showroom.verb("AcceptQuote", sold)
        lead = await showroom.lead(model)
        mine = await showroom.sent(lead, 4000)
        ask = rpc.GetQuoteAdviceRequest(lead_id=lead.lead_id)
        told = await showroom.colleague.call(f"{QUOTES}/GetQuoteAdvice", ask)
        boss = await showroom.manager.call(f"{QUOTES}/GetQuoteAdvice", ask)

        assert [one.quote_id for one in told.past_quotes] == [mine.quote_id]
        assert (told.like_cars.sent, told.like_cars.accepted) == (4, 3)
        assert (told.like_cars.median_basis_points, told.like_cars.highest_basis_points) == (100, 300)
        assert (told.allowed_basis_points, boss.allowed_basis_points) == (300, 800)

    async def test_limits_are_versioned_and_two_writers_do_not_overwrite_each_other(self, showroom: Showroom) -> None:
        client = showroom.desk.platform.client("customer", "oem.manager")
        known = await client.call(f"{QUOTES}/GetQuoteRules", rpc.GetQuoteRulesRequest())
        changed = quote_pb2.QuoteRules()
        changed.CopyFrom(known)
        changed.limits.add(role="oem.agent", basis_points=50)
        written = await client.call(f"{QUOTES}/PutQuoteRules", rpc.PutQuoteRulesRequest(rules=changed))
        assert written.version == known.version + 1
        changed.limits[0].basis_points = 9999
        with pytest.raises(showroom.failure) as stale:
            await client.call(f"{QUOTES}/PutQuoteRules", rpc.PutQuoteRulesRequest(rules=changed))
        assert stale.value.reason == "ETAG_MISMATCH"
        first = await client.call(f"{QUOTES}/GetQuoteRules", rpc.GetQuoteRulesRequest(version=known.version))
        assert first == known
