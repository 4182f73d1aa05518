"""SQL of the watch of the law of replacement and return."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.ids import new_uuid
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules.lemon import Standing, Watch

_MOST_VISITS = 1000  # of one car; nobody has more
# The first sale for private use that stands: the law's clock goes with the car, whoever owns it later.
_SALE = """
SELECT v.vin, v.market, v.odometer_km, s.sale_id, s.dealer_id, s.invoice_date, s.delivery_date, s.currency, s.price, s.buyer_customer_id,
    coalesce(d.time_zone, '') AS time_zone
FROM vehicles v JOIN sales s ON s.vin = v.vin AND s.state = 1 AND s.use = 1 LEFT JOIN known_dealers d ON d.dealer_id = s.dealer_id
WHERE v.vin = {vin} ORDER BY s.start_time, s.sale_id LIMIT 1
"""
_VISITS = f"""
SELECT repair_order_id, number, dealer_id, open_time, close_time, odometer_in_km, lines, create_time FROM repair_orders
WHERE vin = {{vin}} AND state <> 3 ORDER BY open_time LIMIT {_MOST_VISITS}
"""  # noqa: S608 - our own words


async def read(reader: Reader, vin: str) -> tuple[Any, list[Any]]:
    """Returns the sale that starts a car's clock (None for none) and its visits."""
    sale = await reader.fetchrow(_SALE.format(vin="$1"), vin)
    return sale, [] if sale is None else list(await reader.fetch(_VISITS.format(vin="$1"), vin))


# The same of many cars. A car's visits are walked in its own index, so that the planner's guess of how many there are does not matter.
_SALES = """
SELECT v.vin, v.market, v.odometer_km, s.invoice_date, s.delivery_date, coalesce(d.time_zone, '') AS time_zone
FROM vehicles v CROSS JOIN LATERAL (
    SELECT dealer_id, invoice_date, delivery_date FROM sales
    WHERE vin = v.vin AND state = 1 AND use = 1 ORDER BY start_time, sale_id LIMIT 1
) s LEFT JOIN known_dealers d ON d.dealer_id = s.dealer_id WHERE v.vin = ANY(:vins)
"""
_VISITS_OF_ALL = f"""
SELECT c.vin, o.* FROM unnest(CAST(:vins AS text[])) AS c(vin) CROSS JOIN LATERAL (
    SELECT repair_order_id, open_time, close_time, odometer_in_km, lines, create_time FROM repair_orders
    WHERE vin = c.vin AND state <> 3 ORDER BY open_time LIMIT {_MOST_VISITS}) o
"""  # noqa: S608 - our own words


async def read_all(session: AsyncSession, vins: Sequence[str]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Returns the sales that start the clocks of some cars, and the visits of those cars."""
    sales = {row.vin: row._mapping for row in await session.execute(sa.text(_SALES), {"vins": list(vins)})}
    visits: dict[str, list[Any]] = {vin: [] for vin in sales}
    for row in await session.execute(sa.text(_VISITS_OF_ALL), {"vins": list(sales)}):
        visits[row.vin].append(row._mapping)
    return sales, visits


async def codes_of(reader: Reader, dealer_ids: Iterable[Any]) -> dict[Any, str]:
    """Returns the codes of some dealers, by id."""
    rows = await reader.fetch(
        "SELECT dealer_id, code FROM known_dealers WHERE dealer_id = ANY($1)", list(set(dealer_ids))
    )
    return {row["dealer_id"]: row["code"] for row in rows}


# Looks at one car come one after the other, so that none keeps what it read before another wrote. The locks are few and of nobody else:
# who writes a visit never waits for who looks at its car.
_LOCKS, _LOCK_SPACE = 64, 0x4C4D


async def hold(session: AsyncSession, vins: Sequence[str]) -> None:
    """Waits for other looks at some cars; those of this transaction are held to its end."""
    statement = sa.text(
        "SELECT pg_advisory_xact_lock(:space, bucket) FROM (SELECT DISTINCT abs(hashtext(vin) % :locks) AS bucket "
        "FROM unnest(CAST(:vins AS text[])) AS vin ORDER BY 1) AS buckets"
    )
    await session.execute(statement, {"space": _LOCK_SPACE, "locks": _LOCKS, "vins": list(vins)})


async def hold_cars(session: AsyncSession, vins: Sequence[str]) -> None:
    """Holds cars of which a row is written against removal, in the order in which writers lock them, so that nobody waits in a circle."""
    statement = sa.text("SELECT vin FROM vehicles WHERE vin = ANY(:vins) ORDER BY vin FOR KEY SHARE")
    await session.execute(statement, {"vins": list(vins)})


async def versions_of(session: AsyncSession, vins: Sequence[str]) -> dict[str, int]:
    """Returns the versions of the watches that are kept of some cars."""
    found = sa.text("SELECT vin, version FROM lemon_watches WHERE vin = ANY(:vins)")
    return {row.vin: row.version for row in await session.execute(found, {"vins": list(vins)})}


_KEPT = {
    "vin": "text", "rule_pack": "text", "start_date": "date", "end_date": "date", "state": "integer", "repair_days": "integer",
    "next_change": "timestamptz", "told": "boolean",
}  # fmt: skip
_KEEP = """
INSERT INTO lemon_watches AS w (vin, version, update_time, rule_pack, start_date, end_date, state, repair_days, next_change)
SELECT vin, 1, :moment, rule_pack, start_date, end_date, state, repair_days, next_change
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({columns}) WHERE told OR NOT EXISTS (
    SELECT FROM lemon_watches k WHERE k.vin = r.vin AND (k.rule_pack, k.start_date, k.end_date, k.state, k.repair_days, k.next_change)
        IS NOT DISTINCT FROM (r.rule_pack, r.start_date, r.end_date, r.state, r.repair_days, r.next_change))
ORDER BY vin ON CONFLICT (vin) DO UPDATE SET version = w.version + 1, update_time = excluded.update_time, rule_pack = excluded.rule_pack,
    start_date = excluded.start_date, end_date = excluded.end_date, state = excluded.state, repair_days = excluded.repair_days,
    next_change = excluded.next_change
"""


async def keep(session: AsyncSession, watches: Mapping[str, Watch], told: Collection[str], moment: datetime) -> None:
    """Keeps where cars stand, of whom it changed or was told of something."""
    rows = [
        {
            "vin": vin, "rule_pack": one.pack.pack, "start_date": one.start, "end_date": one.end, "state": one.state,
            "repair_days": one.repair_days, "next_change": one.next_change, "told": vin in told,
        }
        for vin, one in sorted(watches.items())
    ]  # fmt: skip
    if rows:
        columns = ", ".join(f"{name} {kind}" for name, kind in _KEPT.items())
        statement = sa.text(_KEEP.format(columns=columns))
        await session.execute(statement, {"rows": orjson.dumps(rows).decode(), "moment": moment})


async def clear(session: AsyncSession, vins: Sequence[str], moment: datetime) -> None:
    """Lets the watches of cars rest to which no version of the law applies any more, as after a reversed sale."""
    statement = sa.text(
        "UPDATE lemon_watches SET version = version + 1, update_time = :moment, state = 1, repair_days = 0, next_change = NULL "
        "WHERE vin = ANY(:vins) AND (state <> 1 OR repair_days <> 0 OR next_change IS NOT NULL)"
    )
    if vins:
        await session.execute(statement, {"vins": list(vins), "moment": moment})


async def mark(
    session: AsyncSession, standings: Sequence[tuple[str, str, Standing]], moment: datetime
) -> list[tuple[str, str, Standing]]:
    """Notes thresholds that are told of (car, version of the law, where it stands); returns those that were not before."""
    if not standings:
        return []
    statement = sa.text(
        "INSERT INTO lemon_marks (vin, rule_pack, trigger, subject, state, mark_time) "
        "SELECT vin, rule_pack, trigger, subject, state, :moment "
        "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(vin text, rule_pack text, trigger integer, subject text, state integer) "
        "ORDER BY vin ON CONFLICT DO NOTHING RETURNING vin, trigger, subject, state"
    )
    rows = [
        {"vin": vin, "rule_pack": pack, "trigger": one.trigger, "subject": one.subject, "state": one.state}
        for vin, pack, one in standings
    ]
    found = await session.execute(statement, {"rows": orjson.dumps(rows).decode(), "moment": moment})
    fresh = {tuple(row) for row in found}
    return [each for each in standings if (each[0], each[2].trigger, each[2].subject, each[2].state) in fresh]


async def take_due(session: AsyncSession, kind: str, key: str, limit: int) -> list[str]:
    """Takes other work of a kind that is due and that nobody is at; it is gone with this transaction. Work that failed before is left:
    it is tried for itself.
    """
    statement = sa.text(
        "DELETE FROM due_work WHERE kind = :kind AND key IN (SELECT key FROM due_work WHERE kind = :kind AND key <> :key "
        "AND due_time <= now() AND attempts = 0 ORDER BY due_time LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING key"
    )
    return list((await session.execute(statement, {"kind": kind, "key": key, "limit": limit})).scalars())


async def take_changing(session: AsyncSession, moment: datetime, limit: int) -> list[str]:
    """Returns the cars of which a count grows by a moment; their looks say when it grows again."""
    statement = sa.text(
        "UPDATE lemon_watches SET next_change = NULL WHERE vin IN (SELECT vin FROM lemon_watches WHERE next_change <= :moment "
        "ORDER BY next_change, vin LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING vin"
    )
    return list((await session.execute(statement, {"moment": moment, "limit": limit})).scalars())


async def next_cars(session: AsyncSession, markets: Sequence[str], after: str, limit: int) -> tuple[list[str], str]:
    """Returns the cars of some markets among the next ones by VIN, and the last one that was seen (empty for none)."""
    statement = sa.text("SELECT vin, market FROM vehicles WHERE vin > :after ORDER BY vin LIMIT :limit")
    rows = list(await session.execute(statement, {"after": after, "limit": limit}))
    return [row.vin for row in rows if row.market in markets], rows[-1].vin if rows else ""


async def put_aside(session: AsyncSession, kind: str, vins: Sequence[str], moment: datetime) -> None:
    """Makes the look at some cars due, of each for itself; where it is already, that stands."""
    statement = sa.text(
        "INSERT INTO due_work (kind, key, due_time, attempts) SELECT :kind, vin, :moment, 0 "
        "FROM unnest(CAST(:vins AS text[])) AS vin ORDER BY vin ON CONFLICT DO NOTHING"
    )
    await session.execute(statement, {"kind": kind, "vins": list(vins), "moment": moment})


async def look_at(
    session: AsyncSession, kind: str, vins: Iterable[str], markets: Iterable[str], moment: datetime
) -> None:
    """Makes the look at some cars due, of those that are made for a market with such a law; one statement for all.

    Each transaction has rows of its own: whoever holds a car must not wait for the worker that looks at it, and needs the car.
    """
    statement = sa.text(
        "INSERT INTO due_work (kind, key, due_time, attempts) SELECT :kind, v.vin || '/' || :mark, :moment, 0 FROM vehicles v "
        "WHERE v.vin = ANY(:vins) AND v.market = ANY(:markets) ORDER BY v.vin "
        "ON CONFLICT DO NOTHING"
    )
    values = {"kind": kind, "vins": sorted(set(vins)), "markets": sorted(set(markets)), "moment": moment}
    await session.execute(statement, {**values, "mark": str(new_uuid())})


async def list_watches(
    reader: Reader, scope: Scope, state: int, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of watched cars in sight by VIN and one more: in a state, else those that are warned of or reached."""
    conditions = query.Conditions()
    conditions.add("w.state = ANY({}::integer[])", [state] if state else [2, 3])
    if not scope.everything:
        related = "EXISTS (SELECT FROM dealer_vehicles d WHERE d.vin = w.vin AND d.dealer_id = ANY({}))"
        conditions.add(related, list(scope.dealers))
    if after is not None:
        conditions.add("w.vin > {}", after[0])
    limit = conditions.bind(page.size + 1)
    sql = f"SELECT vin, rule_pack, state, repair_days, end_date FROM lemon_watches w WHERE {conditions.sql} ORDER BY w.vin LIMIT {limit}"  # noqa: S608
    return list(await reader.fetch(sql, *conditions.arguments))
