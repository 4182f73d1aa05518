"""Many rows in one statement. They travel as one JSON value, which the database reads into typed columns: the statement's text is the same
for any number of rows, so it is compiled once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

Rows = Sequence[dict[str, Any]]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


async def insert(
    session: AsyncSession, table: sa.Table, rows: Rows, key: str, conflict: str = "DO NOTHING"
) -> set[Any]:
    """Inserts rows that all have the same columns and returns the values of column `key` of those written.

    `conflict` is the clause behind ON CONFLICT; by default rows whose natural key is taken are passed over.
    """
    if not rows:
        return set()
    names = list(rows[0])
    typed = ", ".join(f"{name} {table.c[name].type.compile(_DIALECT)}" for name in names)
    statement = sa.text(
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(names)} "  # noqa: S608 - names of columns
        f"FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({typed}) ON CONFLICT {conflict} RETURNING {key}"
    )
    return set((await session.execute(statement, {"rows": orjson.dumps(rows, default=str).decode()})).scalars())
