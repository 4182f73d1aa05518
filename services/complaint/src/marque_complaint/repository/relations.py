"""SQL of what several cases have to do with each other: the same one again, merged ones, problems with their cases, those alike."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case, CasePrint
from marque_complaint.repository.cases import COLUMNS
from marque_complaint.repository.scope import Scope

CANDIDATES = 200
_ALIKE = """
SELECT {columns} FROM cases WHERE case_id IN (
    (SELECT case_id FROM cases WHERE vin = {vin} AND vin <> '' ORDER BY receive_time DESC, case_id DESC LIMIT 50)
    UNION (SELECT case_id FROM cases WHERE customer_id = ANY({customers}) ORDER BY receive_time DESC, case_id DESC LIMIT 50)
    UNION (SELECT f.case_id FROM case_facts f JOIN case_facts o ON o.case_id = {case_id} AND o.ordinal = 0
        AND f.make = o.make AND f.model = o.model AND f.model_year = o.model_year AND f.system = o.system
        ORDER BY f.receive_time DESC, f.case_id DESC LIMIT {most}))
AND case_id <> {case_id} AND merged_into_case_id IS NULL AND {sight}"""


async def hold_print(session: AsyncSession, found: bytes) -> None:
    """Holds a print until the transaction ends: of forty at once, one makes the case."""
    await session.execute(
        sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"case_print:{found.hex()}", 0)))
    )


async def same(session: AsyncSession, scope: Scope, found: bytes, since: datetime) -> uuid.UUID | None:
    """Returns the open case in sight that has a print."""
    wanted = (
        sa.select(Case.case_id)
        .join(CasePrint, CasePrint.case_id == Case.case_id)
        .where(CasePrint.print == found, CasePrint.create_time >= since, Case.close_time.is_(None), scope.clause)
    )
    return (await session.scalars(wanted.order_by(CasePrint.create_time.desc()).limit(1))).one_or_none()


async def carry_on(session: AsyncSession, case_id: uuid.UUID, into: uuid.UUID) -> None:
    """Lets what was merged into a case go on where that one does."""
    await session.execute(
        sa.update(Case)
        .where(Case.merged_into_case_id == case_id)
        .values(merged_into_case_id=into, version=Case.version + 1)
    )


async def has_children(session: AsyncSession, case_id: uuid.UUID) -> bool:
    """Tells whether a case is the problem behind others."""
    found = sa.select(Case.case_id).where(Case.parent_case_id == case_id).limit(1)
    return (await session.execute(found)).first() is not None


async def with_merged(reader: Reader, case_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns a case and those that go on in it: what was said about them is read there."""
    rows = await reader.fetch("SELECT case_id FROM cases WHERE merged_into_case_id = $1 LIMIT 1000", case_id)
    return [case_id, *(row["case_id"] for row in rows)]


async def candidates(reader: Reader, scope: Scope, row: Any, customers: Sequence[uuid.UUID]) -> list[asyncpg.Record]:
    """Returns cases in sight that may be about the same: of the car, of the person, and the latest of the same model and component."""
    conditions = query.Conditions()
    if scope.kind:
        conditions.add("kind = {}", scope.kind)
    if scope.customers:
        conditions.add("customer_id = ANY({})", list(scope.customers))
    elif not scope.everything:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))
    sight = conditions.sql
    sql = _ALIKE.format(
        columns=COLUMNS,
        sight=sight,
        vin=conditions.bind(row["vin"]),
        customers=conditions.bind(list(customers)),
        case_id=conditions.bind(row["case_id"]),
        most=conditions.bind(CANDIDATES),
    )
    return list(await reader.fetch(sql, *conditions.arguments))
