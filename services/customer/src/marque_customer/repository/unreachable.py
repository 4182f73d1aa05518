"""SQL of contact points and postal addresses at which nothing arrives."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import ContactPoint, UnreachablePlace

_OF_PERMIT = sa.text(
    "SELECT p.customer_id, p.contact_point_id FROM contact_permits c JOIN contact_points p USING (contact_point_id) "
    "WHERE (c.person_id = :customer OR c.customer_id = :customer) AND c.occurrence_key = :key LIMIT 1"
)
_PLACE = sa.text(
    "SELECT person_id, contact_point_id FROM contact_permits WHERE (person_id = :customer OR customer_id = :customer) "
    "AND occurrence_key = :key AND channel = 4 AND contact_point_id IS NOT NULL LIMIT 1"
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


async def place_of_permit(session: AsyncSession, customer_id: uuid.UUID, occurrence_key: str) -> Named:
    """Returns customer and id of the postal address for which a permit was taken."""
    row = (await session.execute(_PLACE, {"customer": customer_id, "key": occurrence_key})).one_or_none()
    return (row.person_id, row.contact_point_id) if row is not None else None


async def mark_place(session: AsyncSession, values: dict[str, Any]) -> None:
    """Notes that nothing arrives at a postal address; the first word stays."""
    await session.execute(insert(UnreachablePlace).values(**values).on_conflict_do_nothing())


async def lift_places(session: AsyncSession, source: str) -> None:
    """Takes back what a source told of postal addresses."""
    await session.execute(sa.delete(UnreachablePlace).where(UnreachablePlace.unreachable_source == source))
