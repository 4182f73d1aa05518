from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
from typing import Any

import pytest
from marque.campaign.v1 import campaign_report_service_pb2 as reports
from marque.campaign.v1 import campaign_service_pb2 as pages
from marquectl.addresses import Addresses
from marquectl.contract import method
from marquectl.door import Door
from marquectl.doubling import DOUBLES
from marquectl.importing import Counts
from marquectl.sample import Note, make_sample
from marquectl.surveying import CALLED
from marquectl.world import mailings, make_world, promotions
from servicekit.testing.platform import Platform, until

SEED, SIZE = 11, 40
RUNNING, FINISHED = 5, 7
CLICK, VISIT, PURCHASE = 2, 5, 7
PLANNED, ACCEPTED, SUPPRESSED = 1, 4, 9
WAITS, READY = 2, 2  # a run, a file
CONFIRMED, WAITING = 1, 2
EMAIL, POST = 3, 4

# The tests of this class tell one story on one platform, in their order.


async def totals(services: Platform) -> dict[str, int]:
    tables = {
        "customers": ("customer", "customers"),
        "consents": ("customer", "consent_entries"),
        "pairs": ("customer", "duplicate_candidates"),
        "cars": ("vehicle", "vehicles"),
        "sales": ("vehicle", "sales"),
        "orders": ("vehicle", "repair_orders"),
        "ownerships": ("vehicle", "ownerships"),
        "resources": ("vehicle", "service_resources"),
        "appointments": ("vehicle", "appointments"),
        "recalled cars": ("vehicle", "recall_vehicles"),
        "car orders": ("vehicle", "car_orders"),
        "prices": ("vehicle", "catalogue_prices"),
        "channel days": ("vehicle", "channel_days"),
        "demo cars": ("customer", "demo_cars"),
        "test drives": ("customer", "test_drives"),
        "quotes": ("customer", "quotes"),
        "referrals": ("customer", "referrals"),
        "plans": ("vehicle", "maintenance_plans"),
        "parts on their way": ("vehicle", "parts_orders"),
        "claims": ("vehicle", "warranty_claims"),
        "calls for help": ("vehicle", "roadside_cases"),
        "surveys": ("survey", "questionnaire_versions"),
        "responses": ("survey", "survey_answers"),
        "alarms": ("survey", "survey_alarms"),
        "calls": ("survey", "survey_calls"),
        "campaigns": ("campaign", "campaigns"),
        "segments": ("campaign", "segments"),
        "mails": ("campaign", "campaign_sends WHERE hand_time IS NOT NULL AND channel = 3 AND occurrence = ''"),
        "visits": ("customer", "interactions WHERE kind = 2"),
        "notices": ("campaign", "campaign_sends s JOIN campaigns c USING (campaign_id) WHERE c.recall_id IS NOT NULL"),
        "letters": ("campaign", "letters"),
        "letter files": ("campaign", "letter_files"),
        "events": ("campaign", "marketing_events"),
        "registrations": ("campaign", "event_registrations"),
        "budgets": ("campaign", "marketing_plans"),
        "spends": ("campaign", "outside_spends"),
        "cases": ("complaint", "cases WHERE source = ''"),
    }
    return {
        name: (await services.sql(service, f"SELECT count(*) AS n FROM {table}"))[0]["n"]
        for name, (service, table) in tables.items()
    }


class TestMakeSample:
    async def test_killed_in_the_middle_completed_by_the_next_and_then_never_changed(
        self, door: Door, all_services: Platform, addresses: Addresses
    ) -> None:
        reached = asyncio.Event()

        def watch(kind: str, done: float, counts: Counts) -> None:
            if kind == "vehicles":
                reached.set()

        task = asyncio.create_task(make_sample(door, addresses, size=SIZE, seed=SEED, if_empty=True, watch=watch))
        waiting = asyncio.create_task(reached.wait())
        await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert Note.read(addresses.run) == Note(SEED, SIZE, finished=False)

        seen: dict[str, Counts] = {}
        world = await make_sample(
            door, addresses, size=3, seed=1, if_empty=True, watch=lambda kind, done, counts: seen.update({kind: counts})
        )
        assert world is not None
        assert (world.size, world.seed) == (SIZE, SEED)
        assert {kind: counts.read for kind, counts in seen.items()} == {
            kind: len(rows) for kind, rows in world.rows.items()
        }
        assert Note.read(addresses.run) == Note(SEED, SIZE, finished=True)

        before = await totals(all_services)
        assert before["customers"] == SIZE + DOUBLES
        assert before["pairs"] >= DOUBLES
        assert before["sales"] == len(world.cars) + 1  # what somebody buys after a mail
        assert before["orders"] == len(world.rows["repair-orders"])
        assert before["consents"] == len(world.consents) + CALLED + len(mailings.AGREED) * len(
            mailings.reached(world.customers)
        ) + len(promotions.agreed(world.customers))
        assert before["appointments"] > 0
        assert before["recalled cars"] > 0
        assert before["car orders"] == len(world.orders)
        assert min(before["prices"], before["channel days"]) > 0

        async def late() -> bool:
            found = await all_services.sql("vehicle", "SELECT order_code FROM car_orders WHERE late")
            return [row["order_code"] for row in found] == [world.orders[3].code]

        await until(late, 20, "the order that missed its promise is not late")
        assert min(before[name] for name in ("demo cars", "test drives", "quotes", "referrals")) > 0
        waiting = await all_services.sql("customer", "SELECT 1 FROM quotes WHERE state = 2")
        assert waiting, "no quote of the sample waits for approval"
        assert (before["plans"], before["parts on their way"], before["calls for help"]) == (2, 1, 1)
        assert before["claims"] > 0
        assert before["cases"] > 0
        assert before["surveys"] == 1
        assert min(before["responses"], before["alarms"]) > 0
        assert before["calls"] == CALLED
        assert (before["campaigns"], before["segments"]) == (3 + len(promotions.NAMES), 5)
        assert before["registrations"] == len(promotions.coming(world.customers))
        assert (before["events"], before["budgets"], before["letter files"]) == (1, 1, 1)
        assert min(before["letters"], before["notices"], before["spends"]) > 0
        assert min(before["mails"], before["visits"]) > 0

        async def warned() -> list[str]:
            rows = await all_services.sql("complaint", "SELECT model, system FROM defect_signals")
            return [f"{row['model']} {row['system']}" for row in rows]

        await until(warned, 60, "no signal of a defect")
        assert await warned() == ["Cross SERVICE BRAKES"]

        seen.clear()
        await make_sample(
            door,
            addresses,
            size=SIZE,
            seed=SEED,
            if_empty=False,
            watch=lambda kind, done, counts: seen.update({kind: counts}),
        )
        assert all(counts.unchanged == counts.read for counts in seen.values()), seen
        assert await totals(all_services) == before

    async def test_cars_that_changed_hands_belong_to_the_second_owner(self, door: Door, all_services: Platform) -> None:
        world = make_world(SEED, SIZE)
        rows = await all_services.sql(
            "vehicle",
            "SELECT vin, count(DISTINCT customer_id) AS n FROM ownerships GROUP BY vin HAVING count(DISTINCT customer_id) > 1",
        )
        assert {row["vin"] for row in rows} == {one.vin for one in world.transfers}

    async def test_other_data_is_left_alone(self, door: Door, all_services: Platform, addresses: Addresses) -> None:
        assert await make_sample(door, addresses, size=5, seed=2, if_empty=True, watch=lambda *_: None) is None
        assert not (addresses.run / "people.json").exists()

    async def test_demo_people_see_what_their_roles_see(
        self, door: Door, all_services: Platform, addresses: Addresses
    ) -> None:
        from marque.customer.v1 import customer_service_pb2, interaction_service_pb2

        await make_sample(door, addresses, size=SIZE, seed=SEED, if_empty=False, watch=lambda *_: None)
        people = json.loads((addresses.run / "people.json").read_text(encoding="utf-8"))
        owner = people["owner-wang"]
        client = all_services.client("customer", "owner", subject=owner["sub"], customer=owner["customer"])
        found = await client.call(
            "customer.v1.CustomerService/GetCustomer",
            customer_service_pb2.GetCustomerRequest(customer_id=owner["customer"]),
        )
        assert found.name.full_name == "王秀英"
        seller = people["sales-shanghai"]
        desk = all_services.client("customer", "dealer.sales", subject=seller["sub"], dealers=seller["dealers"])
        answer = await desk.call(
            "customer.v1.CustomerService/SearchCustomers", customer_service_pb2.SearchCustomersRequest(query="王秀英")
        )
        assert [match.customer.customer_id for match in answer.results] == [owner["customer"]]

        async def sold() -> bool:
            line = await client.call(
                "customer.v1.InteractionService/ListInteractions",
                interaction_service_pb2.ListInteractionsRequest(customer_id=owner["customer"], page_size=100),
            )
            return sum(one.subject_key.startswith("sale") for one in line.interactions) >= 2

        await until(sold, 20, "the sales of the sample are not on the owner's time line")
        assert len((addresses.run / "try.txt").read_text(encoding="utf-8").splitlines()) == 4

    async def test_a_campaign_is_over_and_was_answered_one_sends_and_one_writes_to_who_comes(
        self, door: Door, all_services: Platform
    ) -> None:
        desk = all_services.client("campaign", "oem.marketing")
        listed = await desk.call("campaign.v1.CampaignService/ListCampaigns", pages.ListCampaignsRequest())
        found = {one.name: one for one in listed.campaigns}
        sent, live, answering = (found[name] for name in (mailings.SENT, mailings.LIVE, mailings.ANSWERING))
        assert [one.state for one in (sent, live, answering)] == [FINISHED, RUNNING, RUNNING]
        held = await all_services.sql(
            "campaign",
            "SELECT count(*) AS n FROM campaign_sends WHERE reason = 'HOLDOUT' AND campaign_id = $1",
            sent.campaign_id,
        )

        async def report() -> Any:
            request = reports.GetCampaignReportRequest(campaign_id=sent.campaign_id)
            return await desk.call("campaign.v1.CampaignReportService/GetCampaignReport", request)

        async def answered() -> bool:
            return any(one.kind == VISIT and one.drawn_response_count for one in (await report()).lifts)

        await until(answered, 30, "nobody who was written to came")
        told = await report()
        (lift,) = [one for one in told.lifts if one.kind == VISIT]
        assert lift.holdout_count == held[0]["n"] > 0
        assert -1 <= lift.lift_low < lift.lift < lift.lift_high <= 1
        assert sum(one.sent_count for one in told.variants) > 0
        assert {one.code for one in told.variants if one.drawn_count} == {"", "B"}
        assert told.HasField("return_on_investment")
        clicked = {one.kind: one.count for one in told.responses}[CLICK]
        mails = [path.read_text("utf-8", "replace") for path in (all_services.folder / "post" / "mails").glob("*.eml")]
        assert 0 < clicked < len(mails)

        async def thanked() -> bool:
            rows = await all_services.sql(
                "campaign",
                "SELECT 1 FROM campaign_sends WHERE campaign_id = $1 AND state IN (4, 5)",
                answering.campaign_id,
            )
            return bool(rows)

        await until(thanked, 30, "nobody who came was thanked")
        rows = await all_services.sql(
            "campaign", "SELECT 1 FROM campaign_sends WHERE campaign_id = $1", live.campaign_id
        )
        assert len(rows) == len(mailings.reached(make_world(SEED, SIZE).customers))

    async def test_a_journey_waits_letters_lie_ready_calls_and_a_full_day_are_a_dealer_s_and_the_year_has_its_plan(
        self, door: Door, all_services: Platform
    ) -> None:
        world = make_world(SEED, SIZE)

        async def ask(rpc: str, **fields: Any) -> Any:
            return await door.call(f"campaign.v1.{rpc}", method(f"campaign.v1.{rpc}").input(**fields))

        listed = (await ask("CampaignService/ListCampaigns")).campaigns
        found = {one.name: await ask("CampaignService/GetCampaign", campaign_id=one.campaign_id) for one in listed}
        journey, letters, calls, recall = (
            found[name] for name in (promotions.JOURNEY, promotions.LETTERS, promotions.CALLS, promotions.RECALL)
        )
        assert [one.state for one in (journey, letters, calls, recall)] == [RUNNING, RUNNING, RUNNING, FINISHED]
        assert {(one.step, one.state) for one in journey.run_counts} == {("wait", WAITS)}

        (file,) = (await ask("LetterFileService/ListLetterFiles")).letter_files
        async with all_services.http("oem.marketing") as shop:
            answer = await shop.get(f"/v1/letterFiles/{file.letter_file_id}/content")
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert (file.state, file.campaign_id) == (READY, letters.campaign_id)
        assert hashlib.sha256(answer.content).hexdigest() == file.sha256
        assert len(rows) == file.letter_count > 0
        assert all(row["name"] in row["body"] and row["address_1"] for row in rows)

        async def lines(campaign: Any) -> list[Any]:
            listing = await ask("CampaignSendService/ListCampaignSends", campaign_id=campaign.campaign_id)
            return list(listing.sends)

        async def assigned() -> Any:
            told = [(one.state, one.reason) for one in await lines(calls)]
            suppressed = {(SUPPRESSED, reason) for reason in ("OPEN_COMPLAINT", "JUST_BOUGHT")}
            return told if set(told) <= {(ACCEPTED, ""), (PLANNED, "QUIET_HOURS"), *suppressed} else None

        told = await until(assigned, 30, "the calls are not handed to the dealer")
        tasks = await all_services.sql(
            "customer", "SELECT dealer_id FROM tasks WHERE campaign_id = $1", calls.campaign_id
        )
        assert len(told) == len(promotions.called(world.customers))
        assert {state for state, _ in told} & {ACCEPTED, PLANNED}
        assert [str(row["dealer_id"]) for row in tasks] == [calls.dealer_id] * told.count((ACCEPTED, ""))
        assert ACCEPTED in {one.state for one in await lines(recall)}

        (event,) = (await ask("MarketingEventService/ListMarketingEvents")).marketing_events
        named = {"marketing_event_id": event.marketing_event_id}
        day = await ask("MarketingEventService/GetMarketingEvent", **named)
        came = (await ask("EventRegistrationService/ListEventRegistrations", **named)).registrations
        assert [(one.taken_count, one.capacity) for one in day.sessions] == [(2, 2), (3, 3)]
        assert [one.state for one in came] == [CONFIRMED, CONFIRMED, WAITING, CONFIRMED, CONFIRMED]

        (plan,) = (await ask("MarketingPlanService/ListMarketingPlans")).marketing_plans
        year = await ask("MarketingPlanService/GetMarketingPlanReport", marketing_plan_id=plan.marketing_plan_id)
        spent = {(one.channel, one.source) for one in year.lines if one.spent.units or one.spent.nanos}
        assert {(EMAIL, "CAMPAIGN"), (8, "ADVERT")} <= spent
        assert {one.name for one in year.calendar} >= {promotions.JOURNEY, promotions.LETTERS}

        async def bought() -> bool:
            sent = found[mailings.SENT].campaign_id
            brought = await ask("CampaignReportService/GetCampaignReport", campaign_id=sent)
            return {one.kind: one.count for one in brought.responses}.get(PURCHASE) == 1

        await until(bought, 30, "the car that was bought is owed to no campaign")
