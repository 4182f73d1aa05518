"""SQL of a customer's rights over invitations and answers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.models import CallAttempt, CallTask, Invitation, SurveyAnswer

Ids = Sequence[uuid.UUID]
_MINE = "SELECT invitation_id FROM invitations WHERE customer_id = ANY(:ids)"
_FORGET = f"DELETE FROM survey_answers WHERE invitation_id IN ({_MINE})"  # noqa: S608 - our own words
_FORGET_WORDS = f"DELETE FROM survey_texts WHERE invitation_id IN ({_MINE})"  # noqa: S608 - our own words
# What was not answered can no longer be: the link is of nobody. A finished one stays as a fact of the dealer.
_ANONYMISE = """
UPDATE invitations SET customer_id = NULL, vin = left(vin, 11), language = '', version = version + 1, update_time = :now,
    state = CASE WHEN state = 5 THEN 5 ELSE 7 END, reason = CASE WHEN state = 5 THEN reason ELSE 'ERASED' END, due_time = NULL,
    occurrence = CASE WHEN plan_id IS NULL THEN '' ELSE occurrence END
WHERE customer_id = ANY(:ids) RETURNING invitation_id"""


# Nobody is to be called any more; that somebody was, and by whom, stays as a fact of the dealer.
_HANG_UP = f"""
UPDATE survey_calls SET state = 4, reason = 'ERASED', end_time = :now, claim_time = NULL, to_check = false, version = version + 1,
    update_time = :now
WHERE end_time IS NULL AND invitation_id IN ({_MINE})"""  # noqa: S608 - our own words


async def invitations(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The person's invitations."""
    table = Invitation.__table__
    query = sa.select(table).where(table.c.customer_id.in_(ids)).order_by(table.c.invitation_id)
    for row in await session.execute(query):
        yield str(row.invitation_id), dict(row._mapping)


async def answers(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The person's answers."""
    table = SurveyAnswer.__table__
    mine = sa.select(Invitation.invitation_id).where(Invitation.customer_id.in_(ids))
    query = sa.select(table).where(table.c.invitation_id.in_(mine))
    for row in await session.execute(query.order_by(table.c.invitation_id, table.c.question_code)):
        yield f"{row.invitation_id}:{row.question_code}", dict(row._mapping)


async def calls(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The calls to the person."""
    attempt = CallAttempt.__table__
    mine = sa.select(CallTask.call_task_id).join(Invitation, Invitation.invitation_id == CallTask.invitation_id)
    query = sa.select(attempt).where(attempt.c.call_task_id.in_(mine.where(Invitation.customer_id.in_(ids))))
    for row in await session.execute(query.order_by(attempt.c.call_task_id, attempt.c.number)):
        yield f"{row.call_task_id}:{row.number}", dict(row._mapping)


async def count(session: AsyncSession, ids: Ids) -> int:
    """Returns how many invitations of a person there are."""
    query = sa.select(sa.func.count()).select_from(Invitation).where(Invitation.customer_id.in_(ids))
    return int(await session.scalar(query) or 0)


async def erase(session: AsyncSession, ids: Ids, moment: datetime) -> list[uuid.UUID]:
    """Takes the person and their answers away; returns the invitations."""
    values: dict[str, Any] = {"ids": list(ids)}
    await session.execute(sa.text(_FORGET), values)
    await session.execute(sa.text(_FORGET_WORDS), values)
    await session.execute(sa.text(_HANG_UP), {**values, "now": moment})
    return list((await session.execute(sa.text(_ANONYMISE), {**values, "now": moment})).scalars())
