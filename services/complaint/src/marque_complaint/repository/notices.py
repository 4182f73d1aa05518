"""SQL of what followers of signals are told."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import DefectSignal

_COLUMNS = "notice_number, signal_id, reason, after_count, create_time, read_time"
RAISED, GREW = 1, 2
_GREW = """
INSERT INTO defect_notices (staff_id, signal_id, reason, after_count, create_time)
SELECT f.staff_id, f.signal_id, 2, :after_count, :moment FROM defect_followers f WHERE f.signal_id = :signal_id ORDER BY f.staff_id"""
_RAISED = """
INSERT INTO defect_notices (staff_id, signal_id, reason, after_count, create_time)
SELECT DISTINCT f.staff_id, CAST(:signal_id AS uuid), 1, CAST(:after_count AS integer), CAST(:moment AS timestamptz)
FROM defect_followers f JOIN defect_signals s ON s.signal_id = f.signal_id WHERE s.make = :make AND s.model = :model"""
_READ = """
UPDATE defect_notices SET read_time = :moment WHERE staff_id = :staff_id AND notice_number <= :number AND read_time IS NULL"""


async def tell(session: AsyncSession, signal: DefectSignal, reason: int, moment: datetime) -> None:
    """Tells the followers of a signal that it grew, or those of the model's other signals that this one was raised."""
    values: dict[str, Any] = {"signal_id": signal.signal_id, "after_count": signal.after_count, "moment": moment}
    if reason == RAISED:
        await session.execute(sa.text(_RAISED), {**values, "make": signal.make, "model": signal.model})
    else:
        await session.execute(sa.text(_GREW), values)


async def read(session: AsyncSession, staff_id: uuid.UUID, number: int, moment: datetime) -> int:
    """Notes that somebody has read their notices up to one; returns how many these were."""
    done: Any = await session.execute(sa.text(_READ), {"staff_id": staff_id, "number": number, "moment": moment})
    return int(done.rowcount)


async def list_notices(
    reader: Reader, staff_id: uuid.UUID, unread: bool, page: Page, after: int | None
) -> list[asyncpg.Record]:
    """Returns a page of somebody's notices and one more, the newest first."""
    conditions = query.Conditions()
    conditions.add("staff_id = {}", staff_id)
    if unread:
        conditions.parts.append("read_time IS NULL")
    if after is not None:
        conditions.add("notice_number < {}", after)
    sql = (
        f"SELECT {_COLUMNS} FROM defect_notices WHERE {conditions.sql} "  # noqa: S608 - our own words
        f"ORDER BY notice_number DESC LIMIT {conditions.bind(page.size + 1)}"
    )
    return list(await reader.fetch(sql, *conditions.arguments))
