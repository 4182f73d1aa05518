"""SQL of the models and years that recalls cover."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import Recall
from marque_vehicle.repository.scope import Scope

Model = tuple[uuid.UUID, str, str, int]  # recall, make, model, year
_ROWS = "jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(recall_id uuid, make text, model text, model_year integer)"


# The makes and models of the cars are walked in their index from one to the next: there are few of them, however many the cars.
_CARS_OF = f"""
WITH RECURSIVE kinds AS (
    (SELECT make, model FROM vehicles ORDER BY make, model LIMIT 1)
    UNION ALL
    SELECT n.make, n.model FROM kinds k CROSS JOIN LATERAL (
        SELECT make, model FROM vehicles WHERE (make, model) > (k.make, k.model) ORDER BY make, model LIMIT 1) n)
SELECT DISTINCT r.recall_id, v.vin FROM {_ROWS} JOIN kinds k ON upper(k.make) = upper(r.make) AND upper(k.model) = upper(r.model)
JOIN vehicles v ON v.make = k.make AND v.model = k.model AND v.model_year = r.model_year WHERE r.model_year > 0
"""  # noqa: S608 - our own words


async def add_missing(session: AsyncSession, recalls: Sequence[dict[str, Any]]) -> None:
    """Creates the drafts among some recalls (columns) whose numbers are not known, in the order of their numbers."""
    statement = sa.text(
        "INSERT INTO recalls (recall_id, version, create_time, update_time, code, title, defect, market, state) "
        "SELECT recall_id, 1, now(), now(), code, title, defect, market, 1 FROM jsonb_to_recordset(CAST(:rows AS jsonb)) "
        "AS r(recall_id uuid, code text, title text, defect text, market text) ORDER BY code ON CONFLICT (code) DO NOTHING"
    )
    rows = sorted(recalls, key=lambda one: one["code"])
    await session.execute(statement, {"rows": orjson.dumps(rows, default=str).decode()})


async def lock_recalls(session: AsyncSession, codes: Sequence[str]) -> dict[str, Recall]:
    """Returns recalls by number, for change; nobody opens or closes them while the transaction lasts."""
    found = sa.select(Recall).where(Recall.code.in_(sorted(set(codes)))).order_by(Recall.recall_id)
    return {one.code: one for one in await session.scalars(found.with_for_update())}


async def add(session: AsyncSession, models: Sequence[Model]) -> set[Model]:
    """Writes what recalls cover; returns what was not known."""
    statement = sa.text(
        "INSERT INTO recall_models (recall_id, make, model, model_year) "  # noqa: S608 - our own words
        f"SELECT r.* FROM {_ROWS} ON CONFLICT DO NOTHING RETURNING recall_id, make, model, model_year"
    )
    rows = [dict(zip(("recall_id", "make", "model", "model_year"), one, strict=True)) for one in sorted(models)]
    found = await session.execute(statement, {"rows": orjson.dumps(rows, default=str).decode()})
    return {(row.recall_id, row.make, row.model, row.model_year) for row in found}


async def cars_of(session: AsyncSession, models: Sequence[Model]) -> dict[uuid.UUID, list[str]]:
    """Returns the registered cars that some models and years cover, by recall, in whatever case makes and models are written. Without a
    year nothing is covered.
    """
    statement = sa.text(_CARS_OF)
    rows = [dict(zip(("recall_id", "make", "model", "model_year"), one, strict=True)) for one in models]
    found: dict[uuid.UUID, list[str]] = {}
    for row in await session.execute(statement, {"rows": orjson.dumps(rows, default=str).decode()}):
        found.setdefault(row.recall_id, []).append(row.vin)
    return found


async def list_models(
    reader: Reader, scope: Scope, recall_id: str, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of models and years of recalls in sight, by recall, make, model and year, and one more."""
    conditions = query.Conditions()
    if not scope.everything:
        conditions.parts.append("r.state <> 1" if scope.dealers else "false")
    if recall_id:
        conditions.add("m.recall_id = {}", uuid.UUID(recall_id))
    if after is not None:
        conditions.add("(m.recall_id, m.make, m.model, m.model_year) > ({}, {}, {}, {})", *after)
    limit = conditions.bind(page.size + 1)
    sql = f"""
        SELECT m.recall_id, r.code, m.make, m.model, m.model_year FROM recall_models m JOIN recalls r ON r.recall_id = m.recall_id
        WHERE {conditions.sql} ORDER BY m.recall_id, m.make, m.model, m.model_year LIMIT {limit}
    """  # noqa: S608 - our own words
    return list(await reader.fetch(sql, *conditions.arguments))
