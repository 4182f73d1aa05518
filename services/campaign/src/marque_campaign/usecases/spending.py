"""A campaign stops at its budget: what the next message would cost more is not begun, and the rest is told why."""

from __future__ import annotations

from servicekit.db.uow import UnitOfWork

from marque_campaign.models import Campaign
from marque_campaign.repository import sends as ledger
from marque_campaign.usecases.ending import ended

BUDGET = "BUDGET"
AT_ONCE = 2_000


async def payable(uow: UnitOfWork, campaign: Campaign, fresh: int) -> int:
    """Returns how many lines of a campaign, which the caller has locked, may be begun so that the budget pays them all.

    What is under way counts as spent until it is known. Once all is spent and nothing is under way, the rest ends suppressed. Lines are
    counted only where those begun since they were counted last would be too many: nothing but beginning makes more of them.
    """
    most = campaign.affordable
    if most is None:
        return fresh
    if campaign.budget_used is not None and campaign.budget_used + fresh <= most:
        return fresh
    spent, under_way = await ledger.spent(uow.session, campaign.campaign_id)
    if spent >= most and not under_way:
        for row in await ledger.exhaust(uow.session, campaign.campaign_id, BUDGET, uow.now, AT_ONCE):
            ended(uow, row, row.state, row.reason)
    await ledger.note_used(uow.session, campaign.campaign_id, spent)
    return max(0, min(fresh, most - spent))


async def begun(uow: UnitOfWork, campaign: Campaign, count: int) -> None:
    """Notes that lines of a campaign, which the caller has locked, were begun that had not been."""
    if count and campaign.affordable is not None:
        await ledger.note_begun(uow.session, campaign.campaign_id, count)
