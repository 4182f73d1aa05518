"""SQL of contact points at which nothing arrives."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import ContactPoint

_OF_PERMIT = sa.text(
    "SELECT p.customer_id, p.contact_point_id FROM contact_permits c JOIN contact_points p USING (contact_point_id) "
    "WHERE (c.person_id = :customer OR c.customer_id = :customer) AND c.occurrence_key = :key LIMIT 1"
)
Named = tuple[uuid.UUID, uuid.UUID] | None


async def of_permit(session: AsyncSession, customer_id: uuid.UUID, occurrence_key: str) -> Named:
    """Returns customer and id of the contact point for which a permit was taken, where it is still there."""
    row = (await session.execute(_OF_PERMIT, {"customer": customer_id, "key": occurrence_key})).one_or_none()
    return (row.customer_id, row.contact_point_id) if row is not None else None


async def of_source(session: AsyncSession, source: str) -> Named:
    """Returns customer and id of the contact point of which a source told that nothing arrives there."""
    query = sa.select(ContactPoint.customer_id, ContactPoint.contact_point_id)
    row = (await session.execute(query.where(ContactPoint.unreachable_source == source).limit(1))).one_or_none()
    return (row.customer_id, row.contact_point_id) if row is not None else None
