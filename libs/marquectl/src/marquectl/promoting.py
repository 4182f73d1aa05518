"""Shows a newcomer what marketing does besides mailings: a journey of several steps, a dealer's calls and its test-drive day with a waiting
list, a file of letters to be printed, the notice of a recall, the year's plan, and a purchase that is owed to a campaign.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from marquectl.campaigning import All, Campaigns
from marquectl.contract import method
from marquectl.door import Caller, Door
from marquectl.recalling import campaigns_of
from marquectl.world import World
from marquectl.world import promotions as made
from marquectl.world.network import subject_of

_FILES, _SENDS = "campaign.v1.LetterFileService", "campaign.v1.CampaignSendService"
_EVENTS, _REGISTRATIONS = "campaign.v1.MarketingEventService", "campaign.v1.EventRegistrationService"
_PLANS, _SALES, _RECALLS = "campaign.v1.MarketingPlanService", "vehicle.v1.SaleService", "vehicle.v1.RecallService"
_DRAFT, _READY, _ACCEPTED = 1, 2, 4  # of an event, of a file, of a message
_FINISHED = 7
_PASSED = frozenset({2, 4})  # of a run: it waits, or is over


class Promotions:
    """Writes them. `campaigns` launches campaigns; `at_once` does some works beside each other."""

    def __init__(
        self,
        door: Door,
        world: World,
        campaigns: Campaigns,
        dealer_ids: Mapping[str, str],
        customer_ids: Mapping[str, str],
        at_once: All,
    ) -> None:
        self._door = door
        self._world = world
        self._campaigns = campaigns
        self._dealer_ids = dealer_ids
        self._customer_ids = customer_ids
        self._at_once = at_once
        self._dealer = dealer_ids[made.DEALER.code]

    async def bring(self, finished: str, known: Mapping[str, Any]) -> None:
        """Does everything, as far as it is not done; `finished` is the campaign to which the purchase is owed, `known` are the campaigns
        there are, by their names. Raises CommandError.
        """
        agree = self._campaigns.agree
        await self._at_once(
            agree(key, "CONSENT_PURPOSE_MARKETING", channel, self._dealer_ids[code] if code else "")
            for key, channel, code in made.agreed(self._world.customers)
        )
        await self._purchase(finished)  # before anything else is said to whom it could be owed
        works = [self._journey(known), self._letters(known), self._calls(known), self._recall(known)]
        await self._at_once([*works, self._event(), self._plan()])

    async def _journey(self, known: Mapping[str, Any]) -> None:
        """Everybody got the mail and waits for what comes after it."""
        people = self._ids(made.travellers(self._world.customers))
        templates = {key: await self._words(key) for key in ("winter", "winter-text")}
        listed = await self._campaigns.list_of("winter", "冬季出行名单 / For the winter", people)
        journey = await self._campaigns.launch("journey", made.journey(templates, listed), known)
        await self._campaigns.until(
            journey,
            lambda one: (
                _count(one.run_counts) >= len(people) and _PASSED.issuperset(run.state for run in one.run_counts)
            ),
        )

    async def _letters(self, known: Mapping[str, Any]) -> None:
        """The file is closed and can be downloaded."""
        people = self._ids(made.written(self._world.customers))
        templates = {"letter": await self._words("letter")}
        listed = await self._campaigns.list_of("letters", "信函名单 / By letter", people)
        campaign = await self._campaigns.launch("letters", made.letters(templates, listed), known)
        await self._campaigns.until(campaign, lambda one: _count(one.send_counts) >= len(people))
        listing = f"{_FILES}/ListLetterFiles"
        files = [one async for one in self._door.pages(listing, "letter_files", method(listing).input())]
        file = next((one for one in files if one.campaign_id == campaign), None)
        if file is None:
            create, reviewer = f"{_FILES}/CreateLetterFile", self._campaigns.reviewer
            file = await self._campaigns.write(reviewer, create, "letter-file", campaign_id=campaign)
        await self._campaigns.until_read(
            f"{_FILES}/GetLetterFile",
            lambda one: one.state >= _READY,
            "the sample's file of letters is not made",
            letter_file_id=file.letter_file_id,
        )

    async def _calls(self, known: Mapping[str, Any]) -> None:
        """Each call is a task of the dealer's people, or waits for the hours at which the person may be called."""
        people = self._ids(made.called(self._world.customers))
        author, reviewer = (self._staff("dealer.care", made.AUTHOR), self._staff("dealer.manager", made.REVIEWER))
        template = await self._campaigns.template("calls", made.SCRIPT, author)
        listed = await self._campaigns.list_of("calls", "电话名单 / By telephone", people, author)
        campaign = await self._campaigns.launch("calls", made.calls(template, listed), known, author, reviewer)
        await self._campaigns.until(campaign, lambda one: _count(one.send_counts) >= len(people))

    async def _recall(self, known: Mapping[str, Any]) -> None:
        """The owners of a recall's cars are told, as far as a mail reaches them; the recall lists the others."""
        world = self._world
        number = made.recalled(campaigns_of(world.cars), world.cars, world.customers)
        if not number:
            return
        recall = (await self._ask(f"{_RECALLS}/ListRecalls", code=number, page_size=1)).recalls[0]
        templates = {"recall": await self._words("recall")}
        campaign = await self._campaigns.launch("recall", made.recall_notice(templates, recall.recall_id), known)
        await self._campaigns.until(campaign, lambda one: one.state >= _FINISHED)

    async def _event(self) -> None:
        """More people come than there are seats in the morning."""
        care, seller = self._staff("dealer.care", made.AUTHOR), self._staff("dealer.sales", made.SELLER)
        listing = f"{_EVENTS}/ListMarketingEvents"
        known = self._door.pages(listing, "marketing_events", method(listing).input(dealer_id=self._dealer))
        event = next((one for one in [one async for one in known] if one.name == made.EVENT), None)
        if event is None:
            given = made.event(datetime.now(ZoneInfo(made.DEALER.zone)).date())
            event = await self._campaigns.write(
                care, f"{_EVENTS}/CreateMarketingEvent", "drives", marketing_event=given
            )
        named = {"marketing_event_id": event.marketing_event_id}
        if event.state == _DRAFT:
            open_ = {**named, "state": "MARKETING_EVENT_STATE_OPEN"}
            await self._campaigns.write(care, f"{_EVENTS}/AdvanceMarketingEvent", "drives-open", **open_)
        sessions = (await self._ask(f"{_EVENTS}/GetMarketingEvent", **named)).sessions
        for key, session, guests in made.coming(
            self._world.customers
        ):  # one after the other: who is first has the place
            wish = {"session_id": sessions[session].session_id, "customer_id": self._customer_ids[key]}
            register = f"{_REGISTRATIONS}/RegisterForEvent"
            await self._campaigns.write(seller, register, f"drives-{key}", **named, **wish, guest_count=guests)

    async def _plan(self) -> None:
        """What the year may cost and what it cost so far outside campaigns."""
        manager, today = self._campaigns.reviewer, datetime.now(ZoneInfo(made.DEALER.zone)).date()
        listing = f"{_PLANS}/ListMarketingPlans"
        known = self._door.pages(listing, "marketing_plans", method(listing).input())
        if made.plan_name(today.year) not in {one.name async for one in known}:
            plan = made.plan(today.year)
            await self._campaigns.write(
                manager, f"{_PLANS}/CreateMarketingPlan", f"plan-{today.year}", marketing_plan=plan
            )
        record, told = f"{_PLANS}/RecordOutsideSpends", made.spends(today)
        await self._campaigns.write(manager, record, f"spends-{today:%Y-%m}", spends=told)

    async def _purchase(self, finished: str) -> None:
        """Somebody to whom the mail went buys a car, of which the dealer's system tells and no campaign knows."""
        request = method(f"{_SENDS}/ListCampaignSends").input(campaign_id=finished, page_size=1000)
        sends = self._door.pages(f"{_SENDS}/ListCampaignSends", "sends", request)
        mailed = {one.customer_id async for one in sends if one.state == _ACCEPTED}
        busy = set(made.called(self._world.customers))  # who just bought a car is not called: better somebody else
        found = [one for one in self._world.customers if self._customer_ids.get(one.row.source_key) in mailed]
        buyer = min(found, key=lambda one: (one.row.source_key in busy, not one.home.sells), default=None)
        car = made.bought_car(one.vehicle.vin for one in self._world.cars)
        if buyer is None or (await self._ask(f"{_SALES}/ListSales", vin=car["vin"], page_size=1)).sales:
            return
        seller = buyer.home if buyer.home.sells else made.DEALER
        vehicle, today = {**car, "market": seller.country}, datetime.now(UTC).date()
        await self._campaigns.write(self._door, "vehicle.v1.VehicleService/RegisterVehicle", "bought", vehicle=vehicle)
        sale = {
            "dealer_id": self._dealer_ids[seller.code],
            "vin": car["vin"],
            "buyer_customer_id": self._customer_ids[buyer.row.source_key],
            "invoice_number": "INV-AUTUMN-1",
            "invoice_date": {"year": today.year, "month": today.month, "day": today.day},
            "use": car["use"],
        }
        await self._campaigns.write(self._door, f"{_SALES}/RecordSale", f"bought-{today}", sale=sale)

    def _staff(self, role: str, number: str) -> Door:
        """The door as somebody of the dealer."""
        return self._door.acting_as(Caller(roles=role, dealers=self._dealer, sub=subject_of(made.DEALER.code, number)))

    def _ids(self, keys: list[str]) -> list[str]:
        return [self._customer_ids[key] for key in keys]

    async def _words(self, key: str) -> str:
        return await self._campaigns.template(key, made.TEMPLATES[key])

    async def _ask(self, name: str, **fields: Any) -> Any:
        return await self._door.call(name, method(name).input(**fields))


def _count(counts: Any) -> int:
    return sum(one.count for one in counts)
