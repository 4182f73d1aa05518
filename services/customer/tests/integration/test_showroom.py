"""What else follows a lead: referrals and their credit over merges, losses that are asked again, fleet deals over dealers."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
import pytest_asyncio
from google.type import money_pb2
from marque.customer.v1 import (
    customer_pb2,
    customer_service_pb2,
    fleet_deal_pb2,
    identity_service_pb2,
    lead_pb2,
    lead_promise_pb2,
    lead_promise_service_pb2,
    lead_recall_service_pb2,
    lead_rules_service_pb2,
    lead_service_pb2,
    quote_pb2,
    quote_service_pb2,
    referral_pb2,
    referral_service_pb2,
    task_pb2,
    task_service_pb2,
)
from marque.customer.v1 import fleet_deal_service_pb2 as deals
from marque.type.v1 import personal_data_pb2

LEADS, REFERRALS, DEALS = "customer.v1.LeadService", "customer.v1.ReferralService", "customer.v1.FleetDealService"
RECALLS, PROMISES, RULES = (
    "customer.v1.LeadRecallService",
    "customer.v1.LeadPromiseService",
    "customer.v1.LeadRulesService",
)
STATE = referral_pb2.ReferralState
PRICE, COMPETITOR = lead_pb2.LEAD_LOSS_REASON_PRICE, lead_pb2.LEAD_LOSS_REASON_COMPETITOR


class Floor:
    """A dealer's floor, and the maker's people behind it."""

    def __init__(self, desk: Any, dealer: str) -> None:
        self.desk, self.dealer, self.agent = desk, dealer, desk.agent
        self.adviser, self.manager = desk.dealer(dealer), desk.dealer(dealer, "dealer.manager")
        self.keyaccount = desk.platform.client("customer", "oem.keyaccount")

    async def person(self) -> str:
        return str((await self.desk.create(self.adviser)).customer_id)

    async def lead(self, person: str, model: str = "One") -> Any:
        wish = lead_pb2.Lead(customer_id=person, source=lead_pb2.LEAD_SOURCE_REFERRAL)
        wish.interest.model = model
        return await self.adviser.call(f"{LEADS}/CreateLead", lead_service_pb2.CreateLeadRequest(lead=wish))

    async def refer(self, lead: Any, referrer: str) -> Any:
        request = referral_service_pb2.CreateReferralRequest(lead_id=lead.lead_id, referrer_customer_id=referrer)
        return await self.adviser.call(f"{REFERRALS}/CreateReferral", request)

    async def referral(self, referral: Any) -> Any:
        request = referral_service_pb2.GetReferralRequest(referral_id=referral.referral_id)
        return await self.adviser.call(f"{REFERRALS}/GetReferral", request)

    async def win(self, lead: Any) -> None:
        await self.adviser.call(f"{LEADS}/WinLead", lead_service_pb2.WinLeadRequest(lead_id=lead.lead_id))

    async def lose(self, lead: Any) -> None:
        proposed = lead_service_pb2.ProposeLeadLossRequest(lead_id=lead.lead_id, reason=PRICE)
        await self.adviser.call(f"{LEADS}/ProposeLeadLoss", proposed)
        decided = lead_service_pb2.DecideLeadLossRequest(lead_id=lead.lead_id, approved=True, reason="True")
        await self.manager.call(f"{LEADS}/DecideLeadLoss", decided)

    async def merge(self, into: str, gone: str) -> str:
        request = identity_service_pb2.MergeCustomersRequest(
            customer_id=into, from_customer_id=gone, reasons=["SAME_PHONE"]
        )
        merged = await self.agent.call("customer.v1.IdentityService/MergeCustomers", request)
        return str(merged.merge_id)

    async def unmerge(self, merge_id: str) -> None:
        request = identity_service_pb2.UnmergeCustomersRequest(merge_id=merge_id, reason="TWO_PEOPLE")
        await self.agent.call("customer.v1.IdentityService/UnmergeCustomers", request)

    async def reason(self, asked: Any) -> str:
        with pytest.raises(self.desk.failure) as refused:
            await asked
        return next(iter(refused.value.fields.values()), str(refused.value.reason))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def floor(desk: Any) -> Floor:
    rules = await desk.platform.client("customer", "oem.manager").call(
        f"{RULES}/GetLeadRules", lead_rules_service_pb2.GetLeadRulesRequest()
    )
    rules.recall_share = 1
    request = lead_rules_service_pb2.PutLeadRulesRequest(rules=rules)
    await desk.platform.client("customer", "oem.manager").call(f"{RULES}/PutLeadRules", request)
    return Floor(desk, await desk.known_dealer())


class TestReferrals:
    async def test_the_referrer_has_the_credit_once_the_lead_is_won(self, floor: Floor) -> None:
        lead, friend = await floor.lead(await floor.person()), await floor.person()
        referral = await floor.refer(lead, friend)
        assert referral.state == STATE.REFERRAL_STATE_OPEN
        assert await floor.reason(floor.refer(lead, await floor.person())) == "REFERRAL_TAKEN"
        await floor.win(lead)
        credited = await floor.referral(referral)
        assert credited.state == STATE.REFERRAL_STATE_CREDITED
        assert credited.HasField("credit_time")
        assert len(await floor.desk.events("ReferralCredited", referral.referral_id)) == 1

    async def test_a_lost_lead_gives_none(self, floor: Floor) -> None:
        lead = await floor.lead(await floor.person())
        referral = await floor.refer(lead, await floor.person())
        await floor.lose(lead)
        assert (await floor.referral(referral)).state == STATE.REFERRAL_STATE_LOST

    async def test_nobody_refers_themselves_under_any_of_their_ids(self, floor: Floor) -> None:
        person, alias = await floor.person(), await floor.person()
        lead = await floor.lead(person)
        merged = await floor.merge(alias, person)
        assert await floor.reason(floor.refer(lead, alias)) == "REFERRAL_TO_SELF"
        await floor.unmerge(merged)
        assert await floor.reason(floor.refer(lead, person)) == "REFERRAL_TO_SELF"
        assert (await floor.refer(lead, alias)).state == STATE.REFERRAL_STATE_OPEN

    async def test_a_circle_is_refused_over_several_people_and_a_merge(self, floor: Floor) -> None:
        one, two, three, also_two = [await floor.person() for _ in range(4)]
        await floor.refer(await floor.lead(two), one)
        await floor.refer(await floor.lead(three), also_two)
        first = await floor.lead(one)
        merged = await floor.merge(two, also_two)
        assert await floor.reason(floor.refer(first, three)) == "REFERRAL_CYCLE"
        await floor.unmerge(merged)
        assert (await floor.refer(first, three)).referrer_customer_id == three

    async def test_of_referrals_that_would_close_a_circle_at_once_one_is_refused(self, floor: Floor) -> None:
        people = [await floor.person() for _ in range(4)]
        leads = [await floor.lead(person) for person in people]
        asked = [floor.refer(lead, people[index - 1]) for index, lead in enumerate(leads)]
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert sorted(one.reason for one in told if isinstance(one, floor.desk.failure)) == ["REFERRAL_CYCLE"]

    async def test_two_who_stand_as_one_get_the_credit_when_that_is_undone(self, floor: Floor) -> None:
        person, friend = await floor.person(), await floor.person()
        lead = await floor.lead(person)
        referral = await floor.refer(lead, friend)
        merged = await floor.merge(friend, person)
        await floor.win(lead)
        assert (await floor.referral(referral)).state == STATE.REFERRAL_STATE_SAME_PERSON
        assert await floor.desk.events("ReferralCredited", referral.referral_id) == []
        await floor.unmerge(merged)
        assert (await floor.referral(referral)).state == STATE.REFERRAL_STATE_CREDITED
        again = await floor.merge(friend, person)
        assert (await floor.referral(referral)).state == STATE.REFERRAL_STATE_CREDITED
        listed = await floor.adviser.call(
            f"{REFERRALS}/ListReferrals", referral_service_pb2.ListReferralsRequest(referrer_customer_id=person)
        )
        assert [one.referral_id for one in listed.referrals] == [referral.referral_id]
        await floor.unmerge(again)
        assert len(await floor.desk.events("ReferralCredited", referral.referral_id)) == 1


class TestRecalls:
    async def record(self, floor: Floor, lead: Any, client: Any = None, **said: Any) -> Any:
        request = lead_recall_service_pb2.RecordLeadRecallRequest(lead_id=lead.lead_id, **said)
        return await (client or floor.agent).call(f"{RECALLS}/RecordLeadRecall", request)

    async def test_what_the_person_says_is_kept_and_ends_the_task(self, floor: Floor) -> None:
        lead = await floor.lead(await floor.person())
        assert await floor.reason(self.record(floor, lead, reached=True, loss_reason=PRICE)) == "LEAD_NOT_LOST"
        await floor.lose(lead)
        assert await floor.reason(self.record(floor, lead, reached=True)) == "FIELD_REQUIRED"
        assert await floor.reason(self.record(floor, lead, reopen=True)) == "FIELD_NOT_ALLOWED"
        with pytest.raises(floor.desk.failure) as dealer:
            await self.record(floor, lead, floor.manager, reached=True, loss_reason=PRICE)
        assert dealer.value.code == "PERMISSION_DENIED"

        told = await self.record(floor, lead, reached=True, loss_reason=COMPETITOR, note="另一家更近")
        assert (told.stated_reason, told.loss_reason, told.agrees) == (PRICE, COMPETITOR, False)
        assert await floor.reason(self.record(floor, lead, reached=False)) == "LEAD_NOT_LOST"
        tasks = await floor.agent.call(
            "customer.v1.TaskService/ListTasks", task_service_pb2.ListTasksRequest(lead_id=lead.lead_id)
        )
        assert [(one.kind, one.state) for one in tasks.tasks if one.kind == task_pb2.TASK_KIND_RECALL] == [
            (task_pb2.TASK_KIND_RECALL, task_pb2.TASK_STATE_DONE)
        ]

    async def test_the_report_tells_by_dealer_what_agreed(self, floor: Floor) -> None:
        mine = Floor(floor.desk, await floor.desk.known_dealer())
        for said in (
            {"reached": True, "loss_reason": PRICE},
            {"reached": True, "loss_reason": COMPETITOR},
            {"reached": False},
        ):
            lead = await mine.lead(await mine.person())
            await mine.lose(lead)
            await self.record(mine, lead, **said)
        request = lead_recall_service_pb2.GetLeadRecallReportRequest(dealer_id=mine.dealer)
        (row,) = (await mine.agent.call(f"{RECALLS}/GetLeadRecallReport", request)).rows
        assert (row.called, row.reached, row.agreeing, row.reopened) == (3, 2, 1, 0)
        page = await mine.agent.call(
            f"{RECALLS}/ListLeadRecalls",
            lead_recall_service_pb2.ListLeadRecallsRequest(dealer_id=mine.dealer, page_size=2),
        )
        assert (len(page.recalls), bool(page.next_page_token)) == (2, True)

    async def test_who_still_wants_a_car_goes_to_another_dealer(self, floor: Floor) -> None:
        lead = await floor.lead(await floor.person())
        referral = await floor.refer(lead, await floor.person())
        await floor.lose(lead)
        await self.record(floor, lead, reached=True, loss_reason=PRICE, reopen=True)
        found = await floor.agent.call(f"{LEADS}/GetLead", lead_service_pb2.GetLeadRequest(lead_id=lead.lead_id))
        assert (found.stage, found.dealer_id, found.loss_reason) == (lead_pb2.LEAD_STAGE_RECYCLED, "", 0)
        with pytest.raises(floor.desk.failure) as gone:
            await floor.adviser.call(f"{LEADS}/GetLead", lead_service_pb2.GetLeadRequest(lead_id=lead.lead_id))
        assert gone.value.reason == "LEAD_NOT_FOUND"
        assert (await floor.referral(referral)).state == STATE.REFERRAL_STATE_OPEN


class TestFleetDeals:
    async def organisation(self, floor: Floor) -> str:
        works = customer_pb2.Customer(
            kind=customer_pb2.CUSTOMER_KIND_ORGANISATION, organisation_name=f"Works {uuid.uuid4().hex}"
        )
        request = customer_service_pb2.CreateCustomerRequest(customer=works)
        return str((await floor.agent.call("customer.v1.CustomerService/CreateCustomer", request)).customer_id)

    def part(self, dealer: str, quantity: int = 10) -> fleet_deal_pb2.FleetDealPart:
        return fleet_deal_pb2.FleetDealPart(dealer_id=dealer, model="One", quantity=quantity)

    async def deal(self, floor: Floor, *dealers: str) -> Any:
        request = deals.CreateFleetDealRequest(
            customer_id=await self.organisation(floor), title="警车", parts=[self.part(dealer) for dealer in dealers]
        )
        return await floor.keyaccount.call(f"{DEALS}/CreateFleetDeal", request)

    async def close(self, client: Any, deal: Any, index: int, **said: Any) -> Any:
        part = deal.parts[index]
        request = deals.CloseFleetDealPartRequest(
            fleet_deal_id=deal.fleet_deal_id, fleet_deal_part_id=part.fleet_deal_part_id, etag=part.etag, **said
        )
        return await client.call(f"{DEALS}/CloseFleetDealPart", request)

    async def test_each_dealer_sees_its_part_and_the_maker_all(self, floor: Floor) -> None:
        other = await floor.desk.known_dealer()
        deal = await self.deal(floor, floor.dealer, other)
        get = deals.GetFleetDealRequest(fleet_deal_id=deal.fleet_deal_id)
        mine = await floor.adviser.call(f"{DEALS}/GetFleetDeal", get)
        theirs = await floor.desk.dealer(other).call(f"{DEALS}/GetFleetDeal", get)
        assert [part.dealer_id for part in deal.parts] == [floor.dealer, other]
        assert [part.dealer_id for part in mine.parts] == [floor.dealer]
        assert [part.dealer_id for part in theirs.parts] == [other]
        assert await floor.desk.sees(floor.adviser, deal.customer_id)
        stranger = floor.desk.dealer(await floor.desk.known_dealer())
        assert await floor.reason(stranger.call(f"{DEALS}/GetFleetDeal", get)) == "FLEET_DEAL_NOT_FOUND"
        assert await floor.reason(self.close(floor.adviser, deal, 1, won_quantity=1)) == "FLEET_DEAL_PART_NOT_FOUND"
        with pytest.raises(floor.desk.failure) as denied:
            await floor.manager.call(
                f"{DEALS}/AddFleetDealPart",
                deals.AddFleetDealPartRequest(fleet_deal_id=deal.fleet_deal_id, part=self.part(floor.dealer)),
            )
        assert denied.value.code == "PERMISSION_DENIED"

    async def test_parts_are_won_and_lost_once_and_the_whole_follows(self, floor: Floor) -> None:
        other = await floor.desk.known_dealer()
        deal = await self.deal(floor, floor.dealer, other)
        assert await floor.reason(self.close(floor.adviser, deal, 0, won_quantity=11)) == "QUANTITY_WRONG"
        assert await floor.reason(self.close(floor.adviser, deal, 0)) == "FIELD_REQUIRED"
        assert await floor.reason(self.close(floor.adviser, deal, 0, loss_reason=COMPETITOR)) == "COMPETITOR_MISSING"
        told = await asyncio.gather(
            *(self.close(floor.adviser, deal, 0, won_quantity=count) for count in (3, 4)), return_exceptions=True
        )
        (won,) = [one for one in told if not isinstance(one, Exception)]
        assert won.state == fleet_deal_pb2.FLEET_DEAL_STATE_WON
        lost = await self.close(floor.desk.dealer(other), deal, 1, loss_reason=COMPETITOR, competitor="Other")
        assert lost.state == fleet_deal_pb2.FLEET_DEAL_STATE_LOST
        get = deals.GetFleetDealRequest(fleet_deal_id=deal.fleet_deal_id)
        whole = await floor.keyaccount.call(f"{DEALS}/GetFleetDeal", get)
        assert (whole.state, whole.parts[0].won_quantity) == (
            fleet_deal_pb2.FLEET_DEAL_STATE_WON,
            won.parts[0].won_quantity,
        )
        part = deal.parts[0].fleet_deal_part_id
        assert len(await floor.desk.events("FleetDealPartChanged", part)) == 2

    async def test_lists_page_by_page_show_a_dealer_its_own_once(self, floor: Floor) -> None:
        dealer, other = await floor.desk.known_dealer(), await floor.desk.known_dealer()
        made = [await self.deal(floor, dealer, dealer, other) for _ in range(3)]
        await self.deal(floor, other)

        async def listed(client: Any, **wanted: Any) -> list[str]:
            found, token = [], ""
            while True:
                request = deals.ListFleetDealsRequest(page_size=2, page_token=token, **wanted)
                page = await client.call(f"{DEALS}/ListFleetDeals", request)
                found += [one.fleet_deal_id for one in page.fleet_deals]
                token = page.next_page_token
                if not token:
                    return found

        ids = [one.fleet_deal_id for one in made]
        assert await listed(floor.desk.dealer(dealer), order_by="create_time") == ids
        assert await listed(floor.keyaccount, dealer_id=dealer) == ids[::-1]
        assert await listed(floor.keyaccount, customer_id=made[0].customer_id) == ids[:1]

    async def test_fleet_deals_are_made_with_organisations(self, floor: Floor) -> None:
        request = deals.CreateFleetDealRequest(
            customer_id=await floor.person(), title="Vans", parts=[self.part(floor.dealer)]
        )
        asked = floor.keyaccount.call(f"{DEALS}/CreateFleetDeal", request)
        assert await floor.reason(asked) == "NOT_AN_ORGANISATION"


class TestMerged:
    async def test_leads_and_promises_of_a_merged_person_are_listed_under_both_ids(self, floor: Floor) -> None:
        kept, gone = await floor.person(), await floor.person()
        lead = await floor.lead(gone)
        promise = lead_promise_pb2.LeadPromise(kind=lead_promise_pb2.LEAD_PROMISE_KIND_GIFT, text="脚垫")
        await floor.adviser.call(
            f"{PROMISES}/AddLeadPromise",
            lead_promise_service_pb2.AddLeadPromiseRequest(lead_id=lead.lead_id, promise=promise),
        )
        merged = await floor.merge(kept, gone)

        async def found(person: str) -> tuple[list[str], list[str]]:
            leads = await floor.adviser.call(
                f"{LEADS}/ListLeads", lead_service_pb2.ListLeadsRequest(customer_id=person, open_only=True)
            )
            told = await floor.adviser.call(
                f"{PROMISES}/ListCustomerPromises",
                lead_promise_service_pb2.ListCustomerPromisesRequest(customer_id=person),
            )
            return [one.lead_id for one in leads.leads], [one.lead_id for one in told.promises]

        assert await found(kept) == await found(gone) == ([lead.lead_id], [lead.lead_id])
        await floor.unmerge(merged)
        assert await found(kept) == ([], [])
        assert await found(gone) == ([lead.lead_id], [lead.lead_id])


class TestErasure:
    async def test_nothing_of_an_erased_person_stays_and_nobody_is_said_to_be_referred_by_them(
        self, floor: Floor
    ) -> None:
        person, friend = await floor.person(), await floor.person()
        lead, other = await floor.lead(person), await floor.lead(friend)
        await floor.refer(lead, friend)
        given = await floor.refer(await floor.lead(await floor.person()), person)
        await floor.lose(other)
        quote = quote_service_pb2.CreateQuoteRequest(lead_id=lead.lead_id)
        price = money_pb2.Money(currency_code="CNY", units=100)
        quote.lines.add(kind=quote_pb2.QUOTE_LINE_KIND_VEHICLE, text="One", unit_price=price)
        made = await floor.adviser.call("customer.v1.QuoteService/CreateQuote", quote)
        again = quote_service_pb2.ReviseQuoteRequest(quote_id=made.quote_id, lines=quote.lines)
        await floor.adviser.call("customer.v1.QuoteService/ReviseQuote", again)
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=person, erasure_id=str(uuid.uuid4()))
        await floor.desk.service.call("customer.v1.CustomerPersonalDataService/ErasePersonalData", request)

        for table in ("quotes", "quote_versions", "referrals", "leads"):
            query = f"SELECT 1 FROM {table} WHERE customer_id = $1"
            assert await floor.desk.platform.sql("customer", query, uuid.UUID(person)) == []
        assert await floor.reason(floor.referral(given)) == "REFERRAL_NOT_FOUND"
