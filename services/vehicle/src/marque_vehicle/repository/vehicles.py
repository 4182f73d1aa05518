"""SQL of cars."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from tradekit.search import SearchQuery

from marque_vehicle.models import Vehicle, VehicleSearch
from marque_vehicle.repository.scope import Scope

CANDIDATES = 1000  # matches that a search looks at
COLUMNS = (
    "vin, version, create_time, update_time, engine_number, make, series, model, model_year, trim, exterior_colour, interior_colour, "
    "option_codes, plant, build_date, plate_number, market, use, energy, status, odometer_km, odometer_time"
)
_V = ", ".join(f"v.{name.strip()}" for name in COLUMNS.split(","))
_GET = f"""
SELECT {COLUMNS},
    $2 OR EXISTS (SELECT FROM dealer_vehicles d WHERE d.vin = v.vin AND d.dealer_id = ANY($3::uuid[])) AS related,
    held.present, held.last_end
FROM vehicles v CROSS JOIN LATERAL (
    SELECT bool_or(o.valid_until IS NULL OR o.valid_until > now()) AS present,
        max(coalesce(o.valid_until, 'infinity')) AS last_end
    FROM ownerships o
    WHERE o.vin = v.vin AND o.customer_id = ANY($4::uuid[]) AND o.known_until IS NULL AND o.role <> 3 AND o.valid_from <= now()) held
WHERE v.vin = $1
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class SeenCar:
    """A car as a caller sees it. `persons`: persons tied to the car may be shown. `until`: what happened later is not the caller's."""

    row: asyncpg.Record
    persons: bool
    until: datetime | None = None


async def get_vehicle(reader: Reader, scope: Scope, vin: str) -> SeenCar | None:
    """Returns a car by its exact VIN: any for staff, for a person the cars that they have or had (a driver's are not theirs)."""
    row = await reader.fetchrow(_GET, vin, scope.everything, list(scope.dealers), list(scope.customers))
    if row is None or scope.nothing:
        return None
    if not scope.customers:
        return SeenCar(row, persons=row["related"])
    if row["present"] is None:
        return None
    return SeenCar(row, persons=row["present"], until=None if row["present"] else row["last_end"])


async def batch_get(reader: Reader, vins: Sequence[str]) -> list[asyncpg.Record]:
    """Returns the cars among some VINs."""
    found: list[asyncpg.Record] = await reader.fetch(f"SELECT {COLUMNS} FROM vehicles WHERE vin = ANY($1)", list(vins))  # noqa: S608
    return found


async def exists(reader: Reader, vin: str) -> bool:
    """Tells whether a car is registered."""
    return bool(await reader.fetchval("SELECT EXISTS (SELECT FROM vehicles WHERE vin = $1)", vin))


async def at_hand(reader: Reader, scope: Scope, vins: Sequence[str]) -> list[asyncpg.Record]:
    """Returns those of some VINs whose cars the caller may list: its dealers', or those that the person has."""
    conditions = query.Conditions()
    conditions.add("vin = ANY({})", list(vins))
    if not scope.everything:
        related = "EXISTS (SELECT FROM dealer_vehicles d WHERE d.vin = v.vin AND d.dealer_id = ANY({}))"
        own = (
            "EXISTS (SELECT FROM ownerships o WHERE o.vin = v.vin AND o.customer_id = ANY({}) AND o.known_until IS NULL "
            "AND o.role <> 3 AND o.valid_from <= now())"
        )
        conditions.add(f"({related} OR {own})", list(scope.dealers), list(scope.customers))
    sql = f"SELECT vin, make, model, model_year FROM vehicles v WHERE {conditions.sql}"  # noqa: S608 - our own words
    return list(await reader.fetch(sql, *conditions.arguments))


async def list_vehicles(
    reader: Reader,
    scope: Scope,
    filters: dict[str, Any],
    owners: Sequence[uuid.UUID],
    order: query.Order,
    page: Page,
    after: Any,
) -> list[asyncpg.Record]:
    """Returns a page of cars in sight and one more. `owners`: only cars that one of these owns now (a driver's too are not theirs)."""
    conditions = query.Conditions()
    for name, value in filters.items():
        conditions.equal(f"v.{name}", value)
    if owners and scope.dealers:
        related = "EXISTS (SELECT FROM dealer_vehicles r WHERE r.vin = v.vin AND r.dealer_id = ANY({}))"
        conditions.add(related, list(scope.dealers))
    if owners or scope.customers:
        return await _of_persons(reader, list(owners or scope.customers), bool(owners), conditions, order, page, after)
    if scope.dealers:
        return await _of_dealers(reader, scope.dealers, conditions, order, page, after)
    order.after(conditions, after)
    return await query.page(reader, "vehicles v", COLUMNS, conditions, order, page, None)


async def _of_dealers(
    reader: Reader,
    dealers: Sequence[uuid.UUID],
    conditions: query.Conditions,
    order: query.Order,
    page: Page,
    after: Any,
) -> list[asyncpg.Record]:
    """Cars related to dealers: each dealer's index is walked for one page; a car of two dealers comes once."""
    inner = query.Order(f"r.{order.column}", "r.vin", order.descending)
    inner.after(conditions, after)
    limit, held = conditions.bind(page.size + 1), conditions.bind(list(dealers))
    sql = f"""
        SELECT DISTINCT {_V} FROM unnest({held}::uuid[]) AS drive(id) CROSS JOIN LATERAL (
            SELECT v.* FROM dealer_vehicles r JOIN vehicles v ON v.vin = r.vin
            WHERE r.dealer_id = drive.id AND {conditions.sql} ORDER BY {inner.sql} LIMIT {limit}) AS v
        ORDER BY {order.sql} LIMIT {limit}
    """  # noqa: S608 - our own words
    return list(await reader.fetch(sql, *conditions.arguments))


async def _of_persons(
    reader: Reader,
    customers: list[uuid.UUID],
    now_only: bool,
    conditions: query.Conditions,
    order: query.Order,
    page: Page,
    after: Any,
) -> list[asyncpg.Record]:
    """Cars that customers have, or ever had; a person has few cars, a fleet some thousand."""
    order.after(conditions, after)
    limit, held = conditions.bind(page.size + 1), conditions.bind(customers)
    present = (
        "AND o.valid_from <= now() AND (o.valid_until IS NULL OR o.valid_until > now())"
        if now_only
        else "AND o.role <> 3"
    )
    sql = f"""
        SELECT {COLUMNS}, EXISTS (
            SELECT FROM ownerships o WHERE o.vin = v.vin AND o.customer_id = ANY({held}) AND o.known_until IS NULL
            AND (o.valid_until IS NULL OR o.valid_until > now())) AS present,
            (SELECT max(coalesce(o.valid_until, 'infinity')) FROM ownerships o
             WHERE o.vin = v.vin AND o.customer_id = ANY({held}) AND o.known_until IS NULL) AS last_end
        FROM vehicles v WHERE v.vin IN (
            SELECT o.vin FROM ownerships o WHERE o.customer_id = ANY({held}::uuid[]) AND o.known_until IS NULL {present})
        AND {conditions.sql} ORDER BY {order.sql} LIMIT {limit}
    """  # noqa: S608 - our own words
    return list(await reader.fetch(sql, *conditions.arguments))


def _match(conditions: query.Conditions, asked: SearchQuery, text: str, tokens: str) -> str:
    """The condition that a document meets a query."""
    parts = [f"{tokens} @> {conditions.bind(asked.tokens)}::text[]"] if asked.tokens else []
    return " AND ".join([*parts, *(f"{text} LIKE {conditions.bind(pattern)}" for pattern in asked.patterns)])


async def search_vehicles(
    reader: Reader, scope: Scope, asked: SearchQuery, whole_vin: str, plates: bool
) -> tuple[list[asyncpg.Record], bool]:
    """Returns candidates in sight with `by_vin`, `by_plate` and `related`, and whether more matched than were weighed.

    At most CANDIDATES matches of each kind are looked at, whatever the size of the table. Plates are searched only for who may read them;
    a whole VIN finds a car that is not the dealer's too.
    """
    conditions = query.Conditions()
    dealers = conditions.bind(list(scope.dealers))
    everything = conditions.bind(scope.everything)
    by_vin = _match(conditions, asked, "search_text", "search_tokens")
    first = f"(SELECT vin, true AS by_vin, false AS by_plate FROM vehicle_search WHERE {by_vin} LIMIT {CANDIDATES + 1})"  # noqa: S608
    found = [first]
    if plates:
        by_plate = _match(conditions, asked, "plate_text", "plate_tokens")
        found.append(
            f"(SELECT vin, false, true FROM vehicle_search WHERE plate_text <> '' AND {by_plate} LIMIT {CANDIDATES + 1})"  # noqa: S608
        )
    sql = f"""
        WITH matches AS MATERIALIZED (
            SELECT vin, bool_or(by_vin) AS by_vin, bool_or(by_plate) AS by_plate, count(*) OVER () AS found
            FROM ({" UNION ALL ".join(found)}) AS one GROUP BY vin)
        SELECT {_V}, m.by_vin, m.by_plate, m.found, {everything} OR r.vin IS NOT NULL AS related
        FROM matches m JOIN vehicles v ON v.vin = m.vin
        LEFT JOIN LATERAL (SELECT vin FROM dealer_vehicles d WHERE d.vin = m.vin AND d.dealer_id = ANY({dealers}::uuid[]) LIMIT 1) r ON true
    """  # noqa: S608 - our own words
    rows = await reader.fetch(sql, *conditions.arguments)
    cut = bool(rows) and rows[0]["found"] > CANDIDATES
    return [row for row in rows if row["related"] or row["vin"] == whole_vin], cut


async def index(session: AsyncSession, vehicle: Vehicle) -> None:
    """Makes what a car is searched by anew."""
    values = VehicleSearch.columns_of(vehicle.vin, vehicle.engine_number or "", vehicle.plate_number or "")
    row = insert(VehicleSearch).values(**values)
    await session.execute(row.on_conflict_do_update(index_elements=["vin"], set_=values))


async def export(reader: Reader, after: str, updated_after: datetime | None, limit: int) -> list[asyncpg.Record]:
    """Returns the next cars by VIN."""
    sql = f"SELECT {COLUMNS} FROM vehicles WHERE vin > $1 AND ($2::timestamptz IS NULL OR update_time > $2) ORDER BY vin LIMIT $3"  # noqa: S608
    return list(await reader.fetch(sql, after, updated_after, limit))


async def lock_vehicle(session: AsyncSession, vin: str) -> Vehicle | None:
    """Returns a car for change, whoever asks; scope is judged by `related` or by who owns the act."""
    return (await session.scalars(sa.select(Vehicle).where(Vehicle.vin == vin).with_for_update())).one_or_none()


async def lock_related(session: AsyncSession, scope: Scope, vin: str) -> Vehicle | None:
    """Returns a car in the caller's sight for change (`related`). One statement, so that a hidden car takes as long as one that is not."""
    found = sa.select(Vehicle).where(Vehicle.vin == vin)
    if not scope.everything:
        seen = sa.text(
            "EXISTS (SELECT FROM dealer_vehicles d WHERE d.vin = vehicles.vin AND d.dealer_id = ANY(:dealers))"
        )
        found = found.where(seen.bindparams(dealers=list(scope.dealers)))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def lock_at_hand(session: AsyncSession, scope: Scope, vin: str) -> Vehicle | None:
    """Returns a car for change that is in the caller's sight (`related`), or that the person has now (a driver's is not theirs)."""
    if not scope.customers:
        return await lock_related(session, scope, vin)
    held = sa.text(
        "EXISTS (SELECT FROM ownerships o WHERE o.vin = vehicles.vin AND o.customer_id = ANY(:customers) AND o.known_until IS NULL "
        "AND o.role <> 3 AND o.valid_from <= now() AND (o.valid_until IS NULL OR o.valid_until > now()))"
    )
    found = sa.select(Vehicle).where(Vehicle.vin == vin, held.bindparams(customers=list(scope.customers)))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def related(session: AsyncSession, scope: Scope, vin: str) -> bool:
    """Tells whether a car is in a caller's sight for change: a dealer's own, sold or visited there."""
    if scope.everything:
        return True
    query_ = sa.text("SELECT EXISTS (SELECT FROM dealer_vehicles WHERE vin = :vin AND dealer_id = ANY(:dealers))")
    return bool(await session.scalar(query_, {"vin": vin, "dealers": list(scope.dealers)}))


async def relate(session: AsyncSession, dealer_ids: Sequence[uuid.UUID], vin: str, moment: datetime) -> None:
    """Notes that dealers have to do with a car."""
    statement = sa.text(
        "INSERT INTO dealer_vehicles (dealer_id, vin, update_time) "
        "SELECT unnest(CAST(:dealers AS uuid[])), :vin, :moment ON CONFLICT DO NOTHING"
    )
    await session.execute(statement, {"dealers": list(dealer_ids), "vin": vin, "moment": moment})
