"""SQL of orders for cars."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import CarOrder, CarOrderLate
from marque_vehicle.repository.sales import driver_of, narrow, only_of
from marque_vehicle.repository.scope import Scope

COLUMNS = (
    "order_id, version, create_time, update_time, order_code, dealer_id, customer_id, model_code, trim_code, option_codes, market, "
    "order_date, currency, list_price, stage, state, stage_time, vin, plant, station, promised_date, promises, reached, late, lead_id, "
    "quote_number, tracking_code, cancel_reason, sale_id"
)
# Who writes orders, or what the plant says of them, does so one after another: an order that comes and a message that waits for it never
# miss each other, and no two orders take one car. Taken before any other lock.
_LOCK = 0x4F52


async def hold(session: AsyncSession) -> None:
    """Waits for other writers of orders, till the end of their transactions."""
    await session.execute(sa.text("SELECT pg_advisory_xact_lock(:space)"), {"space": _LOCK})


async def get_order(reader: Reader, scope: Scope, order_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns an order in the caller's sight."""
    conditions = query.Conditions()
    conditions.add("order_id = {}", order_id)
    narrow(conditions, scope, "customer_id")
    return await reader.fetchrow(f"SELECT {COLUMNS} FROM car_orders WHERE {conditions.sql}", *conditions.arguments)  # noqa: S608


async def by_code(reader: Reader, order_code: str) -> asyncpg.Record | None:
    """Returns an order by its code, whoever asks."""
    return await reader.fetchrow(f"SELECT {COLUMNS} FROM car_orders WHERE order_code = $1", order_code)  # noqa: S608


async def list_orders(
    reader: Reader,
    scope: Scope,
    filters: dict[str, Any],
    customers: Sequence[uuid.UUID],
    order: query.Order,
    page: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:
    """Returns a page of orders and one more. `customers`: only those for these."""
    conditions = query.Conditions()
    narrow(conditions, scope, "customer_id")
    only_of(conditions, customers, "customer_id")
    if filters["dealer_id"]:
        conditions.add("dealer_id = {}", uuid.UUID(filters["dealer_id"]))
    conditions.equal("state", filters["state"])
    conditions.equal("stage", filters["stage"])
    if filters["late_only"]:
        conditions.parts.append("late AND state = 1")  # as words, so that the index of the late ones serves
    order.after(conditions, after)
    driver = driver_of(scope, filters["vin"], customers, filters["dealer_id"], "customer_id")
    if filters["order_code"]:
        conditions.equal("vin", filters["vin"])
        driver = "order_code", [filters["order_code"]], "text"
    return await query.page(reader, "car_orders", COLUMNS, conditions, order, page, driver)


async def lock_order(session: AsyncSession, scope: Scope, order_id: uuid.UUID) -> CarOrder | None:
    """Returns an order in the caller's sight for change."""
    found = sa.select(CarOrder).where(CarOrder.order_id == order_id)
    if not scope.everything:
        found = found.where(CarOrder.dealer_id.in_(scope.dealers))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def lock_by_code(session: AsyncSession, codes: Iterable[str]) -> dict[str, CarOrder]:
    """Returns orders by their codes for change."""
    found = sa.select(CarOrder).where(CarOrder.order_code.in_(sorted(set(codes)))).order_by(CarOrder.order_id)
    return {one.order_code: one for one in await session.scalars(found.with_for_update())}


async def holders(session: AsyncSession, vins: Iterable[str]) -> dict[str, str]:
    """Returns, for the cars that an order has which was not called off, the order's code."""
    found = sa.select(CarOrder.vin, CarOrder.order_code).where(
        CarOrder.vin.in_(sorted({vin for vin in vins if vin})), CarOrder.state != CarOrder.CANCELLED
    )
    return {row.vin: row.order_code for row in await session.execute(found)}


async def give_up(session: AsyncSession, orders: Iterable[uuid.UUID]) -> None:
    """Takes the cars from orders that will be given others in this transaction, or none."""
    wanted = CarOrder.order_id.in_(list(orders)), CarOrder.vin != "", CarOrder.state != CarOrder.CANCELLED
    await session.execute(
        sa.update(CarOrder).where(*wanted).values(vin="").execution_options(synchronize_session=False)
    )


async def zones(session: AsyncSession, dealers: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Returns the zones of dealers."""
    rows = await session.execute(
        sa.text("SELECT dealer_id, time_zone FROM known_dealers WHERE dealer_id = ANY(:dealers)"),
        {"dealers": sorted(set(dealers))},
    )
    return {row.dealer_id: row.time_zone for row in rows}


async def told_late(session: AsyncSession, orders: Iterable[uuid.UUID]) -> set[tuple[uuid.UUID, date]]:
    """Returns the promises of some orders that were told to be broken."""
    found = sa.select(CarOrderLate).where(CarOrderLate.order_id.in_(list(orders)))
    return {(one.order_id, one.promised_date) for one in await session.scalars(found)}


async def tell_late(session: AsyncSession, order_id: uuid.UUID, promised: date, moment: datetime) -> bool:
    """Notes that a promise is told to be broken; False where it was before."""
    values = {"order_id": order_id, "promised_date": promised, "tell_time": moment}
    row = insert(CarOrderLate).values(**values).on_conflict_do_nothing().returning(CarOrderLate.order_id)
    return await session.scalar(row) is not None
