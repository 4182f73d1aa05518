"""SQL of a customer's rights over what the read model of segments knows of them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import AudienceCar, AudienceDeed, AudienceHolding, AudiencePerson, AudienceScore

Ids = Sequence[uuid.UUID]
_HELD: tuple[tuple[Any, str, str], ...] = (
    (AudiencePerson.__table__, "customer_id", "customer_id"),
    (AudienceHolding.__table__, "person_id", "holding_id"),
    (AudienceScore.__table__, "customer_id", "invitation_id"),
    (AudienceDeed.__table__, "customer_id", "deed_id"),
    (AudienceCar.__table__, "person_id", "vin"),
)
# What is of the person alone goes; a deed and a car stay, and know nobody.
_GONE, _UNNAMED = _HELD[:3], _HELD[3:]


async def known(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yields every row that is about the person."""
    for table, who, key in _HELD:
        query = sa.select(table).where(table.c[who].in_(ids)).order_by(table.c[key])
        for row in (await session.execute(query)).mappings():
            yield f"{table.name}/{row[key]}", dict(row)


async def count(session: AsyncSession, ids: Ids) -> int:
    """Returns how many rows are about the person."""
    found = 0
    for table, who, _ in _HELD:
        query = sa.select(sa.func.count()).select_from(table).where(table.c[who].in_(ids))
        found += int(await session.scalar(query) or 0)
    return found


async def forget(session: AsyncSession, ids: Ids) -> int:
    """Forgets the person; returns of how many rows."""
    found = 0
    for table, who, key in _GONE:
        gone = sa.delete(table).where(table.c[who].in_(ids)).returning(table.c[key])
        found += len((await session.execute(gone)).all())
    for table, who, key in _UNNAMED:
        gone_from = sa.update(table).where(table.c[who].in_(ids)).values({who: None}).returning(table.c[key])
        found += len((await session.execute(gone_from)).all())
    return found
