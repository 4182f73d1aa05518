"""Brings sealed columns and their hashes under the current key, in small transactions: killed at any moment, the next run goes on.

What stands under the current key is told by its first bytes, so nothing has to be remembered between runs, and a second run beside the
first does no harm. What cannot be opened, because its key is gone, is counted, left as it is, and passed by.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from servicekit.db.engine import Database
from servicekit.sealing.keys import SealingKeyMissing
from servicekit.sealing.sealer import Place, SealBroken, Sealer, prefix_of

STEP = 500


@dataclass(frozen=True)
class SealedColumn:
    """One sealed column: its table, the column that is the row's key, and how what is searched follows from the value.

    `hashed` names the column of the keyed hash; `searched` makes (value, purpose) of the opened text and the row, `with_columns` are the
    columns of the row that it needs.
    """

    table: str
    key: str
    column: str
    hashed: str = ""
    searched: Callable[[str, Any], tuple[str, str]] | None = None
    with_columns: tuple[str, ...] = ()

    def place(self, row_key: object) -> Place:
        """Returns the place of a row's value."""
        return Place(self.table, self.column, str(row_key))


@dataclass(frozen=True)
class Step:
    """What a transaction did: rows brought under the current key, rows that cannot be opened."""

    column: SealedColumn
    rotated: int
    unreadable: int


async def rotate(
    database: Database, sealer: Sealer, columns: list[SealedColumn], most: int = STEP
) -> AsyncIterator[Step]:
    """Rotates columns, a step of so many rows for each transaction. Raises SealingKeyMissing where there is no current key."""
    sealer.ring.one(sealer.ring.current)
    for column in columns:
        after: Any = None
        while True:
            async with database.engine.begin() as connection:
                rows = (await connection.execute(_next(column, sealer.ring.current, after, most))).all()
                done = [await _one(connection, sealer, column, row) for row in rows]
            if rows:
                yield Step(column, sum(done), len(done) - sum(done))
            if len(rows) < most:
                break
            after = rows[-1].row_key


def _next(column: SealedColumn, current: str, after: Any, most: int) -> Any:
    table, key, sealed = sa.table(column.table), sa.column(column.key), sa.column(column.column, sa.LargeBinary)
    head = prefix_of(current)
    query = (
        sa.select(key.label("row_key"), sealed.label("sealed"), *(sa.column(name) for name in column.with_columns))
        .select_from(table)
        .where(sealed.isnot(None), sa.func.substring(sealed, 1, len(head)) != head)
        .order_by(key)
        .limit(most)
        .with_for_update()
    )
    return query if after is None else query.where(key > after)


async def _one(connection: Any, sealer: Sealer, column: SealedColumn, row: Any) -> bool:
    place = column.place(row.row_key)
    try:
        values: dict[str, Any] = {column.column: sealer.rewrap(bytes(row.sealed), place)}
        if column.searched is not None:
            text = sealer.open(bytes(row.sealed), place).decode()
            values[column.hashed] = sealer.digest(*column.searched(text, row))
    except (SealingKeyMissing, SealBroken):
        return False
    table = sa.table(column.table, *(sa.column(name) for name in (column.key, *values)))
    await connection.execute(sa.update(table).where(table.c[column.key] == row.row_key).values(values))
    return True
