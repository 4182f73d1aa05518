"""SQL of territories, and of the rows by which places are looked up."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import DealerTerritory
from marque_network.repository.scoped import get, paged, read, visible_to
from marque_network.rules import areas, postcodes

_territories: sa.Table = DealerTerritory.__table__  # type: ignore[assignment]
_c = _territories.c
# Areas are compared by shapely, not by the database, so writers of territories take turns.
_LOCK = 0x4D41_5251_5445_5252
_CLEAR = (
    sa.text("DELETE FROM territory_postcodes WHERE territory_id = :territory_id"),
    sa.text("DELETE FROM territory_areas WHERE territory_id = :territory_id"),
)
_POSTCODE = sa.text(
    "INSERT INTO territory_postcodes (territory_id, dealer_id, kind, brand, exclusive, country_code, codes)"
    " SELECT :territory_id, :dealer_id, :kind, :brand, :exclusive, :country_code, int8range(first, beyond)"
    " FROM unnest(CAST(:firsts AS bigint[]), CAST(:beyonds AS bigint[])) AS given (first, beyond)"
)
_AREA = sa.text(
    "INSERT INTO territory_areas (territory_id, number, dealer_id, kind, brand, exclusive, bounds, rings, size)"
    " VALUES (:territory_id, :number, :dealer_id, :kind, :brand, :exclusive,"
    " box(point(:west, :south), point(:east, :north)), CAST(:rings AS jsonb), :size)"
)
_TAKEN_CODES = sa.text(
    "SELECT DISTINCT t.code FROM territory_postcodes p JOIN dealer_territories t USING (territory_id)"
    " JOIN unnest(CAST(:firsts AS bigint[]), CAST(:beyonds AS bigint[])) AS given (first, beyond)"
    " ON p.codes && int8range(given.first, given.beyond)"
    " WHERE p.exclusive AND p.country_code = :country_code AND p.kind = :kind AND p.brand = :brand"
    " AND p.dealer_id <> :dealer_id ORDER BY t.code LIMIT 5"
)
_NEAR_AREAS = sa.text(
    "SELECT t.code, a.rings FROM territory_areas a JOIN dealer_territories t USING (territory_id)"
    " WHERE a.bounds && box(point(:west, :south), point(:east, :north)) AND a.exclusive"
    " AND a.kind = :kind AND a.brand = :brand AND a.dealer_id <> :dealer_id"
)


async def lock(session: AsyncSession) -> None:
    """Makes writers of territories take turns until the end of the transaction."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


async def get_territory(session: AsyncSession, principal: Principal, territory_id: uuid.UUID) -> DealerTerritory | None:
    """Returns a territory to change, locked."""
    return await get(session, principal, DealerTerritory, _c.territory_id == territory_id)


async def read_territory(session: AsyncSession, principal: Principal, territory_id: uuid.UUID) -> Any:
    """Returns a territory's row, or None."""
    return await read(session, principal, DealerTerritory, _c.territory_id == territory_id)


async def list_territories(
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of territories and one more. `filters` are columns with a value, and `include_ended`."""
    query = sa.select(_territories).where(visible_to(principal, _c.dealer_id))
    if not filters.get("include_ended"):
        query = query.where(_c.end_time.is_(None))
    query = query.where(*(_c[name] == value for name, value in filters.items() if name != "include_ended"))
    name = "update_time" if order_by.startswith("update_time") else "code"
    query = paged(query, (_c[name], _c.territory_id), order_by.endswith("desc"), page, after)
    return (await session.execute(query)).all()


async def taken(session: AsyncSession, territory: DealerTerritory) -> list[str]:
    """Returns the codes of exclusive territories of other dealers that share ground with an exclusive one, at most five."""
    scope = _scope(territory)
    found: list[str] = []
    if territory.postcodes:
        given = {**scope, "country_code": territory.country_code, **_spans(territory.postcodes)}
        found += (await session.scalars(_TAKEN_CODES, given)).all()
    for rings in territory.polygons:
        box = areas.bounds(rings)
        near = await session.execute(_NEAR_AREAS, {**scope, **_box(box)})
        found += [row.code for row in near if areas.overlap(rings, row.rings)]
    return sorted(set(found))[:5]


async def write_places(session: AsyncSession, territory: DealerTerritory) -> None:
    """Writes anew the rows by which places find a territory; none for one that ended."""
    key = {"territory_id": territory.territory_id}
    for statement in _CLEAR:
        await session.execute(statement, key)
    if territory.end_time is not None:
        return
    shared = {**key, **_scope(territory), "exclusive": territory.exclusive}
    if territory.postcodes:
        given = {**shared, "country_code": territory.country_code, **_spans(territory.postcodes)}
        await session.execute(_POSTCODE, given)
    for number, rings in enumerate(territory.polygons, 1):
        place = {**_box(areas.bounds(rings)), "rings": orjson.dumps(rings).decode(), "size": areas.size(rings)}
        await session.execute(_AREA, {**shared, "number": number, **place})


async def of_dealer(session: AsyncSession, dealer_id: uuid.UUID) -> Sequence[DealerTerritory]:
    """Returns the territories of a dealer that hold, locked in one order."""
    query = sa.select(DealerTerritory).where(_c.dealer_id == dealer_id, _c.end_time.is_(None))
    return (await session.scalars(query.order_by(_c.territory_id).with_for_update(key_share=True))).all()


def _scope(territory: DealerTerritory) -> dict[str, Any]:
    return {name: getattr(territory, name) for name in ("kind", "brand", "dealer_id")}


def _box(box: areas.Bounds) -> dict[str, float]:
    return {name: float(getattr(box, name)) for name in ("west", "south", "east", "north")}


def _spans(ranges: Iterable[Sequence[str]]) -> dict[str, list[int]]:
    found = [postcodes.span(first, last) for first, last in ranges]
    return {"firsts": [first for first, _ in found], "beyonds": [beyond for _, beyond in found]}
