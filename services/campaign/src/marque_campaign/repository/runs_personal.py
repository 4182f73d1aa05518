"""SQL of a customer's rights over runs through the steps of campaigns."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import CampaignRun

Ids = Sequence[uuid.UUID]
_RUNS: Any = CampaignRun.__table__
_STOP = sa.text(
    "UPDATE campaign_runs SET state = 4, reason = 'ERASED', wake_time = NULL, update_time = :now "
    "WHERE customer_id = ANY(:ids) AND state <> 4"
)
# The numbers of a campaign stay; whom and which car or contract a run was about does not.
_UNNAME = sa.text(
    "UPDATE campaign_runs SET customer_id = gen_random_uuid(), subject = gen_random_uuid()::text, vin = '', holding_id = NULL, "
    "due_date = NULL, send_id = NULL, update_time = now() WHERE customer_id = ANY(:ids) RETURNING run_id"
)


async def of_people(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The runs of the person."""
    for row in await session.execute(sa.select(_RUNS).where(_RUNS.c.customer_id.in_(ids)).order_by(_RUNS.c.run_id)):
        yield str(row.run_id), dict(row._mapping)


async def count(session: AsyncSession, ids: Ids) -> int:
    """Returns how many runs are the person's."""
    query = sa.select(sa.func.count()).select_from(_RUNS).where(_RUNS.c.customer_id.in_(ids))
    return int(await session.scalar(query) or 0)


async def stop(session: AsyncSession, ids: Ids, moment: datetime) -> None:
    """Ends the runs of the person."""
    await session.execute(_STOP, {"ids": list(ids), "now": moment})


async def unname(session: AsyncSession, ids: Ids) -> int:
    """Puts ids of nobody in the place of the person and of what their runs were about; returns how many there were."""
    return len((await session.execute(_UNNAME, {"ids": list(ids)})).all())
