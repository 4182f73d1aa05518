"""The state of every campaign as snapshot events."""

from __future__ import annotations

from google.protobuf.message import Message
from servicekit.snapshots import SnapshotReader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign import events
from marque_campaign.repository import snapshots


async def _campaigns(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    rows = await snapshots.next_campaigns(session, after, limit)
    return [(str(row.campaign_id), events.campaign_snapshot(row)) for row in rows]


READERS: dict[str, SnapshotReader] = {"campaign": _campaigns}
