"""The state of every case as snapshot events."""

from __future__ import annotations

from google.protobuf.message import Message
from servicekit.snapshots import SnapshotReader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint import events
from marque_complaint.repository import snapshots


async def _cases(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    rows = await snapshots.next_cases(session, after, limit)
    return [(str(row.case_id), events.case_snapshot(row)) for row in rows]


READERS: dict[str, SnapshotReader] = {"case": _cases}
