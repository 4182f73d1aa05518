"""SQL of imports: a chunk of cases in a few statements. Rows travel as one JSON value, which the database reads into typed columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case, Model

Rows = Sequence[dict[str, Any]]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def _typed(model: type[Model], names: Iterable[str]) -> str:
    columns = model.__table__.c
    return ", ".join(f"{name} {columns[name].type.compile(_DIALECT)}" for name in names)


async def insert(session: AsyncSession, model: type[Model], rows: Rows, key: str) -> set[Any]:
    """Inserts rows that all have the same columns, passes over those whose natural key is taken, and returns the keys inserted."""
    if not rows:
        return set()
    names = list(rows[0])
    statement = sa.text(
        f"INSERT INTO {model.__tablename__} ({', '.join(names)}) SELECT {', '.join(names)} "  # noqa: S608 - names of columns
        f"FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({_typed(model, names)}) ON CONFLICT DO NOTHING RETURNING {key}"
    )
    return set((await session.execute(statement, {"rows": orjson.dumps(rows, default=str).decode()})).scalars())


async def lock_by_source(session: AsyncSession, source: str, keys: Iterable[str]) -> dict[str, Case]:
    """Returns the known cases among some keys of a source system, locked."""
    wanted = sorted(set(keys))
    query = sa.select(Case).where(Case.source == source, Case.source_key.in_(wanted)).order_by(Case.case_id)
    return {case.source_key: case for case in await session.scalars(query.with_for_update())}
