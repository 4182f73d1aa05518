"""SQL of sales."""

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

from marque_vehicle.models import Sale
from marque_vehicle.repository.scope import Scope

COLUMNS = (
    "sale_id, version, create_time, update_time, dealer_id, vin, buyer_customer_id, invoice_number, invoice_date, delivery_date, currency, "
    "price, discount, options, adviser_staff_id, payment_kind, use, odometer_km, source, source_key, state, reversal_reason, reverse_time, "
    "order_id, trade_in, margin, lead_id, quote_number"
)


def driver_of(scope: Scope, vin: str, customers: Sequence[uuid.UUID], dealer: str, customer_column: str) -> Any:
    """Returns what drives a list of documents: the narrowest of VIN, customer, dealer, else the caller's scope."""
    if vin:
        return "vin", [vin], "text"
    if customers or scope.customers:
        return customer_column, customers or scope.customers, "uuid"
    if dealer or scope.dealers:
        return "dealer_id", [uuid.UUID(dealer)] if dealer else scope.dealers, "uuid"
    return None


def only_of(conditions: query.Conditions, customers: Sequence[uuid.UUID], customer_column: str) -> None:
    """Keeps a list to some customers, whatever drives it."""
    if customers:
        conditions.add(f"{customer_column} = ANY({{}})", list(customers))


def narrow(conditions: query.Conditions, scope: Scope, customer_column: str) -> None:
    """Keeps a list inside the caller's scope, whatever drives it."""
    if scope.everything:
        return
    if scope.customers:
        conditions.add(f"{customer_column} = ANY({{}})", list(scope.customers))
    else:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))


async def get_sale(reader: Reader, scope: Scope, sale_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a sale in the caller's sight."""
    conditions = query.Conditions()
    conditions.add("sale_id = {}", sale_id)
    narrow(conditions, scope, "buyer_customer_id")
    return await reader.fetchrow(f"SELECT {COLUMNS} FROM sales WHERE {conditions.sql}", *conditions.arguments)  # noqa: S608


async def list_sales(
    reader: Reader,
    scope: Scope,
    filters: dict[str, Any],
    customers: Sequence[uuid.UUID],
    order: query.Order,
    page: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:
    """Returns a page of sales and one more. `customers`: only sales to these."""
    conditions = query.Conditions()
    narrow(conditions, scope, "buyer_customer_id")
    only_of(conditions, customers, "buyer_customer_id")
    if filters.get("dealer_id"):
        conditions.add("dealer_id = {}", uuid.UUID(filters["dealer_id"]))
    if filters.get("adviser_staff_id"):
        conditions.add("adviser_staff_id = {}", uuid.UUID(filters["adviser_staff_id"]))
    conditions.equal("state", filters.get("state"))
    if filters.get("invoice_date_from"):
        conditions.add("invoice_date >= {}", filters["invoice_date_from"])
    if filters.get("invoice_date_to"):
        conditions.add("invoice_date <= {}", filters["invoice_date_to"])
    order.after(conditions, after)
    driver = driver_of(scope, filters.get("vin", ""), customers, filters.get("dealer_id", ""), "buyer_customer_id")
    return await query.page(reader, "sales", COLUMNS, conditions, order, page, driver)


async def lock_sale(session: AsyncSession, scope: Scope, sale_id: uuid.UUID) -> Sale | None:
    """Returns a sale in the caller's sight for change."""
    found = sa.select(Sale).where(Sale.sale_id == sale_id)
    if not scope.everything:
        found = found.where(Sale.dealer_id.in_(scope.dealers))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def vin_of(reader: Reader, scope: Scope, sale_id: uuid.UUID) -> str | None:
    """Returns the car of a sale in the caller's sight: its lock is taken before the sale's."""
    row = await get_sale(reader, scope, sale_id)
    return None if row is None else str(row["vin"])
