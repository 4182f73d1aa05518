"""Building blocks of the lists: keyset pages whose cost does not grow with the table.

A list is driven by one column with few values (a dealer in scope, a customer's ids, a VIN). Each value walks its own index in the asked
order and stops after a page; the small parts are merged. So a caller with many dealers never sorts all their rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from servicekit.db.engine import Reader
from servicekit.paging import Page

Driver = tuple[str, Sequence[Any], str]  # a column, its values, their SQL type


def json_of(value: Any) -> Any:
    """Returns a JSON value: the bare driver gives its text."""
    return orjson.loads(value) if isinstance(value, str) else value


@dataclass
class Conditions:
    """Conditions in words of SQL with their arguments numbered."""

    parts: list[str] = field(default_factory=list)
    arguments: list[Any] = field(default_factory=list)

    def bind(self, value: Any) -> str:
        """Takes an argument and returns its place-holder."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def add(self, condition: str, *values: Any) -> None:
        """Takes a condition; each `{}` in it stands for one value."""
        self.parts.append(condition.format(*(self.bind(value) for value in values)))

    def equal(self, column: str, value: Any) -> None:
        """Takes an equality, unless the value is empty: then the filter was not given."""
        if value:
            self.add(f"{column} = {{}}", value)

    @property
    def sql(self) -> str:
        """All conditions together."""
        return " AND ".join(self.parts) or "true"


@dataclass(frozen=True, slots=True)
class Order:
    """A declared order: the column, its direction, and the key column that makes it total."""

    column: str
    key: str
    descending: bool

    @classmethod
    def of(cls, order_by: str, default: str, key: str, columns: Mapping[str, str] | None = None) -> Order:
        """Reads `order_by`; `columns` maps names of the contract to columns where they differ."""
        name, _, direction = (order_by or default).partition(" ")
        return cls((columns or {}).get(name, name), key, direction == "desc")

    @property
    def sql(self) -> str:
        """As words of SQL."""
        direction = "DESC" if self.descending else "ASC"
        return f"{self.column} {direction}, {self.key} {direction}"

    def after(self, conditions: Conditions, key: tuple[Any, ...] | None) -> None:
        """Starts the page after a key."""
        if key is not None:
            sign = "<" if self.descending else ">"
            conditions.add(f"({self.column}, {self.key}) {sign} ({{}}, {{}})", *key)


async def page(
    reader: Reader, table: str, columns: str, conditions: Conditions, order: Order, size: Page, driver: Driver | None
) -> list[asyncpg.Record]:
    """Returns a page of rows and one more; without a driver the whole table's index is walked."""
    limit = conditions.bind(size.size + 1)
    one = f"SELECT {columns} FROM {table} WHERE {{}} ORDER BY {order.sql} LIMIT {limit}"  # noqa: S608 - our own words
    if driver is None:
        sql = one.format(conditions.sql)
    else:
        column, values, kind = driver
        held = conditions.bind(list(values))
        inner = one.format(f"{column} = drive.id AND {conditions.sql}")
        sql = (
            f"SELECT part.* FROM unnest({held}::{kind}[]) AS drive(id) CROSS JOIN LATERAL ({inner}) AS part "  # noqa: S608
            f"ORDER BY {order.sql} LIMIT {limit}"
        )
    rows: list[asyncpg.Record] = await reader.fetch(sql, *conditions.arguments)
    return rows
