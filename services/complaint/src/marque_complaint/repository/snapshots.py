"""Every case in the order of its key, for read models that are rebuilt."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case


async def next_cases(session: AsyncSession, after: str, limit: int) -> Sequence[Case]:
    """Cases by id."""
    found = sa.select(Case).order_by(Case.case_id).limit(limit)
    return (await session.scalars(found.where(Case.case_id > uuid.UUID(after)) if after else found)).all()
