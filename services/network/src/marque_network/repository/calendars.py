"""SQL of work calendars: append-only versions per dealer and department."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.dealers import in_scope
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Dealer, WorkCalendar

_calendars: sa.Table = WorkCalendar.__table__  # type: ignore[assignment]
_c = _calendars.c
_dealers: sa.Table = Dealer.__table__  # type: ignore[assignment]
_others = _calendars.alias("others")
# The latest version of the same hours: every version's etag is made of it.
_latest = (
    sa.select(sa.func.max(_others.c.version))
    .where(_others.c.dealer_id == _c.dealer_id, _others.c.department == _c.department)
    .correlate(_calendars)
    .scalar_subquery()
)


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The hours that a caller may see (access.md): all for the maker, else those of the dealers in scope."""
    return sa.true() if principal.sees_all_rows else in_scope(principal, _c.dealer_id)


async def read_calendar(
    session: AsyncSession, principal: Principal, dealer_id: uuid.UUID, department: str, version: int
) -> Any:
    """Returns hours with the number of their `latest` version; those of the dealer for a department without its own;
    None for none.

    `version` 0 is the latest.
    """
    own = sa.select(sa.func.max(_others.c.department)).where(
        _others.c.dealer_id == dealer_id, _others.c.department.in_(["", department])
    )
    query = sa.select(_calendars, _latest.label("latest")).where(
        _c.dealer_id == dealer_id,
        _c.department == own.scalar_subquery(),
        _c.version == (version or _latest),
        visible_to(principal),
    )
    return (await session.execute(query)).one_or_none()


async def latest_calendar(session: AsyncSession, dealer_id: uuid.UUID, department: str) -> WorkCalendar | None:
    """Returns the latest hours of exactly this department; the caller holds the dealer's lock."""
    query = sa.select(WorkCalendar).where(_c.dealer_id == dealer_id, _c.department == department)
    return (await session.scalars(query.order_by(_c.version.desc()).limit(1))).one_or_none()


async def next_change_number(session: AsyncSession, dealer_id: uuid.UUID) -> int:
    """Returns the number of the dealer's next change of hours; the caller holds the dealer's lock."""
    query = sa.select(sa.func.coalesce(sa.func.max(_c.change_number), 0) + 1).where(_c.dealer_id == dealer_id)
    return int(await session.scalar(query) or 1)


async def list_versions(
    session: AsyncSession,
    principal: Principal,
    dealer_id: uuid.UUID,
    department: str,
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of versions and one more, each with the number of the `latest` one; newest first unless `order_by`
    is `version`.
    """
    query = sa.select(_calendars, _latest.label("latest")).where(
        _c.dealer_id == dealer_id, _c.department == department, visible_to(principal)
    )
    descending = order_by != "version"
    if after is not None:
        query = query.where(_c.version < after[0] if descending else _c.version > after[0])
    query = query.order_by(_c.version.desc() if descending else _c.version).limit(page.size + 1)
    return (await session.execute(query)).all()


async def lock_scope(
    session: AsyncSession, principal: Principal, region_code: str, group_code: str
) -> dict[uuid.UUID, Any]:
    """Returns id and zone of the dealers of a region or group that are not closed and for which the caller may act, locked
    in one order.
    """
    c = _dealers.c
    query = sa.select(c.dealer_id, c.time_zone).where(
        sa.true() if principal.sees_all_rows else in_scope(principal, c.dealer_id), c.status != Dealer.CLOSED
    )
    given = {"region_code": region_code, "group_code": group_code}
    query = query.where(*(c[name] == value for name, value in given.items() if value))
    rows = await session.execute(query.order_by(c.dealer_id).with_for_update(key_share=True))
    return {row.dealer_id: row for row in rows}


async def latest_of(session: AsyncSession, dealer_ids: Collection[uuid.UUID]) -> Sequence[WorkCalendar]:
    """Returns the latest hours of every department of some dealers; the caller holds the dealers' locks."""
    query = (
        sa.select(WorkCalendar)
        .where(_c.dealer_id.in_(dealer_ids))
        .distinct(_c.dealer_id, _c.department)
        .order_by(_c.dealer_id, _c.department, _c.version.desc())
    )
    return (await session.scalars(query)).all()


async def change_numbers(session: AsyncSession, dealer_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Returns the numbers of the last changes of hours of some dealers."""
    query = sa.select(_c.dealer_id, sa.func.max(_c.change_number)).where(_c.dealer_id.in_(dealer_ids))
    return {row[0]: int(row[1]) for row in await session.execute(query.group_by(_c.dealer_id))}
