"""What came in, and the touches that it left."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Interaction, LeadIntake

_RECENT = 200
_intakes: sa.Table = LeadIntake.__table__  # type: ignore[assignment]


async def intakes_of(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """Returns `intake_id, lead_id` of what came in from people, the newest first, at most 200."""
    query = sa.select(_intakes.c.intake_id, _intakes.c.lead_id).where(_intakes.c.customer_id.in_(customer_ids))
    return (await session.execute(query.order_by(_intakes.c.create_time.desc()).limit(_RECENT))).all()


async def touch_of(session: AsyncSession, customer_id: uuid.UUID, intake_id: uuid.UUID) -> uuid.UUID | None:
    """Returns the touch that something left on a person's time line."""
    query = sa.select(Interaction.interaction_id).where(
        Interaction.customer_id == customer_id, Interaction.content_key == f"inbound:{intake_id}"
    )
    found: uuid.UUID | None = await session.scalar(query.limit(1))
    return found
