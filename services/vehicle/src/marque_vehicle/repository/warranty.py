"""SQL of the clauses of the warranty."""

from __future__ import annotations

from datetime import date
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import WarrantyTerm

COLUMNS = "term_code, sold_from, sold_before, market, make, component_prefix, months, km, clause, update_time"
_MOST = 5000  # clauses of one market; a warranty has some dozen
_START = """
SELECT coalesce(delivery_date, invoice_date) FROM sales WHERE vin = $1 AND state = 1 ORDER BY start_time, sale_id LIMIT 1
"""


async def start_of(reader: Reader, vin: str) -> date | None:
    """Returns the day on which a car's warranty started; None before its first sale."""
    found: date | None = await reader.fetchval(_START, vin)
    return found


async def of_market(reader: Reader, market: str) -> list[asyncpg.Record]:
    """Returns all clauses of a market."""
    sql = f"SELECT {COLUMNS} FROM warranty_terms WHERE market = $1 ORDER BY term_code, sold_from LIMIT {_MOST}"  # noqa: S608
    return list(await reader.fetch(sql, market))


async def list_terms(reader: Reader, market: str, page: Page, after: tuple[Any, ...] | None) -> list[asyncpg.Record]:
    """Returns a page of clauses by code and first day, and one more."""
    conditions = query.Conditions()
    conditions.equal("market", market)
    order = query.Order("term_code", "sold_from", descending=False)
    order.after(conditions, after)
    return await query.page(reader, "warranty_terms", COLUMNS, conditions, order, page, None)


async def add_term(session: AsyncSession, values: dict[str, Any]) -> bool:
    """Writes a clause, unless there is one of its key, which another may be writing just now; tells whether it did."""
    row = insert(WarrantyTerm).values(**values).on_conflict_do_nothing().returning(WarrantyTerm.term_code)
    return await session.scalar(row) is not None


async def lock_term(session: AsyncSession, term_code: str, sold_from: date) -> WarrantyTerm:
    """Returns a clause that is there for change."""
    found = sa.select(WarrantyTerm).where(WarrantyTerm.term_code == term_code, WarrantyTerm.sold_from == sold_from)
    return (await session.scalars(found.with_for_update())).one()
