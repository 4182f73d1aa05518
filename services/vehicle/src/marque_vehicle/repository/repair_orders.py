"""SQL of repair orders."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import RepairOrder
from marque_vehicle.repository.sales import driver_of, narrow, only_of
from marque_vehicle.repository.scope import Scope

COLUMNS = (
    "repair_order_id, version, create_time, update_time, dealer_id, number, vin, customer_id, state, stage, stage_history, open_time, "
    "promised_time, close_time, adviser_staff_id, odometer_in_km, odometer_out_km, odometer_replaced, fault_description, "
    "damage_description, owner_confirmed, comeback, wrong_order, comeback_of_repair_order_id, currency, lines, totals, source, source_key"
)


async def get_repair_order(reader: Reader, scope: Scope, repair_order_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a repair order in the caller's sight."""
    conditions = query.Conditions()
    conditions.add("repair_order_id = {}", repair_order_id)
    narrow(conditions, scope, "customer_id")
    return await reader.fetchrow(f"SELECT {COLUMNS} FROM repair_orders WHERE {conditions.sql}", *conditions.arguments)  # noqa: S608


async def list_repair_orders(
    reader: Reader,
    scope: Scope,
    filters: dict[str, Any],
    customers: Sequence[uuid.UUID],
    order: query.Order,
    page: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:
    """Returns a page of repair orders and one more. `customers`: only those that these brought."""
    conditions = query.Conditions()
    narrow(conditions, scope, "customer_id")
    only_of(conditions, customers, "customer_id")
    for name in ("dealer_id", "adviser_staff_id"):
        if filters.get(name):
            conditions.add(f"{name} = {{}}", uuid.UUID(filters[name]))
    for name in ("state", "stage", "number"):
        conditions.equal(name, filters.get(name))
    if filters.get("open_time_from"):
        conditions.add("open_time >= {}", filters["open_time_from"])
    if filters.get("open_time_to"):
        conditions.add("open_time < {}", filters["open_time_to"])
    order.after(conditions, after)
    driver = driver_of(scope, filters.get("vin", ""), customers, filters.get("dealer_id", ""), "customer_id")
    return await query.page(reader, "repair_orders", COLUMNS, conditions, order, page, driver)


async def lock_repair_order(session: AsyncSession, scope: Scope, repair_order_id: uuid.UUID) -> RepairOrder | None:
    """Returns a repair order in the caller's sight for change."""
    found = sa.select(RepairOrder).where(RepairOrder.repair_order_id == repair_order_id)
    if not scope.everything:
        found = found.where(RepairOrder.dealer_id.in_(scope.dealers))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def read_now(session: AsyncSession, repair_order_id: uuid.UUID) -> RepairOrder:
    """Returns a repair order that is there."""
    return (await session.scalars(sa.select(RepairOrder).where(RepairOrder.repair_order_id == repair_order_id))).one()


async def lock_open_of_adviser(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> Sequence[RepairOrder]:
    """Returns open orders of an adviser for change, at most `limit`, in one order."""
    found = sa.select(RepairOrder).where(
        RepairOrder.adviser_staff_id == staff_id, RepairOrder.state == RepairOrder.OPEN
    )
    return (await session.scalars(found.order_by(RepairOrder.repair_order_id).limit(limit).with_for_update())).all()


async def next_number(session: AsyncSession) -> str:
    """Returns a number for an order that comes without one."""
    return f"RO-{await session.scalar(sa.text('SELECT nextval(:name)'), {'name': 'repair_order_numbers'})}"
