"""Brings a sample world into a platform through its public doors. Every step may be repeated: a run that was killed is started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from marquectl.belonging import Belonging, Belongings
from marquectl.campaigning import Campaigns
from marquectl.complaining import Cases
from marquectl.contract import KINDS, method
from marquectl.diaries import Diaries
from marquectl.door import Caller, Door
from marquectl.doubling import Doubles
from marquectl.errors import CommandError
from marquectl.importing import Counts, Feed, Rejected
from marquectl.importing.feed import Chunk
from marquectl.leading import Leads
from marquectl.ordering import Orders
from marquectl.partnering import Partners
from marquectl.promoting import Promotions
from marquectl.recalling import Recalls
from marquectl.surveying import Surveys
from marquectl.upkeeping import Upkeep
from marquectl.world import World, mailings, promotions
from marquectl.world.cars import Transfer
from marquectl.world.make import SOURCE
from marquectl.world.network import STATIONS, calendar_of, subject_of
from marquectl.world.touches import MadeConsent, MadeInteraction

Watch = Callable[[str, float, Counts], None]

AT_ONCE = 8
SETTLE = 60.0  # seconds in which dealers and customers become known everywhere
AGENT = Caller(roles="oem.agent", sub=subject_of("", "H002"))


class Loader:
    """Loads one world; `mails` is where the post office of the platform keeps mails. After `load`, `dealer_ids` (by code),
    `customer_ids` (by source key, those that were needed) and `finished_campaign` are known.
    """

    def __init__(
        self, door: Door, world: World, watch: Watch = lambda kind, done, counts: None, mails: Path = Path("mails")
    ) -> None:
        self._door = door
        self._agent = door.acting_as(AGENT)
        self._world = world
        self._watch = watch
        self._mails = mails
        self._busy = asyncio.Semaphore(AT_ONCE)
        self.counts: dict[str, Counts] = {}
        self.dealer_ids: dict[str, str] = {}
        self.customer_ids: dict[str, str] = {}
        self.finished_campaign = ""

    async def load(self) -> None:
        """Loads everything. Raises CommandError where the platform refuses a row or a call."""
        await self._rows("dealers")
        async with asyncio.TaskGroup() as group:
            for kind in ("staff", "customers", "vehicles"):
                group.create_task(self._rows(kind))
            group.create_task(self._calendars())
        await self._rows("sales")
        await self._rows("repair-orders")
        await self._find_customers()
        await self._all(self._transfer(transfer) for transfer in self._world.transfers)
        for granted in (True, False):
            await self._all(self._consent(one) for one in self._world.consents if one.granted is granted)
        await self._all(self._touch(one) for one in self._world.interactions)
        await Doubles(self._agent, self._world, self._request).enter()
        await self._partners()
        await self._diaries()
        await Recalls(self._door, self._request).bring(self._world.cars)
        await Upkeep(self._door, self.dealer_ids, self._request).bring(self._world.cars)
        leads = Leads(self._door, self.dealer_ids, self.customer_ids, self._request)
        await leads.fleets()
        await self._all(leads.works(self._world.leads))
        await self._orders()
        belonging = Belonging(self._door, self.dealer_ids, self.customer_ids, self._request)
        await belonging.enter(Belongings.of(self._world.customers))
        cases = Cases(self._door, self.dealer_ids, self.customer_ids, self._request)
        await cases.tools()
        await self._all(cases.works(self._world))
        await self._rows("cases")
        await cases.look_for_defects()
        surveys = Surveys(self._door, self.dealer_ids, self.customer_ids, self._request)
        await self._all(surveys.works(await surveys.begin()))
        campaigns = Campaigns(self._door, self.customer_ids, self._request, self._mails)
        besides = Promotions(self._door, self._world, campaigns, self.dealer_ids, self.customer_ids, self._all)
        await campaigns.bring(mailings.reached(self._world.customers), self._all, besides.bring)
        self.finished_campaign = campaigns.finished

    async def _rows(self, kind: str) -> None:
        rows = self._world.rows[kind]
        counts = self.counts.setdefault(kind, Counts())
        refused: list[Rejected] = []

        def told(chunk: Chunk, new: Counts, rejected: list[Rejected]) -> None:
            counts.add(new)
            refused.extend(rejected)
            self._watch(kind, chunk.upto / len(rows), counts)

        feed = Feed(self._door, KINDS[kind], SOURCE, settle=SETTLE, defer=True)
        await feed.run(((row, row.row) for row in rows), told)  # type: ignore[attr-defined]
        if refused:
            some = "; ".join(sorted({f"{one.field} {one.reason}: {one.message}" for one in refused})[:3])
            raise CommandError(f"{counts.rejected} of {len(rows)} {kind} of the sample were refused: {some}")

    async def _all(self, works: Iterable[Coroutine[Any, Any, None]]) -> None:
        async def one(work: Coroutine[Any, Any, None]) -> None:
            async with self._busy:
                await work

        try:
            async with asyncio.TaskGroup() as group:
                for work in works:
                    group.create_task(one(work))
        except* CommandError as errors:
            raise errors.exceptions[0] from None

    async def _calendars(self) -> None:
        name = "network.v1.DealerService/ListDealers"
        async for dealer in self._door.pages(name, "dealers", method(name).input(page_size=1000)):
            self.dealer_ids[dealer.code] = dealer.dealer_id
        put = "network.v1.CalendarService/PutDealerCalendar"
        for station in STATIONS:
            calendar = calendar_of(station)
            calendar.dealer_id = self.dealer_ids[station.code]
            await self._door.call(put, self._request(put, f"calendar-{station.code}", calendar=calendar))

    async def _partners(self) -> None:
        partners = Partners(self._door, self.dealer_ids, self._world.seed, self._request)
        await partners.measures()
        await self._rows("kpi-values")
        await self._rows("targets")
        await self._all(partners.works(await partners.visitor()))

    async def _orders(self) -> None:
        orders = Orders(self._door, self.dealer_ids, self.customer_ids, self._request)
        await orders.bring(self._world.orders)
        await self._rows("plant-stages")
        await self._rows("channel-days")

    async def _diaries(self) -> None:
        diaries = Diaries(self._door, self.dealer_ids, self._request)
        await self._all(diaries.stations())
        await diaries.visits(self._world.cars)

    async def _find_customers(self) -> None:
        """Asks for all customers, page by page, until those that something below is about are known."""
        world = self._world
        needed = {one.customer_key for one in world.consents} | {one.customer_key for one in world.interactions}
        needed |= {key for transfer in world.transfers for key in (transfer.from_key, transfer.to_key)}
        needed |= {made.row.source_key for made in world.customers[:2]} | {one.customer_key for one in world.leads}
        needed |= Belongings.of(world.customers).keys | {*mailings.reached(world.customers)}
        needed |= promotions.people(world.customers)
        name = "customer.v1.CustomerService/ListCustomers"
        async for found in self._door.pages(
            name, "customers", method(name).input(page_size=1000, order_by="create_time")
        ):
            for reference in found.source_references:
                if reference.source == SOURCE and reference.source_key in needed:
                    self.customer_ids[reference.source_key] = found.customer_id
            if len(self.customer_ids) == len(needed):
                return
        raise CommandError(f"{len(needed) - len(self.customer_ids)} customers of the sample are not in the platform")

    async def _transfer(self, transfer: Transfer) -> None:
        listing = "vehicle.v1.OwnershipService/ListOwnerships"
        answer = await self._door.call(listing, method(listing).input(vin=transfer.vin, page_size=100))
        to = self.customer_ids[transfer.to_key]
        if any(one.customer_id == to for one in answer.ownerships):
            return
        now = [one for one in answer.ownerships if not one.HasField("valid_end_time")]
        if not now:
            raise CommandError("a car of the sample has no owner that could hand it on")
        at = Timestamp()
        at.FromDatetime(transfer.at)
        handing = "vehicle.v1.OwnershipService/TransferOwnership"
        fields = {"ownership_id": now[0].ownership_id, "to_customer_id": to, "transfer_time": at, "source": SOURCE}
        await self._door.call(handing, self._request(handing, f"transfer-{transfer.vin}", **fields))

    async def _consent(self, made: MadeConsent) -> None:
        name = f"customer.v1.ConsentService/{'GrantConsent' if made.granted else 'WithdrawConsent'}"
        fields = {"customer_id": self.customer_ids[made.customer_key], "entry": made.entry}
        await self._agent.call(name, method(name).input(request_id=made.request_id, **fields))

    async def _touch(self, made: MadeInteraction) -> None:
        name = "customer.v1.InteractionService/LogInteraction"
        request: Any = method(name).input(request_id=made.request_id, interaction=made.interaction)
        request.interaction.customer_id = self.customer_ids[made.customer_key]
        await self._agent.call(name, request)

    def _request(self, name: str, key: str, **fields: Any) -> Message:
        return method(name).input(request_id=f"sample-{self._world.seed}-{key}"[:64], **fields)
