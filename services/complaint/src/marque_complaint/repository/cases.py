"""SQL of cases: reading, listing, searching, and what a verb locks."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession
from tradekit.search import SearchQuery

from marque_complaint.models import Case
from marque_complaint.repository.scope import Scope

CANDIDATES = 500
_NAMES = tuple(column.name for column in Case.__table__.columns)
COLUMNS = ", ".join(_NAMES)
_C = ", ".join(f"c.{name}" for name in _NAMES)
_CLOCKS = (
    "SELECT case_id, kind, start_time, target_minutes, due_time, met_time, breach_time, paused, held_reason, calendar_version "
    "FROM case_clocks WHERE case_id = ANY($1) ORDER BY case_id, kind"
)
_TRACKED = """
SELECT c.kind, c.state, c.waiting, o.receive_time, c.close_time,
    (SELECT k.due_time FROM case_clocks k WHERE k.case_id = c.case_id AND k.kind = 2 AND k.met_time IS NULL) AS next_update_time
FROM cases o JOIN cases c ON c.case_id = coalesce(o.merged_into_case_id, o.case_id) WHERE o.tracking_code = $1"""


def _narrow(conditions: query.Conditions, scope: Scope, prefix: str = "") -> None:
    """Keeps a read inside the caller's scope, whatever drives it."""
    if scope.kind:
        conditions.add(f"{prefix}kind = {{}}", scope.kind)
    if scope.everything:
        return
    if scope.customers:
        conditions.add(f"{prefix}customer_id = ANY({{}})", list(scope.customers))
    else:
        conditions.add(f"{prefix}dealer_id = ANY({{}})", list(scope.dealers))


async def get_case(reader: Reader, scope: Scope, case_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a case in the caller's sight."""
    conditions = query.Conditions()
    conditions.add("case_id = {}", case_id)
    _narrow(conditions, scope)
    return await reader.fetchrow(f"SELECT {COLUMNS} FROM cases WHERE {conditions.sql}", *conditions.arguments)  # noqa: S608


async def clocks_of(reader: Reader, case_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[asyncpg.Record]]:
    """Returns the stored clocks of cases, by case."""
    found: dict[uuid.UUID, list[asyncpg.Record]] = {}
    for row in await reader.fetch(_CLOCKS, list(case_ids)):
        found.setdefault(row["case_id"], []).append(row)
    return found


async def tracked(reader: Reader, code: str) -> asyncpg.Record | None:
    """Returns how far the case with a tracking code is, nothing else of it."""
    return await reader.fetchrow(_TRACKED, code)


async def list_cases(
    reader: Reader,
    scope: Scope,
    filters: dict[str, Any],
    customers: Sequence[uuid.UUID],
    order: query.Order,
    page: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:
    """Returns a page of cases and one more. `customers`: only those of these."""
    conditions = query.Conditions()
    _narrow(conditions, scope)
    for name in ("kind", "state", "severity", "handler_staff_id", "dealer_id"):
        if filters[name]:
            conditions.add(f"{name} = {{}}", filters[name])
    if filters["parent_case_id"]:
        conditions.add("parent_case_id = {}", filters["parent_case_id"])
    if filters["open"]:
        conditions.add("close_time IS NULL")
    if filters["unassigned"]:
        conditions.add("handler_staff_id IS NULL")
    if filters["component"]:
        conditions.add(
            "EXISTS (SELECT FROM unnest(components) AS one(path) WHERE path = {} OR starts_with(path, {} || ':'))",
            *(filters["component"],) * 2,
        )
    if filters["fault_code"]:
        conditions.add("fault_codes <> '{{}}' AND fault_codes @> ARRAY[{}::text]", filters["fault_code"])
    if filters["late"]:
        # What is closed has no running clock: so said, the index of open cases is walked, however many were closed.
        conditions.add("close_time IS NULL AND due_time <= {}", filters["now"])
    for name, sign in (("receive_time_from", ">="), ("receive_time_to", "<")):
        if filters[name]:
            conditions.add(f"receive_time {sign} {{}}", filters[name])
    if order.column == "due_time":
        conditions.add("due_time IS NOT NULL")
    order.after(conditions, after)
    return await query.page(reader, "cases", COLUMNS, conditions, order, page, _driver(scope, filters, customers))


def _driver(scope: Scope, filters: dict[str, Any], customers: Sequence[uuid.UUID]) -> query.Driver | None:
    """The narrowest column whose index is walked."""
    if filters["parent_case_id"]:
        return "parent_case_id", [filters["parent_case_id"]], "uuid"
    if filters["vin"]:
        return "vin", [filters["vin"]], "text"
    if customers or scope.customers:
        return "customer_id", customers or scope.customers, "uuid"
    if filters["handler_staff_id"]:
        return "handler_staff_id", [filters["handler_staff_id"]], "uuid"
    if filters["dealer_id"] or scope.dealers:
        return "dealer_id", [filters["dealer_id"]] if filters["dealer_id"] else scope.dealers, "uuid"
    return None


async def search_cases(reader: Reader, scope: Scope, asked: SearchQuery) -> tuple[list[asyncpg.Record], bool]:
    """Returns the cases in sight that hold every word, the newest of at most CANDIDATES first, and whether more matched."""
    conditions = query.Conditions()
    if asked.tokens:
        conditions.add("s.search_tokens @> {}::text[]", asked.tokens)
    for pattern in asked.patterns:
        conditions.add("s.search_text LIKE {}", pattern)
    _narrow(conditions, scope, "c.")
    sql = f"""
        WITH found AS MATERIALIZED (
            SELECT {_C} FROM case_search s JOIN cases c ON c.case_id = s.case_id WHERE {conditions.sql} LIMIT {CANDIDATES + 1})
        SELECT * FROM found ORDER BY receive_time DESC, case_id DESC
    """  # noqa: S608 - our own words
    rows = await reader.fetch(sql, *conditions.arguments)
    return list(rows[:CANDIDATES]), len(rows) > CANDIDATES


async def list_entries(reader: Reader, case_id: uuid.UUID, page: Page, after: int) -> list[asyncpg.Record]:
    """Returns a page of what was done with a case, and one more."""
    sql = (
        "SELECT sequence, action, from_state, state, waiting, escalation, severity, reason, staff_id, occur_time "
        "FROM case_entries WHERE case_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"
    )
    return list(await reader.fetch(sql, case_id, after, page.size + 1))


async def get_row(session: AsyncSession, scope: Scope, case_id: uuid.UUID) -> Case | None:
    """Returns a case in the caller's sight as the transaction sees it, not locked."""
    found = sa.select(Case).where(Case.case_id == case_id, scope.clause)
    return (await session.scalars(found)).one_or_none()


async def lock_case(session: AsyncSession, scope: Scope, case_id: uuid.UUID) -> Case | None:
    """Returns a case in the caller's sight for change."""
    found = sa.select(Case).where(Case.case_id == case_id, scope.clause)
    return (await session.scalars(found.with_for_update())).one_or_none()
