"""What came in from people before."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import LeadIntake

_RECENT = 200
_intakes: sa.Table = LeadIntake.__table__  # type: ignore[assignment]


async def intakes_of(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """Returns `intake_id, lead_id` of what came in from people, the newest first, at most 200."""
    query = sa.select(_intakes.c.intake_id, _intakes.c.lead_id).where(_intakes.c.customer_id.in_(customer_ids))
    return (await session.execute(query.order_by(_intakes.c.create_time.desc()).limit(_RECENT))).all()
