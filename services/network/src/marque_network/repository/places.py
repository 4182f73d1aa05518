"""SQL of the search for the dealers of a place: territories by postal code and point, and hours of many dealers."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Dealer, WorkCalendar
from marque_network.rules import areas

_calendars: sa.Table = WorkCalendar.__table__  # type: ignore[assignment]
_BEST = "(p.brand <> '') DESC, p.exclusive DESC"
# An empty make is for all makes of the dealer; kind 0 asks for any.
_FITS = (
    f"d.status = {Dealer.ACTIVE} AND (:kind = 0 OR (p.kind = :kind AND :kind = ANY (d.kinds)))"
    " AND (p.brand = '' OR :brand = '' OR p.brand = :brand) AND (:brand = '' OR :brand = ANY (d.brands))"
)
_JOINS = "JOIN dealer_territories t USING (territory_id) JOIN dealers d ON d.dealer_id = p.dealer_id"
_BY_POSTCODE = sa.text(
    "SELECT d.*, t.code AS territory_code, p.exclusive, p.brand AS territory_brand,"  # noqa: S608 - constants
    f" CAST(upper(p.codes) - lower(p.codes) AS double precision) AS size FROM territory_postcodes p {_JOINS}"
    f" WHERE p.country_code = :country_code AND p.codes @> CAST(:number AS bigint) AND {_FITS}"
    f" ORDER BY {_BEST}, size, d.code, t.code LIMIT :most"
)
_BY_POINT = sa.text(
    "SELECT d.*, t.code AS territory_code, p.exclusive, p.brand AS territory_brand, p.size, p.rings"  # noqa: S608
    f" FROM territory_areas p {_JOINS}"
    f" WHERE p.bounds @> box(point(:longitude, :latitude), point(:longitude, :latitude)) AND {_FITS}"
    f" ORDER BY {_BEST}, size, d.code, t.code LIMIT :most"
)
_MOST = 200


async def by_postcode(session: AsyncSession, country_code: str, number: int, kind: int, brand: str) -> Sequence[Any]:
    """Returns the open dealers in whose territories a postal code lies, best first, with the territory's code."""
    given = {"country_code": country_code, "number": number, "kind": kind, "brand": brand, "most": _MOST}
    return (await session.execute(_BY_POSTCODE, given)).all()


async def by_point(session: AsyncSession, latitude: float, longitude: float, kind: int, brand: str) -> Sequence[Any]:
    """Returns the open dealers in whose areas a point lies, best first, with the territory's code."""
    given = {"latitude": latitude, "longitude": longitude, "kind": kind, "brand": brand, "most": _MOST}
    rows = (await session.execute(_BY_POINT, given)).all()
    return [row for row in rows if areas.holds(row.rings, latitude, longitude)]


async def hours_of(session: AsyncSession, dealer_ids: Collection[uuid.UUID], department: str) -> dict[uuid.UUID, Any]:
    """Returns the latest hours of some dealers: those of a department, of the dealer as a whole where it has none."""
    c = _calendars.c
    query = (
        sa.select(_calendars)
        .where(c.dealer_id.in_(dealer_ids), c.department.in_(sorted({"", department})))
        .distinct(c.dealer_id)
        .order_by(c.dealer_id, c.department.desc(), c.version.desc())
    )
    return {row.dealer_id: row for row in await session.execute(query)}
