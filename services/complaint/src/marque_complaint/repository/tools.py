"""SQL of macros and saved views. Who may look at a view is said here: its owner; and, of shared ones, everybody for the maker's and a
dealer's own people for a dealer's.
"""

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

from marque_complaint.models import CaseMacro, CaseView
from marque_complaint.repository.scope import Scope

_MACRO = "macro_code, names::text AS names, actions::text AS actions, retired, version, create_time, update_time"
_VIEW = "view_id, owner_key, name, filter::text AS filter, shared, version, update_time"


async def macro(reader: Reader, code: str) -> asyncpg.Record | None:
    """Returns a macro that may be used."""
    sql = f"SELECT {_MACRO} FROM case_macros WHERE macro_code = $1 AND NOT retired"  # noqa: S608 - our own words
    return await reader.fetchrow(sql, code)


async def list_macros(reader: Reader, show_retired: bool, page: Page, after: str | None) -> list[asyncpg.Record]:
    """Returns a page of macros and one more, by their codes."""
    conditions = query.Conditions()
    if not show_retired:
        conditions.parts.append("NOT retired")
    if after is not None:
        conditions.add("macro_code > {}", after)
    sql = (
        f"SELECT {_MACRO} FROM case_macros WHERE {conditions.sql} "  # noqa: S608 - our own words
        f"ORDER BY macro_code LIMIT {conditions.bind(page.size + 1)}"
    )
    return list(await reader.fetch(sql, *conditions.arguments))


async def lock_macro(session: AsyncSession, code: str) -> CaseMacro | None:
    """Returns a macro, to change; two first versions are never written at once."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"case_macro:{code}", 0))))
    return await session.get(CaseMacro, code, with_for_update=True)


def _readable(conditions: query.Conditions, scope: Scope, owner_key: str) -> None:
    mine = conditions.bind(owner_key)
    if scope.everything:
        conditions.parts.append(f"(owner_key = {mine} OR (shared AND dealer_id IS NULL))")
        return
    dealers = conditions.bind(list(scope.dealers))
    shared = f"(shared AND (dealer_id IS NULL OR dealer_id = ANY({dealers}::uuid[])))"
    conditions.parts.append(f"(owner_key = {mine} OR {shared})")


async def view(reader: Reader, scope: Scope, owner_key: str, view_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a view that the caller may look at."""
    conditions = query.Conditions()
    conditions.add("view_id = {}", view_id)
    _readable(conditions, scope, owner_key)
    sql = f"SELECT {_VIEW} FROM case_views WHERE {conditions.sql}"  # noqa: S608 - our own words
    return await reader.fetchrow(sql, *conditions.arguments)


async def list_views(
    reader: Reader, scope: Scope, owner_key: str, page: Page, after: tuple[Any, ...] | None
) -> Sequence[asyncpg.Record]:
    """Returns a page of views that the caller may look at and one more, by their names."""
    conditions = query.Conditions()
    _readable(conditions, scope, owner_key)
    if after is not None:
        conditions.add("(name, view_id) > ({}, {})", *after)
    sql = (
        f"SELECT {_VIEW} FROM case_views WHERE {conditions.sql} "  # noqa: S608 - our own words
        f"ORDER BY name, view_id LIMIT {conditions.bind(page.size + 1)}"
    )
    return await reader.fetch(sql, *conditions.arguments)


async def lock_view(session: AsyncSession, owner_key: str, view_id: uuid.UUID) -> CaseView | None:
    """Returns somebody's own view, to change."""
    found = sa.select(CaseView).where(CaseView.view_id == view_id, CaseView.owner_key == owner_key)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def count_views(session: AsyncSession, owner_key: str) -> int:
    """Returns how many views somebody has; held until the transaction ends, so that the bound holds."""
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"case_views:{owner_key}", 0))
    await session.execute(sa.select(lock))
    return int(await session.scalar(sa.select(sa.func.count()).where(CaseView.owner_key == owner_key)) or 0)
