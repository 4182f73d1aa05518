"""Every scored response in the order of its key, for read models that are rebuilt."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.models import Invitation, SurveyScore

Scores = dict[tuple[int, str], float]


async def next_scored(session: AsyncSession, after: str, limit: int) -> list[tuple[Invitation, Scores]]:
    """Invitations that have scores, by id, and the scores by measure and set of weights."""
    scored = sa.exists().where(SurveyScore.invitation_id == Invitation.invitation_id)
    found = sa.select(Invitation).where(scored).order_by(Invitation.invitation_id).limit(limit)
    rows = (await session.scalars(found.where(Invitation.invitation_id > uuid.UUID(after)) if after else found)).all()
    values: dict[uuid.UUID, Scores] = {row.invitation_id: {} for row in rows}
    for one in await session.scalars(sa.select(SurveyScore).where(SurveyScore.invitation_id.in_(values))):
        values[one.invitation_id][one.measure, str(one.weight_set_id)] = one.value
    return [(row, values[row.invitation_id]) for row in rows]
