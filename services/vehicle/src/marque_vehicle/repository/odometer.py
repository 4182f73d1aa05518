"""SQL of odometers: what sales, visits and people said of them, as one series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from servicekit.db.engine import Reader
from servicekit.ids import new_uuid
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.rules.odometer import ORDER_IN, ORDER_OUT, SALE, Judged, Reading

_MOST = 1000  # readings of one car; nobody has more
_SERIES = f"""
SELECT car.vin, r.* FROM unnest(CAST({{vins}} AS text[])) AS car(vin) CROSS JOIN LATERAL (
    SELECT * FROM (
        SELECT open_time AS moment, odometer_in_km AS km, {ORDER_IN} AS source, repair_order_id::text AS key, odometer_replaced AS replaced
        FROM repair_orders WHERE vin = car.vin AND state <> 3 AND odometer_in_km > 0
        UNION ALL
        SELECT close_time, odometer_out_km, {ORDER_OUT}, repair_order_id::text, false
        FROM repair_orders WHERE vin = car.vin AND state <> 3 AND odometer_out_km > 0 AND close_time IS NOT NULL
        UNION ALL
        SELECT start_time, odometer_km, {SALE}, sale_id::text, false FROM sales WHERE vin = car.vin AND state = 1 AND odometer_km > 0
        UNION ALL
        SELECT read_time, odometer_km, source, source_id, odometer_replaced FROM odometer_readings WHERE vin = car.vin
    ) AS one ORDER BY moment DESC, source DESC LIMIT {_MOST}) AS r
"""  # noqa: S608 - our own words


def _reading(row: Any) -> Reading:
    return Reading(row["moment"], row["km"], row["source"], row["key"], row["replaced"])


async def series(reader: Reader, vin: str) -> list[Reading]:
    """Returns the latest readings of a car."""
    return [_reading(row) for row in await reader.fetch(_SERIES.format(vins="$1"), [vin])]


async def series_of(session: AsyncSession, vins: Sequence[str]) -> dict[str, list[Reading]]:
    """Returns the latest readings of some cars, by VIN."""
    found: dict[str, list[Reading]] = {vin: [] for vin in vins}
    for row in (await session.execute(sa.text(_SERIES.format(vins=":vins")), {"vins": list(vins)})).mappings():
        found[row["vin"]].append(_reading(row))
    return found


async def start_of(session: AsyncSession, vin: str) -> date | None:
    """Returns the day on which a car was handed over at its first sale; None before it."""
    found = sa.text(
        "SELECT coalesce(delivery_date, invoice_date) FROM sales WHERE vin = :vin AND state = 1 ORDER BY start_time, sale_id LIMIT 1"
    )
    start: date | None = await session.scalar(found, {"vin": vin})
    return start


async def add(
    session: AsyncSession,
    vin: str,
    moment: datetime,
    km: int,
    *,
    replaced: bool,
    source: int,
    source_id: str,
    now: datetime,
) -> str:
    """Keeps a reading, once; returns the id of its source: its own where it has no other."""
    reading_id = new_uuid()
    statement = sa.text(
        "INSERT INTO odometer_readings (reading_id, vin, read_time, odometer_km, odometer_replaced, source, source_id, create_time) "
        "VALUES (:id, :vin, :moment, :km, :replaced, :source, :source_id, :now) "
        "ON CONFLICT (vin, read_time, source, odometer_km) DO UPDATE SET vin = excluded.vin RETURNING source_id"
    )
    values = {
        "id": reading_id, "vin": vin, "moment": moment, "km": km, "replaced": replaced, "source": source,
        "source_id": source_id or str(reading_id), "now": now,
    }  # fmt: skip
    return str(await session.scalar(statement, values))


async def mark_flagged(session: AsyncSession, vin: str, flagged: Iterable[Judged], now: datetime) -> list[Judged]:
    """Notes that readings are told of as flagged; returns those that were not before."""
    statement = sa.text(
        "INSERT INTO odometer_flags (vin, source, source_id, odometer_km, flag, mark_time) "
        "VALUES (:vin, :source, :key, :km, :flag, :now) ON CONFLICT DO NOTHING RETURNING 1"
    )
    fresh = []
    for one in flagged:
        reading = one.reading
        values = {
            "vin": vin,
            "source": reading.source,
            "key": reading.key,
            "km": reading.km,
            "flag": one.flag,
            "now": now,
        }
        if await session.scalar(statement, values) is not None:
            fresh.append(one)
    return fresh
