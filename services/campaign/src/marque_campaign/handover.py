"""What somebody who has left had at the campaign service: the campaigns that are not over. Those that are stay theirs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.handover import Moved, Successor

from marque_campaign.repository import personal as repository


class CampaignHandOver:
    """Implements `servicekit.handover.HandOver`."""

    async def move(self, uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
        """Gives open campaigns to others, or to nobody. Who wrote a campaign still may not approve it."""
        moved = []
        for campaign in await repository.lock_written(uow.session, staff_id, limit):
            campaign.author_staff_id = successor()
            moved.append(Moved("campaign.campaign", str(campaign.campaign_id), campaign.author_staff_id))
        await uow.flush()
        return moved
