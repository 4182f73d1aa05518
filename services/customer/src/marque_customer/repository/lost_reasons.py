"""Why people stay away, as they told a survey."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import LostReason
from marque_customer.repository.sight import own_dealers

MOST = 10
_TABLE = LostReason.__table__


async def keep(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps answers, each invitation once."""
    if rows:
        await session.execute(insert(LostReason).values(list(rows)).on_conflict_do_nothing())


async def of(session: AsyncSession, principal: Principal, family: Sequence[uuid.UUID]) -> Sequence[Any]:
    """Returns the latest answers of a customer and those merged into it, as far as the caller sees them."""
    query = (
        sa.select(_TABLE)
        .where(_TABLE.c.customer_id.in_(family), own_dealers(principal, _TABLE.c.dealer_id))
        .order_by(_TABLE.c.tell_time.desc(), _TABLE.c.invitation_id)
        .limit(MOST)
    )
    return (await session.execute(query)).all()
