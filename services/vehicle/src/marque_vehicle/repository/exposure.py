"""SQL of cars in use by month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.rules.exposure import BANDS, UNKNOWN

# Readings of before the month; none above what the car has come to, so that a slip of the pen does not put it into the last band.
_STEP = f"""
WITH cars AS MATERIALIZED (
    SELECT vin, make, model, model_year, market, odometer_km FROM vehicles WHERE vin > :after AND status <> 3 ORDER BY vin LIMIT :step),
used AS (
    SELECT c.*, s.dealer_id, (
        SELECT max(greatest(r.odometer_in_km, CASE WHEN r.close_time < :moment THEN r.odometer_out_km ELSE 0 END))
        FROM repair_orders r WHERE r.vin = c.vin AND r.state <> 3 AND r.open_time < :moment) AS visited_km, (
        SELECT max(t.odometer_km) FROM odometer_readings t WHERE t.vin = c.vin AND t.read_time < :moment) AS told_km
    FROM cars c CROSS JOIN LATERAL (
        SELECT dealer_id FROM sales s WHERE s.vin = c.vin AND s.state = 1 AND s.start_time < :moment
        ORDER BY s.start_time, s.sale_id LIMIT 1) s),
banded AS (
    SELECT u.make, u.model, u.model_year, u.market, coalesce(d.region_code, '') AS region_code,
        CASE WHEN km.value > 0 THEN (CAST(:bands AS integer[]))[width_bucket(km.value, CAST(:bands AS integer[]))]
            ELSE {UNKNOWN} END AS band
    FROM used u LEFT JOIN known_dealers d ON d.dealer_id = u.dealer_id
    CROSS JOIN LATERAL (SELECT CASE WHEN greatest(u.visited_km, u.told_km) > 0
        THEN least(greatest(u.visited_km, u.told_km), nullif(u.odometer_km, 0)) END AS value) km),
added AS (
    INSERT INTO vehicle_exposures AS e (month, run, cell, make, model, model_year, market, region_code, band, vehicle_count)
    SELECT :month, :run, jsonb_build_array(make, model, model_year, market, region_code, band)::text, make, model, model_year, market,
        region_code, band, count(*)
    FROM banded GROUP BY make, model, model_year, market, region_code, band
    ON CONFLICT (month, run, cell) DO UPDATE SET vehicle_count = e.vehicle_count + excluded.vehicle_count)
SELECT count(*) AS seen, coalesce(max(vin), '') AS last FROM cars
"""  # noqa: S608 - our own words
_COLUMNS = "month, cell, make, model, model_year, market, region_code, band, vehicle_count"


async def lock_month(session: AsyncSession, month: date) -> Any:
    """Returns how far a month was counted (`run, after_vin`), locked."""
    await session.execute(
        sa.text("INSERT INTO exposure_months (month) VALUES (:month) ON CONFLICT DO NOTHING"), {"month": month}
    )
    found = sa.text("SELECT run, after_vin FROM exposure_months WHERE month = :month FOR UPDATE")
    return (await session.execute(found, {"month": month})).one()


async def was_begun(session: AsyncSession, month: date) -> bool:
    """Tells whether a month was counted before, or is being counted."""
    found = sa.text("SELECT EXISTS (SELECT FROM exposure_months WHERE month = :month)")
    return bool(await session.scalar(found, {"month": month}))


async def count_step(
    session: AsyncSession, month: date, run: int, after: str, moment: datetime, step: int
) -> tuple[int, str]:
    """Adds the next cars by VIN to a run; returns how many were looked at, and the last of them."""
    values = {"month": month, "run": run, "after": after, "moment": moment, "step": step, "bands": list(BANDS)}
    row = (await session.execute(sa.text(_STEP), values)).one()
    return int(row.seen), str(row.last)


async def go_on(session: AsyncSession, month: date, after: str) -> None:
    """Notes how far a month was counted."""
    values = {"month": month, "after": after}
    await session.execute(sa.text("UPDATE exposure_months SET after_vin = :after WHERE month = :month"), values)


async def show(session: AsyncSession, month: date, run: int, moment: datetime) -> None:
    """Shows a run that is whole in place of the one before."""
    values = {"month": month, "run": run, "moment": moment}
    await session.execute(sa.text("DELETE FROM vehicle_exposures WHERE month = :month AND run <> :run"), values)
    shown = "UPDATE exposure_months SET shown_run = :run, run = :run + 1, after_vin = '', count_time = :moment WHERE month = :month"
    await session.execute(sa.text(shown), values)


async def start_anew(session: AsyncSession, months: Sequence[date]) -> None:
    """Lets months that are being counted begin again; what was counted so far is never shown."""
    anew = sa.text("UPDATE exposure_months SET run = run + 1, after_vin = '' WHERE month = ANY(:months)")
    await session.execute(anew, {"months": list(months)})


async def list_exposure(
    reader: Reader, filters: dict[str, Any], page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of counts by month and one more; months that are whole only."""
    conditions = query.Conditions()
    if filters["month_from"]:
        conditions.add("month >= {}", filters["month_from"])
    if filters["month_to"]:
        conditions.add("month <= {}", filters["month_to"])
    for name in ("make", "model", "model_year", "region_code"):
        conditions.equal(name, filters[name])
    order = query.Order("month", "cell", descending=False)
    order.after(conditions, after)
    shown = "vehicle_exposures JOIN (SELECT month, shown_run AS run FROM exposure_months) AS shown USING (month, run)"
    return await query.page(reader, shown, _COLUMNS, conditions, order, page, None)
