"""Every campaign in the order of its key, for read models that are rebuilt."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import Campaign


async def next_campaigns(session: AsyncSession, after: str, limit: int) -> Sequence[Campaign]:
    """Campaigns by id."""
    found = sa.select(Campaign).order_by(Campaign.campaign_id).limit(limit)
    return (await session.scalars(found.where(Campaign.campaign_id > uuid.UUID(after)) if after else found)).all()
