"""SQL of whom suppression rules keep out, asked of some people at one moment."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.repository.audience import SURVIVORS
from marque_campaign.repository.segment_sql import PEOPLE, Asked, SegmentSql
from marque_campaign.rules.segments import tree


async def kept_out(
    session: AsyncSession, customer_ids: Sequence[uuid.UUID], rules: Sequence[tuple[str, tree.Condition]], asked: Asked
) -> dict[uuid.UUID, str]:
    """Returns the code of the first rule that holds of somebody, by the id asked with; who is not kept out, or not known, is absent."""
    if not (rules and customer_ids):
        return {}
    # A line stands under the id of then; the read model knows who stands for it now.
    now = SURVIVORS.bindparams(ids=list(set(customer_ids)))
    top = now.columns(asked=sa.Uuid(), customer_id=sa.Uuid()).subquery("people")
    made = SegmentSql(asked)
    code = sa.case(*((made.where(rule), sa.literal(name)) for name, rule in rules), else_=None)
    found = sa.select(top.c.asked, code.label("code")).join_from(top, PEOPLE, PEOPLE.c.customer_id == top.c.customer_id)
    return {row.asked: row.code for row in await session.execute(found) if row.code is not None}
