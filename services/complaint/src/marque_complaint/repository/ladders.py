"""SQL of the steps of ladders."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import CaseStep


async def steps(session: AsyncSession, case_id: uuid.UUID) -> dict[tuple[int, int], CaseStep]:
    """Returns the steps of a case as stored, by clock and percent. The caller holds the case locked."""
    found = await session.scalars(sa.select(CaseStep).where(CaseStep.case_id == case_id))
    return {(row.clock, row.percent): row for row in found}


async def due_steps(session: AsyncSession, case_id: uuid.UUID, moment: datetime) -> list[CaseStep]:
    """Returns the steps of a case that are due and were not taken, in their order."""
    due = sa.select(CaseStep).where(
        CaseStep.case_id == case_id, CaseStep.act_time.is_(None), CaseStep.due_time <= moment
    )
    return list(await session.scalars(due.order_by(CaseStep.due_time, CaseStep.clock, CaseStep.percent)))


async def next_due(session: AsyncSession, case_id: uuid.UUID) -> datetime | None:
    """Returns when the next step of a case is due; None for none."""
    found: datetime | None = await session.scalar(
        sa.select(sa.func.min(CaseStep.due_time)).where(CaseStep.case_id == case_id, CaseStep.act_time.is_(None))
    )
    return found
