"""Notices of a recall: a launched campaign gets its owners from the vehicle service, page by page, and tells it whom no notice reached."""

from __future__ import annotations

import asyncio
import uuid

from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_campaign import events
from marque_campaign.clients.recalls import Owners, Recalls, RecallUnknown
from marque_campaign.models import Campaign
from marque_campaign.repository import recalls as repository
from marque_campaign.repository.scope import EVERYTHING
from marque_campaign.rules import kinds
from marque_campaign.rules import recalls as rules
from marque_campaign.usecases import campaigns

AT_ONCE, TOLD_AT_ONCE = 8, 200
_CALL = Call(SYSTEM, "sweep:campaign-recalls")


class Waves:
    """Plans waves and tells of them. Several may, and any may be killed: a page is written once with the place after it, and what is told
    carries a key of its own.
    """

    def __init__(self, work: Work, recalls: Recalls) -> None:
        self._work = work
        self._recalls = recalls

    async def sweep(self) -> bool:
        """Does one step; returns whether more may be left. Raises Unavailable while the vehicle service is away."""
        planned = [await self._page(one) for one in await repository.waiting(self._work.reader)]
        return await self._tell() or any(planned)

    async def _page(self, campaign_id: uuid.UUID) -> bool:
        async with self._work(_CALL) as uow:
            campaign: Campaign = await campaigns.found(uow, EVERYTHING, campaign_id)
            recall, at = campaign.recall_id, campaign.recall_cursor
            moment = campaign.owners_time or campaign.launch_time
        assert moment is not None  # what is launched has a time
        try:
            page = await self._recalls.owners(str(recall), moment, at)
        except RecallUnknown:
            await self._call_off(campaign_id)
            return False
        async with self._work(_CALL) as uow:
            campaign = await campaigns.found(uow, EVERYTHING, campaign_id)
            if (
                campaign.plan_time is None
                and campaign.recall_cursor == at
                and campaign.state in (kinds.RUNNING, kinds.PAUSED)
            ):
                await self._write(uow, campaign, page)
        return bool(page.next_page)

    async def _write(self, uow: UnitOfWork, campaign: Campaign, page: Owners) -> None:
        """Everybody who owned a car gets a notice of it: with two cars two, of two owners each. A car of which nobody is known gets none
        and stands on the list of the unreachable that the recall has.
        """
        owners = [
            (customer, car.vin)
            for car in page.cars
            if car.unreachable_reason not in rules.GONE_CARS
            for customer in car.customer_ids
        ]
        if owners:
            await repository.plan(uow.session, campaign.campaign_id, campaign.channel, owners, uow.now)
        campaign.recall_cursor = page.next_page
        if not page.next_page:
            campaign.plan_time = uow.now

    async def _call_off(self, campaign_id: uuid.UUID) -> None:
        """There is no such recall, so there is nobody to write to."""
        async with self._work(_CALL) as uow:
            campaign = await campaigns.found(uow, EVERYTHING, campaign_id)
            if campaign.state not in (kinds.RUNNING, kinds.PAUSED):
                return
            campaign.do("cancel")
            campaign.finish_time = campaign.plan_time = uow.now
            await uow.flush()
            uow.emit(events.campaign_finished(campaign), of=campaign)
            uow.audit("cancel", "campaign", str(campaign_id), ("state", "recall_id"))

    async def _tell(self) -> bool:
        rows = await repository.untold(self._work.reader, TOLD_AT_ONCE)
        if not rows:
            return False
        room = asyncio.Semaphore(AT_ONCE)

        async def tell(row: object, reason: int) -> None:
            async with room:
                key = f"wave-{row['send_id']}-{row['state']}"  # type: ignore[index]
                await self._recalls.tell(str(row["recall_id"]), row["vin"], reason, key)  # type: ignore[index]

        found = [
            (row, rules.told_of(row["state"], row["reason"], row["told_state"], further=row["further"])) for row in rows
        ]
        await asyncio.gather(*(tell(row, reason) for row, reason in found if reason is not None))
        async with self._work(_CALL) as uow:
            await repository.told(uow.session, sorted((row["send_id"], row["state"]) for row in rows))
        return len(rows) == TOLD_AT_ONCE
