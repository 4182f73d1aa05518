"""SQL of maintenance: plans, cars to look at, what is due."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.ids import new_uuid
from servicekit.paging import Page
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import MaintenancePlan
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules.maintenance import Plan, Service

PLAN = "plan_code, effective_from, effective_before, market, make, model, steps, repeat_km, repeat_months, operation_codes, update_time"
DUE = (
    "vin, update_time, dealer_id, plan_code, plan_effective_from, service_number, due_date, cause, time_due_date, due_distance_km, "
    "distance_due_date, distance_due_date_early, distance_due_date_late, metres_per_day"
)
_MOST_PLANS = 5000  # versions of one market
# The first sale that stands starts the plan, as it starts the warranty.
_CARS = """
SELECT v.vin, v.market, v.make, v.model, s.sale_id::text AS sale_id, s.dealer_id, coalesce(s.delivery_date, s.invoice_date) AS start
FROM vehicles v CROSS JOIN LATERAL (
    SELECT sale_id, dealer_id, delivery_date, invoice_date FROM sales WHERE vin = v.vin AND state = 1
    ORDER BY start_time, sale_id LIMIT 1) s
WHERE v.vin = ANY({vins}) AND v.status <> 3
"""
_VISITS = """
SELECT vin, repair_order_id::text AS key, dealer_id, open_time, close_time,
    jsonb_path_query_array(lines, '$[*].labours[*].operation_code') AS operations
FROM repair_orders WHERE vin = ANY({vins}) AND state <> 3
"""


def plan_of(row: Any) -> Plan:
    """Returns a plan as the rules read it."""
    return Plan(
        row["plan_code"], row["effective_from"], row["effective_before"], row["market"], row["make"], row["model"],
        tuple((km, months) for km, months in query.json_of(row["steps"])), row["repeat_km"], row["repeat_months"],
        frozenset(row["operation_codes"]),
    )  # fmt: skip


def visit_of(row: Any) -> tuple[Service, datetime]:
    """Returns a visit without its distance, and the moment of its arrival."""
    operations = frozenset(query.json_of(row["operations"]))
    return Service(row["key"], row["open_time"].date(), 0, row["dealer_id"], operations), row["open_time"]


async def put_plan(session: AsyncSession, values: dict[str, Any]) -> tuple[MaintenancePlan, bool]:
    """Writes a plan unless there is one of its key; returns the one that is there, locked, and whether it is new."""
    row = insert(MaintenancePlan).values(**values).on_conflict_do_nothing().returning(MaintenancePlan.plan_code)
    added = await session.scalar(row) is not None
    key = (MaintenancePlan.plan_code == values["plan_code"], MaintenancePlan.effective_from == values["effective_from"])
    return (await session.scalars(sa.select(MaintenancePlan).where(*key).with_for_update())).one(), added


async def list_plans(reader: Reader, market: str, page: Page, after: tuple[Any, ...] | None) -> list[asyncpg.Record]:
    """Returns a page of plans by code and first day, and one more."""
    conditions = query.Conditions()
    conditions.equal("market", market)
    order = query.Order("plan_code", "effective_from", descending=False)
    order.after(conditions, after)
    return await query.page(reader, "maintenance_plans", PLAN, conditions, order, page, None)


async def plans(session: AsyncSession, markets: Iterable[str]) -> list[Plan]:
    """Returns all plans of some markets."""
    found = sa.text(f"SELECT {PLAN} FROM maintenance_plans WHERE market = ANY(:markets) LIMIT {_MOST_PLANS}")  # noqa: S608
    rows = (await session.execute(found, {"markets": sorted(set(markets))})).mappings()
    return [plan_of(row) for row in rows]


async def read_plans(reader: Reader, market: str) -> list[Plan]:
    """Returns all plans of a market."""
    found = f"SELECT {PLAN} FROM maintenance_plans WHERE market = $1 LIMIT {_MOST_PLANS}"  # noqa: S608 - our own words
    return [plan_of(row) for row in await reader.fetch(found, market)]


async def read_car(reader: Reader, vin: str) -> tuple[Any, list[Any]]:
    """Returns a sold car that is in use (None for none) and its visits."""
    car = await reader.fetchrow(_CARS.format(vins="$1"), [vin])
    return car, [] if car is None else list(await reader.fetch(_VISITS.format(vins="$1"), [vin]))


async def cars_of(session: AsyncSession, vins: Sequence[str]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Returns the sold cars in use among some, and the visits of each."""
    rows = (await session.execute(sa.text(_CARS.format(vins=":vins")), {"vins": list(vins)})).mappings()
    cars = {row["vin"]: row for row in rows}
    visits: dict[str, list[Any]] = {vin: [] for vin in cars}
    for row in (await session.execute(sa.text(_VISITS.format(vins=":vins")), {"vins": list(cars)})).mappings():
        visits[row["vin"]].append(row)
    return cars, visits


async def look_at(session: AsyncSession, vins: Iterable[str]) -> uuid.UUID | None:
    """Notes cars that are to be looked at, of those for whose market there is a plan; returns the look, None for no car."""
    look = new_uuid()
    statement = sa.text(
        "INSERT INTO maintenance_looks (look_id, vin) SELECT :look, v.vin FROM vehicles v WHERE v.vin = ANY(:vins) "
        "AND EXISTS (SELECT FROM maintenance_plans p WHERE p.market = v.market) ON CONFLICT DO NOTHING RETURNING vin"
    )
    found = (await session.execute(statement, {"look": look, "vins": sorted(set(vins))})).all()
    return look if found else None


async def look_at_market(session: AsyncSession, market: str, after: str, limit: int) -> tuple[uuid.UUID, str]:
    """Notes the next cars of a market; returns the look, and the last car that was seen (empty for none)."""
    look = new_uuid()
    statement = sa.text(
        "WITH step AS (SELECT vin, market FROM vehicles WHERE vin > :after ORDER BY vin LIMIT :limit), "
        "noted AS (INSERT INTO maintenance_looks (look_id, vin) SELECT :look, vin FROM step WHERE market = :market) "
        "SELECT coalesce(max(vin), '') FROM step"
    )
    return look, str(await session.scalar(statement, {"look": look, "market": market, "after": after, "limit": limit}))


async def take_look(session: AsyncSession, look: uuid.UUID, limit: int) -> list[str]:
    """Returns the next cars of a look, which are gone from it with this transaction, and locks what is due of each.

    The lock comes before anything of the cars is read: of two workers the second sees what the first one saw, and more. The cars
    themselves are held against removal only, in the order in which writers lock them, so that nobody waits in a circle.
    """
    gone = sa.text(
        "DELETE FROM maintenance_looks WHERE look_id = :look AND vin IN "
        "(SELECT vin FROM maintenance_looks WHERE look_id = :look ORDER BY vin LIMIT :limit) RETURNING vin"
    )
    vins = sorted((await session.execute(gone, {"look": look, "limit": limit})).scalars())
    cars = sa.text("SELECT vin FROM vehicles WHERE vin = ANY(:vins) ORDER BY vin FOR KEY SHARE")
    await session.execute(cars, {"vins": vins})
    held = sa.text(
        "INSERT INTO maintenance_dues (vin, update_time) SELECT vin, now() FROM unnest(CAST(:vins AS text[])) AS vin ORDER BY vin "
        "ON CONFLICT (vin) DO NOTHING"
    )
    await session.execute(held, {"vins": vins})
    locked = sa.text("SELECT vin FROM maintenance_dues WHERE vin = ANY(:vins) ORDER BY vin FOR UPDATE")
    await session.execute(locked, {"vins": vins})
    return vins


_KEPT = {
    "vin": "text", "dealer_id": "uuid", "plan_code": "text", "plan_effective_from": "date", "anchor": "text", "service_number": "integer",
    "due_date": "date", "cause": "integer", "time_due_date": "date", "due_distance_km": "integer", "distance_due_date": "date",
    "distance_due_date_early": "date", "distance_due_date_late": "date", "metres_per_day": "integer",
}  # fmt: skip


async def keep(session: AsyncSession, rows: Sequence[dict[str, Any]], now: datetime) -> dict[str, int]:
    """Keeps what is due of some cars (columns as in `_KEPT`) where it changed; returns the versions of all."""
    columns = ", ".join(f"{name} {kind}" for name, kind in _KEPT.items())
    names = [name for name in _KEPT if name != "vin"]
    changes = ", ".join(f"{name} = r.{name}" for name in names)
    differs = (
        f"({', '.join(f'd.{name}' for name in names)}) IS DISTINCT FROM ({', '.join(f'r.{name}' for name in names)})"
    )
    statement = sa.text(
        f"UPDATE maintenance_dues d SET version = d.version + 1, update_time = :now, {changes} "  # noqa: S608 - our own words
        f"FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({columns}) WHERE d.vin = r.vin AND {differs}"
    )
    await session.execute(statement, {"rows": orjson.dumps(rows, default=str).decode(), "now": now})
    found = sa.text("SELECT vin, version FROM maintenance_dues WHERE vin = ANY(:vins)")
    versions = await session.execute(found, {"vins": [row["vin"] for row in rows]})
    return {row.vin: row.version for row in versions}


async def mark(session: AsyncSession, vin: str, anchor: str, number: int, now: datetime) -> bool:
    """Notes that a due is told of; tells whether it was not before."""
    statement = sa.text(
        "INSERT INTO maintenance_marks (vin, anchor, service_number, mark_time) VALUES (:vin, :anchor, :number, :now) "
        "ON CONFLICT DO NOTHING RETURNING 1"
    )
    return await session.scalar(statement, {"vin": vin, "anchor": anchor, "number": number, "now": now}) is not None


async def schedule(session: AsyncSession, kind: str, moments: Mapping[str, datetime]) -> None:
    """Makes work due for some cars, moving what was due; one statement, in the order of their VINs."""
    statement = sa.text(
        "INSERT INTO due_work (kind, key, due_time, attempts) SELECT :kind, r.vin, r.due_time, 0 "
        "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(vin text, due_time timestamptz) ORDER BY r.vin "
        "ON CONFLICT (kind, key) DO UPDATE SET due_time = excluded.due_time, attempts = 0, failure = NULL"
    )
    rows = [{"vin": vin, "due_time": moment} for vin, moment in moments.items()]
    if rows:
        await session.execute(statement, {"kind": kind, "rows": orjson.dumps(rows).decode()})


async def list_dues(
    reader: Reader, scope: Scope, dealer_id: uuid.UUID | None, span: tuple[date | None, date | None], page: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:  # fmt: skip
    """Returns a page of cars that are to be serviced within days, both included, and one more."""
    conditions = query.Conditions()
    conditions.add("due_date IS NOT NULL")
    if not scope.everything:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))
    if dealer_id:
        conditions.add("dealer_id = {}", dealer_id)
    if span[0]:
        conditions.add("due_date >= {}", span[0])
    if span[1]:
        conditions.add("due_date <= {}", span[1])
    order = query.Order("due_date", "vin", descending=False)
    order.after(conditions, after)
    dealers = [dealer_id] if dealer_id else scope.dealers
    driver = ("dealer_id", dealers, "uuid") if dealers or not scope.everything else None
    return await query.page(reader, "maintenance_dues", DUE, conditions, order, page, driver)
