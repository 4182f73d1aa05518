"""What every response scored as snapshot events."""

from __future__ import annotations

from google.protobuf.message import Message
from servicekit.snapshots import SnapshotReader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey import events
from marque_survey.repository import snapshots


async def _scores(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    found = await snapshots.next_scored(session, after, limit)
    return [(str(row.invitation_id), events.survey_score_snapshot(row, scores)) for row, scores in found]


READERS: dict[str, SnapshotReader] = {"invitation": _scores}
