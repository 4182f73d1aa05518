"""All SQL of the customer service."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer, Relation


async def customer_exists(session: AsyncSession, customer_id: uuid.UUID) -> bool:
    """Tells whether there is such a customer."""
    return bool(await session.scalar(sa.select(sa.exists().where(Customer.customer_id == customer_id))))


async def relation_exists(session: AsyncSession, customer_id: uuid.UUID, dealer_id: uuid.UUID, kind: int) -> bool:
    """Tells whether a dealer has this relation with a customer."""
    found = sa.exists().where(
        Relation.customer_id == customer_id, Relation.dealer_id == dealer_id, Relation.kind == kind
    )
    return bool(await session.scalar(sa.select(found)))
