"""SQL of imports: a chunk of rows in one statement. Rows travel as one JSON value, which the database reads into typed columns."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import Model, Sale, Vehicle

Rows = Sequence[dict[str, Any]]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def _typed(model: type[Model], names: Iterable[str]) -> str:
    columns = model.__table__.c
    return ", ".join(f"{name} {columns[name].type.compile(_DIALECT)}" for name in names)


async def insert_new(session: AsyncSession, model: type[Model], rows: Rows, key: str) -> set[Any]:
    """Inserts rows that all have the same columns, passes over those whose natural key is taken, and returns the keys inserted."""
    if not rows:
        return set()
    names = list(rows[0])
    statement = sa.text(
        f"INSERT INTO {model.__tablename__} ({', '.join(names)}) SELECT {', '.join(names)} "  # noqa: S608 - names of columns
        f"FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({_typed(model, names)}) ON CONFLICT DO NOTHING RETURNING {key}"
    )
    return set((await session.execute(statement, {"rows": orjson.dumps(rows, default=str).decode()})).scalars())


async def update_all(session: AsyncSession, model: type[Model], rows: Rows, key: str) -> None:
    """Writes rows that all have the same columns over those with their keys."""
    if not rows:
        return
    names = list(rows[0])
    changes = ", ".join(f"{name} = r.{name}" for name in names if name != key)
    statement = sa.text(
        f"UPDATE {model.__tablename__} AS t SET {changes} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) "  # noqa: S608
        f"AS r({_typed(model, names)}) WHERE t.{key} = r.{key}"
    )
    await session.execute(statement, {"rows": orjson.dumps(rows, default=str).decode()})


async def lock_vehicles(session: AsyncSession, vins: Iterable[str]) -> dict[str, Any]:
    """Returns the registered ones among some cars, locked in the order of their VINs, as rows."""
    table = Vehicle.__table__
    wanted = table.c.vin == sa.any_(sa.cast(sorted(set(vins)), sa.ARRAY(sa.Text)))
    query = sa.select(table).where(wanted).order_by(table.c.vin).with_for_update()
    return {row.vin: row for row in await session.execute(query)}


async def related_to(session: AsyncSession, vins: Iterable[str], dealers: Sequence[uuid.UUID]) -> set[str]:
    """Returns those of some cars that are related to one of some dealers."""
    statement = sa.text("SELECT vin FROM dealer_vehicles WHERE vin = ANY(:vins) AND dealer_id = ANY(:dealers)")
    return set((await session.execute(statement, {"vins": list(vins), "dealers": list(dealers)})).scalars())


async def relate_all(session: AsyncSession, pairs: Iterable[tuple[uuid.UUID, str]]) -> None:
    """Notes which dealers have to do with which cars."""
    rows = [{"dealer_id": dealer, "vin": vin} for dealer, vin in sorted(set(pairs))]
    if rows:
        statement = sa.text(
            "INSERT INTO dealer_vehicles (dealer_id, vin, update_time) SELECT r.dealer_id, r.vin, v.update_time "
            "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(dealer_id uuid, vin text) JOIN vehicles v ON v.vin = r.vin "
            "ON CONFLICT DO NOTHING"
        )
        await session.execute(statement, {"rows": orjson.dumps(rows, default=str).decode()})


async def are_of_orders(session: AsyncSession, keys: Iterable[tuple[uuid.UUID, str]]) -> bool:
    """Tells whether a sale among some natural keys is of a car that was ordered."""
    wanted = sa.tuple_(Sale.dealer_id, Sale.invoice_number).in_(sorted(set(keys)))
    return bool(await session.scalar(sa.select(sa.exists().where(wanted, Sale.order_id.is_not(None)))))


async def sales_by_number(
    session: AsyncSession, keys: Iterable[tuple[uuid.UUID, str]]
) -> dict[tuple[uuid.UUID, str], Sale]:
    """Returns the sales among some natural keys, locked."""
    wanted = sa.tuple_(Sale.dealer_id, Sale.invoice_number).in_(sorted(set(keys)))
    found = await session.scalars(sa.select(Sale).where(wanted).order_by(Sale.sale_id).with_for_update())
    return {(row.dealer_id, row.invoice_number): row for row in found}
