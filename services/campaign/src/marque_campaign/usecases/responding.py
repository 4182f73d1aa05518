"""What people did, as others tell it: it is owed to the messages before it, and compared with those who got none."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.uow import UnitOfWork

from marque_campaign.repository import responses as repository
from marque_campaign.rules import attribution


async def responded(uow: UnitOfWork, *, kind: int, key: str, customer_id: uuid.UUID, moment: datetime) -> None:
    """Keeps a deed of somebody for every line to which it is owed; again it changes nothing."""
    async with uow:
        touches = [
            attribution.Touch(
                row.send_id, row.campaign_id, row.create_time, row.hand_time, row.attribution, row.response_days
            )
            for row in await repository.touches(uow.session, customer_id, moment)
        ]
        rows = [
            {
                "campaign_id": one.touch.campaign_id,
                "kind": kind,
                "send_id": one.touch.send_id,
                "source_key": key,
                "occur_time": moment,
                "credited": one.credited,
                "in_trial": one.in_trial,
            }
            for one in attribution.owed(touches, moment)
        ]
        await repository.add(uow.session, rows)


async def taken_back(uow: UnitOfWork, *, key: str) -> None:
    """Forgets a deed that was taken back, such as a sale that was reversed."""
    async with uow:
        await repository.remove(uow.session, key)
