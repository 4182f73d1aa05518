"""SQL of which campaigns are paused, by the newest word on each."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

_HEAR = sa.text("""
INSERT INTO known_campaigns AS k (campaign_id, paused, heard_version) VALUES (:campaign, :paused, :version)
ON CONFLICT (campaign_id) DO UPDATE SET paused = excluded.paused, heard_version = excluded.heard_version
WHERE k.heard_version < excluded.heard_version""")
_FORGET = sa.text("DELETE FROM known_campaigns WHERE campaign_id = :campaign AND heard_version < :version")


async def hear(session: AsyncSession, campaign_id: uuid.UUID, version: int, *, paused: bool) -> None:
    """Keeps whether a campaign is paused; what is older than known changes nothing."""
    await session.execute(_HEAR, {"campaign": campaign_id, "paused": paused, "version": version})


async def forget(session: AsyncSession, campaign_id: uuid.UUID, version: int) -> None:
    """Forgets a campaign that was called off: it has no calls any more."""
    await session.execute(_FORGET, {"campaign": campaign_id, "version": version})
