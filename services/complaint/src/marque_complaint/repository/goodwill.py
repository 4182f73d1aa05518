"""SQL of goodwill and its limits."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case, Goodwill, GoodwillPolicy
from marque_complaint.repository.scope import Scope
from marque_complaint.rules.goodwill import APPROVED, WAITING

_COLUMNS = ", ".join(column.name for column in Goodwill.__table__.columns)


async def latest_policy(session: AsyncSession) -> GoodwillPolicy:
    """Returns the limits in force; without any, a version 0 that is kept nowhere."""
    found = await session.scalars(sa.select(GoodwillPolicy).order_by(GoodwillPolicy.version.desc()).limit(1))
    return found.one_or_none() or GoodwillPolicy(version=0, limits=[], actor="", create_time=None)


async def lock_policies(session: AsyncSession) -> None:
    """Holds the limits until the transaction ends, so that two versions are never written at once."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("goodwill_policies", 0))))


async def given(session: AsyncSession, case_id: uuid.UUID, currency: str) -> int:
    """Returns what was approved for a case in a currency. The caller holds the case locked."""
    total = sa.select(sa.func.coalesce(sa.func.sum(Goodwill.amount_minor), 0)).where(
        Goodwill.case_id == case_id, Goodwill.currency == currency, Goodwill.state == APPROVED
    )
    return int(await session.scalar(total) or 0)


async def waits(session: AsyncSession, case_id: uuid.UUID) -> bool:
    """Tells whether something is to be decided for a case."""
    found = sa.select(Goodwill.goodwill_id).where(Goodwill.case_id == case_id, Goodwill.state == WAITING).limit(1)
    return (await session.execute(found)).first() is not None


async def case_of(reader: Reader, goodwill_id: uuid.UUID) -> uuid.UUID | None:
    """Returns the case of something that was asked for; that never changes."""
    found: uuid.UUID | None = await reader.fetchval(
        "SELECT case_id FROM case_goodwill WHERE goodwill_id = $1", goodwill_id
    )
    return found


async def get(session: AsyncSession, goodwill_id: uuid.UUID) -> Goodwill:
    """Returns what was asked for. The caller holds its case locked."""
    return (await session.scalars(sa.select(Goodwill).where(Goodwill.goodwill_id == goodwill_id))).one()


async def move(session: AsyncSession, case_id: uuid.UUID, dealer_id: uuid.UUID | None) -> None:
    """Notes that another dealer answers for a case, and so for what was asked for it."""
    await session.execute(sa.update(Goodwill).where(Goodwill.case_id == case_id).values(dealer_id=dealer_id))


async def list_goodwill(
    reader: Reader, scope: Scope, case_id: uuid.UUID | None, waiting: bool, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of what was asked for cases in sight and one more, the newest first."""
    conditions, order = query.Conditions(), query.Order("create_time", "goodwill_id", True)
    if waiting:
        conditions.add("state = {}", WAITING)
    driver: query.Driver | None = None
    if not scope.everything:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))
        driver = "dealer_id", scope.dealers, "uuid"
    if case_id is not None:
        driver = "case_id", [case_id], "uuid"
    order.after(conditions, after)
    return await query.page(reader, "case_goodwill", _COLUMNS, conditions, order, page, driver)


async def of_customers(session: AsyncSession, ids: Sequence[uuid.UUID]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """What was asked for the cases of some customers."""
    table: Any = Goodwill.__table__
    mine = sa.select(Case.case_id).where(Case.customer_id.in_(ids))
    for row in await session.execute(sa.select(table).where(table.c.case_id.in_(mine)).order_by(table.c.goodwill_id)):
        yield str(row.goodwill_id), dict(row._mapping)
