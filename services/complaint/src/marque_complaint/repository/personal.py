"""SQL of a customer's rights over cases, and of what somebody who has left had."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case, CaseMessage, CaseNote
from marque_complaint.rules.kinds import CLOSED

Ids = Sequence[uuid.UUID]
_CLOSED = "SELECT case_id FROM cases WHERE customer_id = ANY(:ids) AND close_time IS NOT NULL"
_FORGET = (
    f"DELETE FROM case_messages WHERE case_id IN ({_CLOSED})",  # noqa: S608 - our own words
    f"DELETE FROM case_notes WHERE case_id IN ({_CLOSED})",  # noqa: S608
    f"DELETE FROM case_prints WHERE case_id IN ({_CLOSED})",  # noqa: S608
    f"DELETE FROM case_search WHERE case_id IN ({_CLOSED})",  # noqa: S608
)
_ANONYMISE = """
UPDATE cases SET customer_id = NULL, subject = '', description = '', remedy_asked = '', proposal = '', further_options = '',
    resolution = '', vin = left(vin, 11), place = '', version = version + 1, update_time = :now
WHERE customer_id = ANY(:ids) AND close_time IS NOT NULL RETURNING case_id"""


async def cases(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The person's cases."""
    table = Case.__table__
    for row in await session.execute(sa.select(table).where(table.c.customer_id.in_(ids)).order_by(table.c.case_id)):
        yield str(row.case_id), dict(row._mapping)


async def messages(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The threads of the person's cases."""
    async for found in _words(session, CaseMessage, ids, "message_id"):
        yield found


async def notes(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The notes about the person's cases."""
    async for found in _words(session, CaseNote, ids, "note_id"):
        yield found


async def _words(session: AsyncSession, model: Any, ids: Ids, key: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    table = model.__table__
    mine = sa.select(Case.case_id).where(Case.customer_id.in_(ids))
    for row in await session.execute(sa.select(table).where(table.c.case_id.in_(mine)).order_by(table.c[key])):
        yield str(row._mapping[key]), dict(row._mapping)


async def count(session: AsyncSession, ids: Ids) -> int:
    """Returns how many cases of a person there are."""
    query = sa.select(sa.func.count()).select_from(Case).where(Case.customer_id.in_(ids))
    return int(await session.scalar(query) or 0)


async def anonymise(session: AsyncSession, ids: Ids, moment: datetime) -> tuple[list[uuid.UUID], int]:
    """Takes the person and their words out of closed cases; returns these, and how many open ones are kept."""
    values = {"ids": list(ids)}
    for statement in _FORGET:
        await session.execute(sa.text(statement), values)
    gone = list((await session.execute(sa.text(_ANONYMISE), {**values, "now": moment})).scalars())
    return gone, await count(session, ids)


async def lock_handled(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> list[Case]:
    """Returns cases that somebody works on, locked, and that are not closed."""
    query = sa.select(Case).where(Case.handler_staff_id == staff_id, Case.state != CLOSED)
    return list(await session.scalars(query.order_by(Case.case_id).limit(limit).with_for_update()))
