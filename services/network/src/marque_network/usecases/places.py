"""The search for dealers by place: the nearest, the open ones, those that answer for it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.repository import dealers, places
from marque_network.rules.openings import DEPARTMENTS, OPEN, state
from marque_network.rules.places import distance_metres

CANDIDATES = 500
POSTCODE, AREA, NEAREST = 1, 2, 3  # the contract's numbers of PlaceReason


@dataclass(frozen=True, slots=True)
class Near:
    """A dealer near a place; `open_state` 0 where no instant was asked for."""

    row: Any
    open_state: int = 0
    closes: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answering:
    """A dealer that answers for a place, and why; `metres` None where a point is not known."""

    row: Any
    reason: int
    territory_code: str
    exclusive: bool
    metres: float | None


async def nearest(
    *,
    session: AsyncSession,
    latitude: float,
    longitude: float,
    filters: dict[str, Any],
    metres: int,
    limit: int,
    open_at: datetime | None,
) -> tuple[list[Near], bool]:
    """Returns the nearest dealers, of CANDIDATES those that are open at an instant where one is given, and whether there may
    be more of those.
    """
    if open_at is None:
        rows = await dealers.nearest_dealers(session, latitude, longitude, filters, metres, limit)
        return [Near(row) for row in rows], False
    rows = await dealers.nearest_dealers(session, latitude, longitude, filters, metres, CANDIDATES)
    department = DEPARTMENTS[filters.get("kind", 0)]
    hours = await places.hours_of(session, [row.dealer_id for row in rows], department)
    found: list[Near] = []
    for row in rows:
        now, closes = state(hours.get(row.dealer_id), open_at)
        if now == OPEN:
            found.append(Near(row, now, closes))
            if len(found) == limit:
                return found, False
    return found, len(rows) == CANDIDATES


async def for_place(
    *,
    session: AsyncSession,
    country_code: str,
    postcode: int | None,
    point: tuple[float, float] | None,
    kind: int,
    brand: str,
    limit: int,
) -> list[Answering]:
    """Returns the dealers that answer for a place, best first, up to the first that answers alone."""
    found: dict[uuid.UUID, Answering] = {}
    if postcode is not None:
        _take(found, await places.by_postcode(session, country_code, postcode, kind, brand), POSTCODE, point)
    if point is not None:
        _take(found, await places.by_point(session, *point, kind, brand), AREA, point)
        if not found:
            asked: dict[str, Any] = {"kind": kind, "brand": brand}
            filters = {name: value for name, value in asked.items() if value}
            for row in await dealers.nearest_dealers(session, *point, filters, 0, limit):
                found[row.dealer_id] = Answering(row, NEAREST, "", False, row.distance)
    ordered = list(found.values())
    alone = next((index for index, one in enumerate(ordered) if one.exclusive), len(ordered))
    return ordered[: min(limit, alone + 1)]


def _take(
    found: dict[uuid.UUID, Answering], rows: Sequence[Any], reason: int, point: tuple[float, float] | None
) -> None:
    for row in rows:
        if row.dealer_id in found:
            continue
        known = point is not None and row.latitude is not None
        metres = distance_metres(*point, row.latitude, row.longitude) if known and point is not None else None
        found[row.dealer_id] = Answering(row, reason, row.territory_code, row.exclusive, metres)
