"""Runs that find duplicates."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models.duplicate_runs import UNENDED, DuplicateRun


async def unended(session: AsyncSession, *, lock: bool = False) -> DuplicateRun | None:
    """Returns the run that waits or runs, or None. `lock`: nobody else starts one until the transaction ends."""
    if lock:
        await session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended('duplicate-runs', 0))"))
    query = sa.select(DuplicateRun).where(DuplicateRun.state.in_(UNENDED))
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def find(session: AsyncSession, run_id: uuid.UUID) -> DuplicateRun | None:
    """Returns a run, or None."""
    return await session.get(DuplicateRun, run_id)
