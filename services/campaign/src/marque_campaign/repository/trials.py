"""SQL of test messages."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import SentTest

_ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('test-messages:' || :actor, 0))")


async def count(session: AsyncSession, actor: str, since: datetime) -> int:
    """Returns how many somebody has sent since a moment, and keeps their other calls waiting meanwhile; what is older is forgotten."""
    await session.execute(_ALONE, {"actor": actor})
    await session.execute(sa.delete(SentTest).where(SentTest.actor == actor, SentTest.create_time <= since))
    return int(await session.scalar(sa.select(sa.func.count()).where(SentTest.actor == actor)) or 0)
