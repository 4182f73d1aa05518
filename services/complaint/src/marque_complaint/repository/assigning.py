"""SQL of who waits for somebody to work on them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import asyncpg
import sqlalchemy as sa
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case

_WAITING = """
SELECT case_id, dealer_id, assign_time, entry_count FROM cases
WHERE assign_time <= now() AND dealer_id IS NOT NULL AND handler_staff_id IS NULL ORDER BY assign_time LIMIT $1"""
_ENDED = (
    "SELECT case_id, assignment_id FROM cases WHERE assignment_id IS NOT NULL AND close_time IS NOT NULL "
    "ORDER BY close_time LIMIT $1"
)
_cases: sa.Table = Case.__table__  # type: ignore[assignment]


async def waiting(reader: Reader, limit: int) -> list[asyncpg.Record]:
    """Returns the cases for which network is to be asked now."""
    return list(await reader.fetch(_WAITING, limit))


async def ended(reader: Reader, limit: int) -> list[asyncpg.Record]:
    """Returns `case_id, assignment_id` of closed cases whose assignment is still to be ended at network."""
    return list(await reader.fetch(_ENDED, limit))


async def forget(session: AsyncSession, case_ids: Sequence[uuid.UUID]) -> None:
    """Notes that the assignments of closed cases are ended; no change of the cases themselves."""
    await session.execute(sa.update(_cases).where(_cases.c.case_id.in_(case_ids)).values(assignment_id=None))
