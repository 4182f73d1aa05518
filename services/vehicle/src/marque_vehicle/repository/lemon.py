"""SQL of the watch of the law of replacement and return."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db.engine import Reader
from servicekit.ids import new_uuid
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.repository import query
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


async def read_now(session: AsyncSession, vin: str) -> tuple[Any, list[Any]]:
    """Returns the same inside a transaction."""
    sale = (await session.execute(sa.text(_SALE.format(vin=":vin")), {"vin": vin})).mappings().one_or_none()
    if sale is None:
        return None, []
    return sale, list((await session.execute(sa.text(_VISITS.format(vin=":vin")), {"vin": vin})).mappings())


async def codes_of(reader: Reader, dealer_ids: Iterable[Any]) -> dict[Any, str]:
    """Returns the codes of some dealers, by id."""
    rows = await reader.fetch(
        "SELECT dealer_id, code FROM known_dealers WHERE dealer_id = ANY($1)", list(set(dealer_ids))
    )
    return {row["dealer_id"]: row["code"] for row in rows}


async def keep(session: AsyncSession, vin: str, watch: Watch, moment: datetime) -> int:
    """Keeps where a car stands; returns the version."""
    statement = sa.text(
        "INSERT INTO lemon_watches AS w (vin, version, update_time, rule_pack, start_date, end_date, state, repair_days) "
        "VALUES (:vin, 1, :moment, :pack, :start, :end, :state, :days) ON CONFLICT (vin) DO UPDATE SET version = w.version + 1, "
        "update_time = excluded.update_time, rule_pack = excluded.rule_pack, start_date = excluded.start_date, "
        "end_date = excluded.end_date, state = excluded.state, repair_days = excluded.repair_days RETURNING version"
    )
    values = {
        "vin": vin, "moment": moment, "pack": watch.pack.pack, "start": watch.start, "end": watch.end, "state": watch.state,
        "days": watch.repair_days,
    }  # fmt: skip
    return int(await session.scalar(statement, values) or 0)


async def mark(session: AsyncSession, vin: str, pack: str, standing: Standing, moment: datetime) -> bool:
    """Notes that a threshold is told of; tells whether it was not before."""
    statement = sa.text(
        "INSERT INTO lemon_marks (vin, rule_pack, trigger, subject, state, mark_time) "
        "VALUES (:vin, :pack, :trigger, :subject, :state, :moment) ON CONFLICT DO NOTHING RETURNING 1"
    )
    values = {
        "vin": vin, "pack": pack, "trigger": standing.trigger, "subject": standing.subject, "state": standing.state, "moment": moment,
    }  # fmt: skip
    return await session.scalar(statement, values) is not None


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
