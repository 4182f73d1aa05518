"""A campaign of which too much fails is paused, and somebody is told: nothing more is begun before a person looked."""

from __future__ import annotations

from servicekit.db.uow import UnitOfWork

from marque_campaign import events
from marque_campaign.models import Campaign
from marque_campaign.repository import halting as repository
from marque_campaign.rules import figures
from marque_campaign.rules import halting as rules


async def halted(uow: UnitOfWork, campaign: Campaign) -> bool:
    """Pauses a running campaign, which the caller has locked, where too much failed since it was launched or resumed; returns whether.

    Asked before messages are begun, so it does not matter who told of the failures: the worker, or a mail that came back a day later.
    """
    since = campaign.watch_time or campaign.launch_time
    if since is None:
        return False
    failed, told = await repository.lately(uow.session, campaign.campaign_id, since, rules.LOOKED_AT)
    if not rules.is_storm(failed, told, campaign.pause_above_percent):
        return False
    campaign.do("pause")
    campaign.pause_reason = rules.FAILURES
    await uow.flush()
    uow.emit(events.campaign_halted(campaign), of=campaign)
    uow.tally(figures.HALTS)
    uow.audit("halt", "campaign", str(campaign.campaign_id), ("state", "pause_reason"))
    return True
