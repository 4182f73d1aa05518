"""SQL of imports: a chunk of rows is read, inserted and updated by one statement each."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Dealer, Staff
from marque_network.repository.dealers import visible_to as dealers_visible_to

_dealers: sa.Table = Dealer.__table__  # type: ignore[assignment]
_staff: sa.Table = Staff.__table__  # type: ignore[assignment]
Row = dict[str, Any]


async def lock_dealers(session: AsyncSession, codes: Collection[str]) -> dict[str, Row]:
    """Returns the dealers among some codes as columns, locked in one order, so that two imports cannot lock each other
    out.
    """
    query = (
        sa.select(_dealers)
        .where(_dealers.c.code.in_(sorted(codes)))
        .order_by(_dealers.c.dealer_id)
        .with_for_update(key_share=True)
    )
    return {row.code: row._asdict() for row in await session.execute(query)}


async def employers(session: AsyncSession, principal: Principal, codes: Collection[str]) -> dict[str, Any]:
    """Returns id and address of the dealers among some codes for which the caller may act."""
    columns = (_dealers.c.code, _dealers.c.dealer_id, _dealers.c.address)
    query = sa.select(*columns).where(_dealers.c.code.in_(sorted(codes)), dealers_visible_to(principal))
    return {row.code: row for row in await session.execute(query)}


async def lock_staff(
    session: AsyncSession, keys: Collection[tuple[uuid.UUID | None, str]]
) -> dict[tuple[uuid.UUID | None, str], Row]:
    """Returns the people under some (dealer, employee number) as columns, locked in one order."""
    at_dealers = [key for key in keys if key[0] is not None]
    at_maker = [number for dealer_id, number in keys if dealer_id is None]
    columns = _staff.c
    query = sa.select(_staff).where(
        sa.or_(
            sa.tuple_(columns.dealer_id, columns.employee_number).in_(at_dealers),
            columns.dealer_id.is_(None) & columns.employee_number.in_(at_maker),
        )
    )
    rows = await session.execute(query.order_by(columns.staff_id).with_for_update(key_share=True))
    return {(row.dealer_id, row.employee_number): row._asdict() for row in rows}


async def subjects_taken(session: AsyncSession, subjects: Collection[str]) -> dict[str, uuid.UUID]:
    """Returns who has which of some subjects."""
    query = sa.select(_staff.c.subject, _staff.c.staff_id).where(
        _staff.c.subject.in_(sorted(subjects)), _staff.c.subject != "", _staff.c.status != Staff.LEFT
    )
    return {row.subject: row.staff_id for row in await session.execute(query)}


async def insert_dealers(session: AsyncSession, rows: Sequence[Row]) -> dict[uuid.UUID, int]:
    """Inserts new dealers; returns the versions of those that nobody else inserted meanwhile."""
    return await _insert(session, _dealers, rows)


async def update_dealers(session: AsyncSession, rows: Sequence[Row]) -> dict[uuid.UUID, int]:
    """Updates locked dealers; returns their versions."""
    return await _update(session, _dealers, rows)


async def insert_staff(session: AsyncSession, rows: Sequence[Row]) -> dict[uuid.UUID, int]:
    """Inserts new people; returns the versions of those whose number and subject nobody else took meanwhile."""
    return await _insert(session, _staff, rows)


async def update_staff(session: AsyncSession, rows: Sequence[Row]) -> dict[uuid.UUID, int]:
    """Updates locked people; returns their versions."""
    return await _update(session, _staff, rows)


async def _insert(session: AsyncSession, table: sa.Table, rows: Sequence[Row]) -> dict[uuid.UUID, int]:
    if not rows:
        return {}
    names = [column.name for column in table.columns]
    given = _given(table, rows)
    statement = insert(table).from_select(names, sa.select(*(given.c[name] for name in names))).on_conflict_do_nothing()
    return await _versions(session, statement.returning(_key(table), table.c.version))


async def _update(session: AsyncSession, table: sa.Table, rows: Sequence[Row]) -> dict[uuid.UUID, int]:
    if not rows:
        return {}
    given, key = _given(table, rows), _key(table)
    kept = {key.name, "version", "create_time"}
    values = {column.name: given.c[column.name] for column in table.columns if column.name not in kept}
    statement = sa.update(table).where(key == given.c[key.name]).values(**values, version=table.c.version + 1)
    return await _versions(session, statement.returning(key, table.c.version))


def _key(table: sa.Table) -> sa.Column[Any]:
    return next(iter(table.primary_key.columns))


def _given(table: sa.Table, rows: Iterable[Row]) -> sa.TableValuedAlias:
    """The rows as a table inside the statement: one JSON parameter, read by PostgreSQL by the types of the table
    itself.
    """
    text = sa.bindparam(None, orjson.dumps(list(rows), default=str).decode(), type_=sa.Text)
    empty = sa.text(f"NULL::{table.name}")
    columns = (sa.column(column.name, column.type) for column in table.columns)
    return sa.func.jsonb_populate_recordset(empty, sa.cast(text, JSONB)).table_valued(*columns, name="given")


async def _versions(session: AsyncSession, statement: Any) -> dict[uuid.UUID, int]:
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return {row[0]: row[1] for row in result}
