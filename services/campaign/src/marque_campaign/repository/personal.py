"""SQL of a customer's rights over what is held of them here, and of what somebody who has left had."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import AudienceListMember, Campaign
from marque_campaign.rules.kinds import OVER

Ids = Sequence[uuid.UUID]
_members: sa.Table = AudienceListMember.__table__  # type: ignore[assignment]
_OFF_THE_LISTS = sa.text(
    "WITH gone AS (DELETE FROM audience_list_members WHERE customer_id = ANY(:ids) RETURNING audience_list_id), "
    "counted AS (SELECT audience_list_id, count(*) AS n FROM gone GROUP BY 1), "
    "lists AS (UPDATE audience_lists l SET member_count = l.member_count - c.n, version = l.version + 1, update_time = now() "
    "FROM counted c WHERE l.audience_list_id = c.audience_list_id) "
    "SELECT coalesce(sum(n), 0) FROM counted"
)


async def memberships(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The lists on which the person stands."""
    query = sa.select(_members).where(_members.c.customer_id.in_(ids)).order_by(_members.c.audience_list_id)
    for row in await session.execute(query):
        yield str(row.audience_list_id), dict(row._mapping)


async def count_memberships(session: AsyncSession, ids: Ids) -> int:
    """Returns on how many lists the person stands."""
    query = sa.select(sa.func.count()).select_from(_members).where(_members.c.customer_id.in_(ids))
    return int(await session.scalar(query) or 0)


async def take_off_lists(session: AsyncSession, ids: Ids) -> int:
    """Takes the person off every list; returns how many there were."""
    return int(await session.scalar(_OFF_THE_LISTS, {"ids": list(ids)}) or 0)


async def lock_written(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> list[Campaign]:
    """Returns campaigns that somebody has, locked, and that are not over."""
    query = sa.select(Campaign).where(Campaign.author_staff_id == staff_id, Campaign.state.not_in(sorted(OVER)))
    return list(await session.scalars(query.order_by(Campaign.campaign_id).limit(limit).with_for_update()))
