"""SQL of the people on lists."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import AudienceListMember

_members: sa.Table = AudienceListMember.__table__  # type: ignore[assignment]


async def add(session: AsyncSession, list_id: uuid.UUID, customers: Sequence[uuid.UUID], moment: datetime) -> int:
    """Puts people on a list that the caller has locked; returns how many were not on it."""
    if not customers:
        return 0
    rows = [{"audience_list_id": list_id, "customer_id": one, "create_time": moment} for one in sorted(set(customers))]
    statement = insert(_members).values(rows).on_conflict_do_nothing().returning(_members.c.customer_id)
    return len((await session.execute(statement)).all())


async def remove(session: AsyncSession, list_id: uuid.UUID, customers: Sequence[uuid.UUID]) -> int:
    """Takes people off a list that the caller has locked; returns how many were on it."""
    mine = sa.and_(_members.c.audience_list_id == list_id, _members.c.customer_id.in_(sorted(set(customers))))
    return len((await session.execute(sa.delete(_members).where(mine).returning(_members.c.customer_id))).all())
