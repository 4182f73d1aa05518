"""Leads at the desk: taken, graded, given, worked, won and lost; what each dealer sees; two at once."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from google.type import date_pb2, money_pb2
from marque.customer.v1 import lead_pb2, lead_promise_pb2, lead_promise_service_pb2, lead_rules_pb2
from marque.customer.v1 import lead_rules_service_pb2 as rules_rpc
from marque.customer.v1 import lead_service_pb2 as rpc
from marque.vehicle.v1 import sale_events_pb2

LEADS = "customer.v1.LeadService"
BUY = lead_pb2.LEAD_INTEREST_KIND_BUY
SHOWROOM = lead_pb2.LEAD_SOURCE_SHOWROOM


async def take(
    desk: Any, client: Any, customer_id: str, *, dealer_id: str = "", model: str = "One", **fields: Any
) -> Any:
    """Takes a lead."""
    lead = lead_pb2.Lead(
        customer_id=customer_id,
        source=fields.pop("source", SHOWROOM),
        interest=lead_pb2.LeadInterest(kind=BUY, brand="Marque", model=model),
        **fields,
    )
    return await client.call(f"{LEADS}/CreateLead", rpc.CreateLeadRequest(lead=lead, dealer_id=dealer_id))


async def get(client: Any, lead_id: str) -> Any:
    return await client.call(f"{LEADS}/GetLead", rpc.GetLeadRequest(lead_id=lead_id))


async def changes(client: Any, lead_id: str) -> list[str]:
    found = await client.call(f"{LEADS}/ListLeadChanges", rpc.ListLeadChangesRequest(lead_id=lead_id))
    return [change.kind for change in found.changes]


async def lost(desk: Any, adviser: Any, manager: Any, lead_id: str) -> Any:
    await adviser.call(
        f"{LEADS}/ProposeLeadLoss",
        rpc.ProposeLeadLossRequest(lead_id=lead_id, reason=lead_pb2.LEAD_LOSS_REASON_PRICE),
    )
    return await manager.call(
        f"{LEADS}/DecideLeadLoss", rpc.DecideLeadLossRequest(lead_id=lead_id, approved=True, reason="True")
    )


class TestTaking:
    async def test_a_lead_is_graded_with_reasons_and_given_to_the_named_dealer(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser = desk.dealer(dealer)
        person = await desk.create(adviser, phones=[desk.phone()])

        lead = await take(
            desk,
            adviser,
            person.customer_id,
            timeframe_days=5,
            budget=money_pb2.Money(currency_code="CNY", units=200000),
        )

        assert (lead.dealer_id, lead.stage) == (dealer, lead_pb2.LEAD_STAGE_ASSIGNED)
        assert (lead.grade, lead.rules_version) == ("H", 1)
        assert {"TIMEFRAME_WEEK", "PHONE_GIVEN", "BUDGET_GIVEN"} <= {reason.code for reason in lead.grade_reasons}
        assert [reason.code for reason in lead.routing_reasons] == ["DEALER_NAMED"]
        assert await changes(adviser, lead.lead_id) == ["CREATED", "ASSIGNED"]
        assert len(await desk.events("LeadCreated", lead.lead_id)) == 1
        assert len(await desk.events("LeadAssigned", lead.lead_id)) == 1

    async def test_a_budget_of_more_than_thirty_two_bits_of_fen_is_kept(self, desk: Any) -> None:
        person = await desk.create()
        budget = money_pb2.Money(currency_code="CNY", units=88_000_000)
        assert (await take(desk, desk.agent, person.customer_id, budget=budget)).budget == budget

    async def test_the_same_wish_twice_at_once_is_one_lead(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser = desk.dealer(dealer)
        person = await desk.create(adviser)

        made = await asyncio.gather(*(take(desk, adviser, person.customer_id) for _ in range(5)))

        assert len({lead.lead_id for lead in made}) == 1
        assert await changes(adviser, made[0].lead_id) == ["CREATED", "ASSIGNED"] + ["ASKED_AGAIN"] * 4

    async def test_leads_at_two_dealers_are_joined_and_each_sees_its_own(self, desk: Any) -> None:
        one, two = await desk.known_dealer(), await desk.known_dealer()
        person = await desk.create()
        first = await take(desk, desk.agent, person.customer_id, dealer_id=one)
        second = await take(desk, desk.agent, person.customer_id, dealer_id=two)
        other = await take(desk, desk.agent, person.customer_id, dealer_id=two, model="Two")

        assert len({first.lead_id, second.lead_id, other.lead_id}) == 3
        assert list((await get(desk.agent, first.lead_id)).joined_lead_ids) == [second.lead_id]
        assert list((await get(desk.dealer(one), first.lead_id)).joined_lead_ids) == []
        with pytest.raises(desk.failure) as refused:
            await get(desk.dealer(one), second.lead_id)
        assert refused.value.reason == "LEAD_NOT_FOUND"

    async def test_a_dealer_cannot_take_a_lead_for_another(self, desk: Any) -> None:
        one, two = await desk.known_dealer(), await desk.known_dealer()
        person = await desk.create(desk.dealer(one))
        with pytest.raises(desk.failure) as refused:
            await take(desk, desk.dealer(one), person.customer_id, dealer_id=two)
        assert refused.value.fields == {"dealer_id": "DEALER_NOT_YOURS"}

    @pytest.mark.parametrize(
        ("field", "change"),
        [
            ("lead.interest.vin", {"interest": lead_pb2.LeadInterest(vin="NOPE")}),
            ("lead.budget", {"budget": money_pb2.Money(currency_code="XXQ", units=1)}),
            ("lead.budget", {"budget": money_pb2.Money(currency_code="CNY", units=-1)}),
            ("lead.place", {"place": lead_pb2.LeadPlace(latitude=1.0)}),
            ("lead.place.country_code", {"place": lead_pb2.LeadPlace(postal_code="200000")}),
        ],
    )
    async def test_bad_input_names_its_field(self, desk: Any, field: str, change: dict[str, Any]) -> None:
        person = await desk.create()
        lead = lead_pb2.Lead(customer_id=person.customer_id, source=SHOWROOM, **change)
        with pytest.raises(desk.failure) as refused:
            await desk.agent.call(f"{LEADS}/CreateLead", rpc.CreateLeadRequest(lead=lead))
        assert refused.value.code == "INVALID_ARGUMENT"
        assert list(refused.value.fields) == [field]


class TestWork:
    async def test_a_lead_goes_from_contact_to_sale(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser, manager = desk.dealer(dealer), desk.dealer(dealer, "dealer.manager")
        person = await desk.create(adviser)
        lead = await take(desk, adviser, person.customer_id)
        with pytest.raises(desk.failure) as early:
            await adviser.call(
                f"{LEADS}/AdvanceLead",
                rpc.AdvanceLeadRequest(lead_id=lead.lead_id, stage=lead_pb2.LEAD_STAGE_QUOTED, reason="Hurry"),
            )
        missed = await adviser.call(f"{LEADS}/RecordLeadContact", rpc.RecordLeadContactRequest(lead_id=lead.lead_id))
        reached = await manager.call(
            f"{LEADS}/RecordLeadContact",
            rpc.RecordLeadContactRequest(lead_id=lead.lead_id, reached=True, etag=missed.etag),
        )
        quoted = await adviser.call(
            f"{LEADS}/AdvanceLead",
            rpc.AdvanceLeadRequest(lead_id=lead.lead_id, stage=lead_pb2.LEAD_STAGE_QUOTED, reason="Offer made"),
        )
        won = await adviser.call(f"{LEADS}/WinLead", rpc.WinLeadRequest(lead_id=lead.lead_id))

        assert early.value.reason == "LEAD_STAGE_WRONG"
        assert (missed.stage, missed.contact_count) == (lead_pb2.LEAD_STAGE_ASSIGNED, 1)
        assert reached.stage == lead_pb2.LEAD_STAGE_CONTACTED
        assert reached.HasField("manager_contact_time")
        assert not reached.HasField("respond_due_time")
        days = (reached.next_due_time.ToDatetime() - reached.last_contact_time.ToDatetime()).days
        assert days == {"H": 2, "A": 4, "B": 7, "C": 15}[lead.grade]
        assert (quoted.stage, won.stage) == (lead_pb2.LEAD_STAGE_QUOTED, lead_pb2.LEAD_STAGE_WON)
        with pytest.raises(desk.failure) as closed:
            await adviser.call(f"{LEADS}/WinLead", rpc.WinLeadRequest(lead_id=lead.lead_id))
        assert closed.value.reason == "LEAD_CLOSED"

    async def test_of_two_who_decide_at_once_one_does(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser = desk.dealer(dealer)
        person = await desk.create(adviser)
        lead = await take(desk, adviser, person.customer_id)
        asked = [rpc.WinLeadRequest(lead_id=lead.lead_id, etag=lead.etag) for _ in range(4)]

        told = await asyncio.gather(*(adviser.call(f"{LEADS}/WinLead", one) for one in asked), return_exceptions=True)

        assert sum(not isinstance(one, Exception) for one in told) == 1
        reasons = {one.reason for one in told if isinstance(one, Exception)}
        assert reasons <= {"ETAG_MISMATCH", "LEAD_CLOSED"}

    async def test_a_loss_needs_a_reason_a_competitor_and_another_ones_word(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser, manager = desk.dealer(dealer), desk.dealer(dealer, "dealer.manager")
        person = await desk.create(adviser)
        lead = await take(desk, adviser, person.customer_id)
        with pytest.raises(desk.failure) as unnamed:
            await adviser.call(
                f"{LEADS}/ProposeLeadLoss",
                rpc.ProposeLeadLossRequest(lead_id=lead.lead_id, reason=lead_pb2.LEAD_LOSS_REASON_COMPETITOR),
            )
        await manager.call(
            f"{LEADS}/ProposeLeadLoss",
            rpc.ProposeLeadLossRequest(
                lead_id=lead.lead_id, reason=lead_pb2.LEAD_LOSS_REASON_COMPETITOR, competitor="Other"
            ),
        )
        decide = rpc.DecideLeadLossRequest(lead_id=lead.lead_id, approved=True, reason="So it is")
        with pytest.raises(desk.failure) as own:
            await manager.call(f"{LEADS}/DecideLeadLoss", decide)
        with pytest.raises(desk.failure) as adviser_decides:
            await adviser.call(f"{LEADS}/DecideLeadLoss", decide)
        done = await desk.dealer(dealer, "dealer.manager").call(f"{LEADS}/DecideLeadLoss", decide)

        assert unnamed.value.fields == {"competitor": "COMPETITOR_MISSING"}
        assert own.value.reason == "LOSS_NOT_YOURS"
        assert adviser_decides.value.code == "PERMISSION_DENIED"
        assert (done.stage, done.competitor) == (lead_pb2.LEAD_STAGE_LOST, "Other")

    async def test_a_refused_loss_goes_on_where_it_was(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser, manager = desk.dealer(dealer), desk.dealer(dealer, "dealer.manager")
        lead = await take(desk, adviser, (await desk.create(adviser)).customer_id)
        await adviser.call(
            f"{LEADS}/ProposeLeadLoss",
            rpc.ProposeLeadLossRequest(lead_id=lead.lead_id, reason=lead_pb2.LEAD_LOSS_REASON_PRICE, note="Too dear"),
        )
        back = await manager.call(
            f"{LEADS}/DecideLeadLoss", rpc.DecideLeadLossRequest(lead_id=lead.lead_id, reason="Try again")
        )
        assert (back.stage, back.loss_reason, back.loss_note) == (lead_pb2.LEAD_STAGE_ASSIGNED, 0, "")
        assert back.HasField("next_due_time")

    async def test_an_update_grades_anew_and_refuses_what_is_not_its_own(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser = desk.dealer(dealer)
        lead = await take(desk, adviser, (await desk.create(adviser)).customer_id)
        lead.timeframe_days = 3
        changed = await adviser.call(f"{LEADS}/UpdateLead", rpc.UpdateLeadRequest(lead=lead))
        with pytest.raises(desk.failure) as refused:
            await adviser.call(
                f"{LEADS}/UpdateLead", rpc.UpdateLeadRequest(lead=lead, update_mask={"paths": ["stage", "nothing"]})
            )

        assert changed.need_points > lead.need_points
        assert refused.value.fields == {"lead.stage": "FIELD_NOT_WRITABLE", "update_mask": "FIELD_UNKNOWN"}

    async def test_promises_are_kept_or_broken_once(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser = desk.dealer(dealer)
        lead = await take(desk, adviser, (await desk.create(adviser)).customer_id)
        promise = lead_promise_pb2.LeadPromise(
            kind=lead_promise_pb2.LEAD_PROMISE_KIND_PRICE,
            text="两千优惠",
            amount=money_pb2.Money(currency_code="CNY", units=2000),
        )
        made = await adviser.call(
            "customer.v1.LeadPromiseService/AddLeadPromise",
            lead_promise_service_pb2.AddLeadPromiseRequest(lead_id=lead.lead_id, promise=promise),
        )
        settle = lead_promise_service_pb2.SettleLeadPromiseRequest(
            lead_id=lead.lead_id, promise_id=made.promise_id, kept=True
        )
        kept = await adviser.call("customer.v1.LeadPromiseService/SettleLeadPromise", settle)
        with pytest.raises(desk.failure) as again:
            await adviser.call("customer.v1.LeadPromiseService/SettleLeadPromise", settle)
        listed = await adviser.call(
            "customer.v1.LeadPromiseService/ListLeadPromises",
            lead_promise_service_pb2.ListLeadPromisesRequest(lead_id=lead.lead_id),
        )

        assert made.amount.units == 2000
        assert kept.state == lead_promise_pb2.LEAD_PROMISE_STATE_KEPT
        assert again.value.reason == "PROMISE_SETTLED"
        assert [one.promise_id for one in listed.promises] == [made.promise_id]


class TestSales:
    async def test_a_sale_wins_the_lead_there_and_ends_the_same_wish_elsewhere(self, desk: Any, publisher: Any) -> None:
        one, two = await desk.known_dealer(), await desk.known_dealer()
        person = await desk.create()
        here = await take(desk, desk.agent, person.customer_id, dealer_id=one)
        there = await take(desk, desk.agent, person.customer_id, dealer_id=two)
        sale_id = str(uuid.uuid4())
        await publisher.heard(
            sale_events_pb2.SaleRecorded(
                sale_id=sale_id,
                vin="1M8GDM9AXKP042788",
                dealer_id=one,
                customer_id=person.customer_id,
                invoice_date=date_pb2.Date(year=2026, month=11, day=2),
            )
        )
        won, ended = await get(desk.agent, here.lead_id), await get(desk.agent, there.lead_id)

        assert (won.stage, won.won_sale_id) == (lead_pb2.LEAD_STAGE_WON, sale_id)
        assert (ended.stage, ended.loss_reason) == (lead_pb2.LEAD_STAGE_LOST, lead_pb2.LEAD_LOSS_REASON_BOUGHT_FROM_US)
        assert ended.won_sale_id == ""


class TestLists:
    async def test_every_filter_narrows_and_pages_show_everything_once(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser = desk.dealer(dealer)
        people = [(await desk.create(adviser)).customer_id for _ in range(5)]
        leads = [await take(desk, adviser, person, timeframe_days=index * 40) for index, person in enumerate(people)]
        await adviser.call(
            f"{LEADS}/RecordLeadContact", rpc.RecordLeadContactRequest(lead_id=leads[0].lead_id, reached=True)
        )
        await adviser.call(f"{LEADS}/WinLead", rpc.WinLeadRequest(lead_id=leads[1].lead_id))

        async def listed(**wanted: Any) -> list[str]:
            found, token = [], ""
            while True:
                page = await adviser.call(
                    f"{LEADS}/ListLeads", rpc.ListLeadsRequest(page_size=2, page_token=token, **wanted)
                )
                found += [lead.lead_id for lead in page.leads]
                token = page.next_page_token
                if not token:
                    return found

        ids = [lead.lead_id for lead in leads]
        assert await listed() == ids[::-1]
        assert await listed(order_by="create_time") == ids
        assert set(await listed(open_only=True)) == set(ids) - {ids[1]}
        assert await listed(stage=lead_pb2.LEAD_STAGE_CONTACTED) == [ids[0]]
        assert await listed(customer_id=people[2]) == [ids[2]]
        assert set(await listed(grade=leads[0].grade)) == {
            lead.lead_id for lead in leads if lead.grade == leads[0].grade
        }
        assert set(await listed(never_contacted_only=True)) == set(ids[2:])
        assert set(await listed(never_contacted_by_manager_only=True)) == set(ids) - {ids[1]}
        assert await listed(order_by="next_due_time", stage=lead_pb2.LEAD_STAGE_CONTACTED) == [ids[0]]
        assert await listed(source=lead_pb2.LEAD_SOURCE_ADF) == []

    async def test_a_lead_is_found_by_its_person_in_any_script(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser = desk.dealer(dealer)
        phone = desk.phone()
        person = await desk.create(adviser, name="欧阳修远", phones=[phone])
        lead = await take(desk, adviser, person.customer_id)

        for query in ("欧阳", "ouyang xiuyuan", phone[-6:]):
            found = await adviser.call(f"{LEADS}/SearchLeads", rpc.SearchLeadsRequest(query=query))
            assert [one.lead_id for one in found.leads] == [lead.lead_id], query
        other = desk.dealer(await desk.known_dealer())
        assert not (await other.call(f"{LEADS}/SearchLeads", rpc.SearchLeadsRequest(query="欧阳"))).leads


class TestRules:
    async def test_new_rules_are_a_version_and_wrong_ones_are_refused(self, desk: Any) -> None:
        manager = desk.platform.client("customer", "oem.manager")
        path = "customer.v1.LeadRulesService"
        old = await manager.call(f"{path}/GetLeadRules", rules_rpc.GetLeadRulesRequest())
        wrong = lead_rules_pb2.LeadRules(
            bands=[
                lead_rules_pb2.LeadGradeBand(grade="A", min_points=10, response_minutes=1, contact_every_days=1),
                lead_rules_pb2.LeadGradeBand(grade="A", min_points=20, response_minutes=1, contact_every_days=1),
            ]
        )
        with pytest.raises(desk.failure) as refused:
            await manager.call(f"{path}/PutLeadRules", rules_rpc.PutLeadRulesRequest(rules=wrong))
        old.recall_share = 1
        new = await manager.call(f"{path}/PutLeadRules", rules_rpc.PutLeadRulesRequest(rules=old))
        with pytest.raises(desk.failure) as stale:
            await manager.call(f"{path}/PutLeadRules", rules_rpc.PutLeadRulesRequest(rules=old))
        first = await manager.call(f"{path}/GetLeadRules", rules_rpc.GetLeadRulesRequest(version=old.version))

        assert refused.value.code == "INVALID_ARGUMENT"
        assert new.version == old.version + 1
        assert stale.value.reason == "ETAG_MISMATCH"
        assert first.recall_share == pytest.approx(0.1)

    async def test_every_lost_lead_of_the_sample_is_asked_again_by_the_maker(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser, manager = desk.dealer(dealer), desk.dealer(dealer, "dealer.manager")
        lead = await take(desk, adviser, (await desk.create(adviser)).customer_id)
        await lost(desk, adviser, manager, lead.lead_id)
        rows = await desk.platform.sql(
            "customer", "SELECT kind, dealer_id FROM tasks WHERE lead_id = $1", uuid.UUID(lead.lead_id)
        )

        assert [(row["kind"], row["dealer_id"]) for row in rows] == [(5, None)]  # the share is 1 since the test above

    async def test_the_report_counts_outcomes_of_each_grade(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        adviser, manager = desk.dealer(dealer), desk.dealer(dealer, "dealer.manager")
        leads = [await take(desk, adviser, (await desk.create(adviser)).customer_id) for _ in range(3)]
        await adviser.call(f"{LEADS}/WinLead", rpc.WinLeadRequest(lead_id=leads[0].lead_id))
        await lost(desk, adviser, manager, leads[1].lead_id)
        report = await manager.call(
            "customer.v1.LeadRulesService/GetLeadCalibration", rules_rpc.GetLeadCalibrationRequest()
        )

        (row,) = report.rows
        assert (row.dealer_id, row.grade, row.leads, row.won, row.lost) == (dealer, leads[0].grade, 3, 1, 1)
        assert row.close_rate == pytest.approx(0.5)
