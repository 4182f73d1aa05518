"""SQL of dealers. Every signed-in caller with the permission sees every dealer (access.md): there is no scope to apply
to reads.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.db.tables import known_dealers
from servicekit.dealers import in_scope
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from tradekit.search import SearchQuery

from marque_network.models import Dealer, DealerStatusChange
from marque_network.repository.search import Found, best
from marque_network.rules.places import EARTH_METRES, Box, box_around

_dealers: sa.Table = Dealer.__table__  # type: ignore[assignment]
_c = _dealers.c
_changes: sa.Table = DealerStatusChange.__table__  # type: ignore[assignment]
_NEAR_METRES = 100_000
_KNOWN = ("dealer_id", "code", "region_code", "group_code", "time_zone", "status", "version")
# Written out, not bound: only so the indexes on these expressions are used.
_PLACE: dict[str, sa.ColumnElement[str]] = {
    name: sa.literal_column(f"(dealers.address ->> '{name}')", sa.Text) for name in ("country_code", "province", "city")
}
ORDERS: dict[str, tuple[str, bool]] = {
    "": ("code", False),
    "code": ("code", False),
    "code desc": ("code", True),
    "update_time desc": ("update_time", True),
    "update_time": ("update_time", False),
}


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The dealers for which a caller may act: all for the maker, else those in scope. Reading them needs no scope."""
    return sa.true() if principal.sees_all_rows else in_scope(principal, _c.dealer_id)


async def get_dealer(session: AsyncSession, dealer_id: uuid.UUID) -> Dealer | None:
    """Returns a dealer to change, locked."""
    return (
        await session.scalars(sa.select(Dealer).where(Dealer.dealer_id == dealer_id).with_for_update(key_share=True))
    ).one_or_none()


async def lock_own_dealer(session: AsyncSession, principal: Principal, dealer_id: uuid.UUID) -> Any:
    """Returns id and zone of a dealer for which the caller may act, locked against others who act for it; None where
    there is none.
    """
    query = sa.select(_c.dealer_id, _c.time_zone).where(_c.dealer_id == dealer_id, visible_to(principal))
    return (await session.execute(query.with_for_update(key_share=True))).one_or_none()


async def is_own_dealer(session: AsyncSession, principal: Principal, dealer_id: uuid.UUID) -> bool:
    """Tells whether there is such a dealer for which the caller may act."""
    return bool(await session.scalar(sa.select(sa.exists().where(_c.dealer_id == dealer_id, visible_to(principal)))))


async def zone_of(session: AsyncSession, dealer_id: uuid.UUID) -> str:
    """Returns the zone of a dealer that exists."""
    return str(await session.scalar(sa.select(_c.time_zone).where(_c.dealer_id == dealer_id)))


async def next_status_change(session: AsyncSession, dealer_id: uuid.UUID) -> int:
    """Returns the number of the next change of a dealer's status; the caller holds the dealer's lock."""
    query = sa.select(sa.func.max(_changes.c.number)).where(_changes.c.dealer_id == dealer_id)
    return int(await session.scalar(query) or 0) + 1


async def list_status_changes(
    session: AsyncSession,
    principal: Principal,
    dealer_id: uuid.UUID,
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of the changes of a dealer's status and one more, newest first unless `order_by` is `number`."""
    query = sa.select(_changes).where(_changes.c.dealer_id == dealer_id)
    if not principal.sees_all_rows:
        query = query.where(in_scope(principal, _changes.c.dealer_id))
    descending = order_by != "number"
    number = _changes.c.number
    if after is not None:
        query = query.where(number < after[0] if descending else number > after[0])
    return (await session.execute(query.order_by(number.desc() if descending else number).limit(page.size + 1))).all()


async def read_dealer(session: AsyncSession, dealer_id: uuid.UUID) -> Any:
    """Returns a dealer's row, or None."""
    return (await session.execute(sa.select(_dealers).where(_c.dealer_id == dealer_id))).one_or_none()


async def read_dealers(session: AsyncSession, ids: Iterable[uuid.UUID], codes: Iterable[str]) -> Sequence[Any]:
    """Returns the dealers that have one of the ids or codes, each once."""
    query = sa.select(_dealers).where(sa.or_(_c.dealer_id.in_(list(ids)), _c.code.in_(list(codes))))
    return (await session.execute(query)).all()


async def list_dealers(
    session: AsyncSession, filters: dict[str, Any], order_by: str, page: Page, after: tuple[Any, ...] | None
) -> Sequence[Any]:
    """Returns a page of dealers and one more. `filters` are columns with a value; `kind` and `brand` ask what a list
    holds.
    """
    name, descending = ORDERS[order_by]
    query = sa.select(_dealers).where(*_filters(filters))
    key = sa.tuple_(_c[name], _c.dealer_id)
    if after is not None:
        query = query.where(key < after if descending else key > after)
    columns = (_c[name], _c.dealer_id)
    query = query.order_by(*(column.desc() if descending else column for column in columns)).limit(page.size + 1)
    return (await session.execute(query)).all()


def _filters(filters: dict[str, Any]) -> list[sa.ColumnElement[bool]]:
    lists = {"kind": _c.kinds, "brand": _c.brands}
    return [
        lists[name].contains([value]) if name in lists else _PLACE.get(name, _c.get(name)) == value
        for name, value in filters.items()
    ]


async def search_dealers(session: AsyncSession, query: SearchQuery, size: int) -> Found:
    """Returns the dealers that fit a typed text best."""
    return await best(session, _dealers, (), query, "code", size)


async def nearest_dealers(
    session: AsyncSession, latitude: float, longitude: float, filters: dict[str, Any], metres: int, limit: int
) -> Sequence[Any]:
    """Returns the open dealers nearest to a place with their `distance` in metres, at most `metres` away (0: anywhere).

    Asks the neighbourhood first, and the whole distance only where that holds too few: two statements at most.
    """
    if not 0 < metres <= _NEAR_METRES:
        rows = await _within(session, latitude, longitude, filters, _NEAR_METRES, limit)
        if len(rows) == limit:
            return rows
    return await _within(session, latitude, longitude, filters, metres, limit)


async def _within(
    session: AsyncSession, latitude: float, longitude: float, filters: dict[str, Any], metres: int, limit: int
) -> Sequence[Any]:
    distance = _distance(latitude, longitude)
    query = sa.select(_dealers, distance.label("distance")).where(
        # Written out, not bound: the partial index is used only where the planner can prove its condition.
        sa.text(f"dealers.status = {Dealer.ACTIVE}"),
        _c.latitude.is_not(None),
        *_filters(filters),
    )
    if metres:
        query = query.where(_in_box(box_around(latitude, longitude, metres)), distance <= float(metres))
    return (await session.execute(query.order_by(distance, _c.code).limit(limit))).all()


def _in_box(box: Box) -> sa.ColumnElement[bool]:
    return sa.and_(
        _c.latitude.between(box.south, box.north),
        sa.or_(*(_c.longitude.between(west, east) for west, east in box.spans)),
    )


def _distance(latitude: float, longitude: float) -> sa.ColumnElement[float]:
    """The haversine formula of `rules.places.distance_metres` in SQL."""
    here = sa.cast(latitude, sa.Double)
    up = sa.func.power(sa.func.sin(sa.func.radians(_c.latitude - here) / 2), 2)
    aside = sa.func.power(sa.func.sin(sa.func.radians(_c.longitude - sa.cast(longitude, sa.Double)) / 2), 2)
    share = up + sa.func.cos(sa.func.radians(here)) * sa.func.cos(sa.func.radians(_c.latitude)) * aside
    found: sa.ColumnElement[float] = 2 * EARTH_METRES * sa.func.asin(sa.func.least(1.0, sa.func.sqrt(share)))
    return found


async def export_dealers(
    session: AsyncSession, changed_after: datetime | None, after: uuid.UUID | None, limit: int
) -> Sequence[Any]:
    """Returns the next dealers in the order of their ids, which never change: none is missed or told twice while others
    write.
    """
    query = sa.select(_dealers).order_by(_c.dealer_id).limit(limit)
    if changed_after is not None:
        query = query.where(_c.update_time > changed_after)
    if after is not None:
        query = query.where(_c.dealer_id > after)
    return (await session.execute(query)).all()


async def know_dealers(session: AsyncSession, ids: Sequence[uuid.UUID]) -> None:
    """Puts the present state of dealers into the table by which scope is judged, as `servicekit.dealers` does for what
    others hear.
    """
    source = sa.select(*(_c[name] for name in _KNOWN)).where(_c.dealer_id.in_(ids))
    row = insert(known_dealers).from_select(list(_KNOWN), source)
    values = {name: row.excluded[name] for name in _KNOWN[1:]}
    newer = known_dealers.c.version < row.excluded.version
    await session.execute(row.on_conflict_do_update(index_elements=["dealer_id"], set_=values, where=newer))
