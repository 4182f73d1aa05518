"""What the SQL of rows that belong to a dealer shares: who sees them, one row, a page."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from servicekit.dealers import in_scope
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Dealer, Model, Staff

_Row = TypeVar("_Row", bound=Model)
_dealers: sa.Table = Dealer.__table__  # type: ignore[assignment]
_staff: sa.Table = Staff.__table__  # type: ignore[assignment]


def visible_to(principal: Principal, column: sa.ColumnElement[uuid.UUID]) -> sa.ColumnElement[bool]:
    """The rows that a caller may see by their dealer (access.md): all for the maker, else those of the dealers in scope."""
    return sa.true() if principal.sees_all_rows else in_scope(principal, column)


async def get(session: AsyncSession, principal: Principal, kind: type[_Row], *conditions: Any) -> _Row | None:
    """Returns a row to change, locked; None where there is none in sight."""
    query = sa.select(kind).where(*conditions, visible_to(principal, kind.dealer_id))  # type: ignore[attr-defined]
    return (await session.scalars(query.with_for_update(key_share=True))).one_or_none()


async def read(session: AsyncSession, principal: Principal, kind: type[Model], *conditions: Any) -> Any:
    """Returns a row to show; None where there is none in sight."""
    query = sa.select(kind.__table__).where(*conditions, visible_to(principal, kind.dealer_id))  # type: ignore[attr-defined]
    return (await session.execute(query)).one_or_none()


def paged(
    query: sa.Select[Any],
    columns: Sequence[sa.ColumnElement[Any]],
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> sa.Select[Any]:
    """Returns the query of a page and one row more, after a key, in the order of some columns."""
    if after is not None:
        key = sa.tuple_(*columns)
        query = query.where(key < after if descending else key > after)
    return query.order_by(*(column.desc() if descending else column for column in columns)).limit(page.size + 1)


async def lock_dealers(session: AsyncSession, principal: Principal, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Any]:
    """Returns id, code, status and zone of the dealers among some for which the caller may act, locked in one order."""
    columns = (_dealers.c.dealer_id, _dealers.c.code, _dealers.c.status, _dealers.c.time_zone)
    query = sa.select(*columns).where(_dealers.c.dealer_id.in_(ids), visible_to(principal, _dealers.c.dealer_id))
    rows = await session.execute(query.order_by(_dealers.c.dealer_id).with_for_update(key_share=True))
    return {row.dealer_id: row for row in rows}


async def dealer_ids_of(session: AsyncSession, principal: Principal, codes: Collection[str]) -> dict[str, uuid.UUID]:
    """Returns the ids of the dealers among some codes for which the caller may act."""
    columns = (_dealers.c.code, _dealers.c.dealer_id)
    query = sa.select(*columns).where(_dealers.c.code.in_(codes), visible_to(principal, _dealers.c.dealer_id))
    return {row.code: row.dealer_id for row in await session.execute(query)}


async def staff_of(session: AsyncSession, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID | None]:
    """Returns the dealers of some members of staff, None for the maker's; those who have left are not among them."""
    query = sa.select(_staff.c.staff_id, _staff.c.dealer_id).where(
        _staff.c.staff_id.in_(ids), _staff.c.status != Staff.LEFT
    )
    return {row.staff_id: row.dealer_id for row in await session.execute(query)}


async def advisers_of(
    session: AsyncSession, numbers: Collection[tuple[uuid.UUID, str]]
) -> dict[tuple[uuid.UUID, str], uuid.UUID]:
    """Returns the members of staff under some (dealer, employee number) who have not left."""
    key = sa.tuple_(_staff.c.dealer_id, _staff.c.employee_number)
    query = sa.select(_staff.c.dealer_id, _staff.c.employee_number, _staff.c.staff_id).where(
        key.in_(list(numbers)), _staff.c.status != Staff.LEFT
    )
    return {(row.dealer_id, row.employee_number): row.staff_id for row in await session.execute(query)}
