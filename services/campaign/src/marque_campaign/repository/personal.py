"""SQL of a customer's rights over what is held of them here, and of what somebody who has left had."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import AudienceListMember, Campaign, CampaignSend
from marque_campaign.repository import members
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

_STOP = sa.text(
    "UPDATE campaign_sends SET state = 9, reason = 'ERASED', retry_time = NULL, version = version + 1, update_time = :now "
    "WHERE customer_id = ANY(:ids) AND state = 1 RETURNING send_id, campaign_id, customer_id, version, channel, state, reason"
)
# A call of which nothing was told is a task still.
_STOP_CALLS = sa.text(
    "UPDATE campaign_sends SET state = 7, reason = 'ERASED', version = version + 1, update_time = :now "
    "WHERE customer_id = ANY(:ids) AND channel = 1 AND state = 4 "
    "RETURNING send_id, campaign_id, customer_id, version, channel, state, reason"
)
_UNNAME = sa.text(
    "UPDATE campaign_sends SET customer_id = gen_random_uuid(), language = '', address_hash = '', version = version + 1, "
    "update_time = now() "
    "WHERE customer_id = ANY(:ids) AND state NOT IN (1, 2, 3) RETURNING send_id"
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
    """Takes the person off every list, and lets nobody put them back meanwhile; returns on how many they stood."""
    await members.hold_alone(session)
    return int(await session.scalar(_OFF_THE_LISTS, {"ids": list(ids)}) or 0)


async def sends(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """What was sent to the person, and what was not and why."""
    table = CampaignSend.__table__
    for row in await session.execute(sa.select(table).where(table.c.customer_id.in_(ids)).order_by(table.c.send_id)):
        yield str(row.send_id), dict(row._mapping)


async def count_sends(session: AsyncSession, ids: Ids) -> int:
    """Returns how many lines of ledgers are the person's."""
    query = sa.select(sa.func.count()).select_from(CampaignSend).where(CampaignSend.customer_id.in_(ids))
    return int(await session.scalar(query) or 0)


async def stop_calls(session: AsyncSession, ids: Ids, moment: datetime) -> list[sa.Row[Any]]:
    """Ends the calls of the person that are still to be made; returns their lines."""
    return list(await session.execute(_STOP_CALLS, {"ids": list(ids), "now": moment}))


async def stop_sends(session: AsyncSession, ids: Ids, moment: datetime) -> list[sa.Row[Any]]:
    """Ends the lines of the person that nobody has begun."""
    return list(await session.execute(_STOP, {"ids": list(ids), "now": moment}))


async def unname_sends(session: AsyncSession, ids: Ids) -> list[uuid.UUID]:
    """Puts an id of nobody in the place of the person in every final line, so that a campaign's numbers stay."""
    return list((await session.execute(_UNNAME, {"ids": list(ids)})).scalars())


async def lock_written(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> list[Campaign]:
    """Returns campaigns that somebody has, locked, and that are not over."""
    query = sa.select(Campaign).where(Campaign.author_staff_id == staff_id, Campaign.state.not_in(sorted(OVER)))
    return list(await session.scalars(query.order_by(Campaign.campaign_id).limit(limit).with_for_update()))
