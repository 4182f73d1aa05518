"""What time makes of campaigns: they start, their audience is written into the ledger, and they end."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.uow import UnitOfWork

from marque_campaign import events
from marque_campaign.errors import CampaignNotFound
from marque_campaign.models import Campaign
from marque_campaign.models.legs import goes_in_steps, subject_of
from marque_campaign.repository import letters, runs
from marque_campaign.repository import sends as ledger
from marque_campaign.repository.scope import EVERYTHING
from marque_campaign.rules import kinds, steps
from marque_campaign.rules.ledger import CANCELLED
from marque_campaign.usecases import addressing, calendars, campaigns, letter_files
from marque_campaign.usecases.ending import ended
from marque_campaign.usecases.segments import Days

LAUNCH, DRAIN = campaigns.LAUNCH, campaigns.DRAIN
AT_ONCE, DRAINED_AT_ONCE = 20_000, 2_000
_FIRST = uuid.UUID(int=0)


async def launch(uow: UnitOfWork, key: str, days: Days = Days()) -> datetime | None:
    """Starts a campaign at its time and writes its audience into the ledger, some thousands in a transaction; None when all are there.

    The audience is who was in the segment or stood on the list at the start; whom a rule keeps out is asked when their line is claimed
    (`holding`). Whoever is killed meanwhile, the cursor says where to go on, and the unique key keeps everybody once.
    """
    try:
        campaign = await campaigns.found(uow, EVERYTHING, uuid.UUID(key))
    except CampaignNotFound:
        return None
    if campaign.state == kinds.SCHEDULED:
        if campaign.start_time is not None and campaign.start_time > uow.now:
            return campaign.start_time
        campaign.do("launch")
        campaign.launch_time = uow.now
        campaign.time_zone = campaign.time_zone or days.zone
        if not await calendars.begin(uow, campaign):
            await addressing.address(uow, campaign, days.day(uow.now))
        await uow.flush()
        uow.emit(events.campaign_launched(campaign), of=campaign)
        uow.audit("launch", "campaign", key, ("state",))
    if campaign.trigger or campaign.event_notice or campaign.due_date or campaign.recurrence or campaign.recall_id:
        # Who is written to comes by what they do (`triggering`, `registering`), by the calendar (`calendars`), or from the owner of the
        # recall (`recalls`).
        return None
    if campaign.state not in (kinds.RUNNING, kinds.PAUSED) or campaign.plan_time is not None:
        return None
    values = {
        "list": campaign.audience_list_id,
        "campaign": campaign.campaign_id,
        "launched": campaign.launch_time,
        "after": campaign.plan_cursor or _FIRST,
        "most": AT_ONCE,
        "now": uow.now,
    }
    if goes_in_steps(campaign):
        by_car = subject_of(campaign) == steps.VIN
        last = await runs.plan(uow.session, {**values, "occurrence": ""}, by_car=by_car)
    else:
        last = await ledger.plan(uow.session, {**values, "channel": campaign.channel})
    if last is None:
        campaign.plan_time = uow.now
        return None
    campaign.plan_cursor = last
    return uow.now


async def drain(uow: UnitOfWork, key: str) -> datetime | None:
    """Ends the lines of a cancelled campaign; those that a worker still has are waited for. Letters leave the files that nobody printed."""
    campaign_id = uuid.UUID(key)
    filed = await letters.of_campaign(uow.session, campaign_id, DRAINED_AT_ONCE)
    if await letter_files.pull(uow, filed, CANCELLED) == DRAINED_AT_ONCE:
        return uow.now
    if await runs.drain(uow.session, campaign_id, CANCELLED, uow.now, DRAINED_AT_ONCE) == DRAINED_AT_ONCE:
        return uow.now
    rows = await ledger.drain(uow.session, campaign_id, uow.now, DRAINED_AT_ONCE)
    for row in rows:
        ended(uow, row, row.state, row.reason)
    if len(rows) == DRAINED_AT_ONCE:
        return uow.now
    return uow.now + ledger.LEASE if await ledger.is_open(uow.session, campaign_id) else None


async def finish(uow: UnitOfWork, campaign_id: uuid.UUID) -> None:
    """Finishes a campaign whose every line is final and every run over."""
    async with uow:
        campaign: Campaign = await campaigns.found(uow, EVERYTHING, campaign_id)
        settled = campaign.plan_time is not None and not await ledger.is_open(uow.session, campaign_id)
        settled = settled and not await runs.is_open(uow.session, campaign_id)
        if campaign.state != kinds.RUNNING or not settled:
            return
        campaign.do("finish", settled=True)
        campaign.finish_time = uow.now
        await uow.flush()
        uow.emit(events.campaign_finished(campaign), of=campaign)
        uow.audit("finish", "campaign", str(campaign_id), ("state",))
