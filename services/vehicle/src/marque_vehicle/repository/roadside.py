"""SQL of help on the road."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import RepairOrder, RoadsideCase
from marque_vehicle.repository.sales import driver_of, narrow
from marque_vehicle.repository.scope import Scope

COLUMNS = (
    "case_id, version, create_time, update_time, vin, customer_id, phone, latitude, longitude, place, problem, note, state, dealer_id, "
    "distance_metres, request_time, dispatch_time, arrive_time, finish_time, outcome, cancel_reason, repair_order_id"
)


async def get_case(reader: Reader, scope: Scope, case_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a case in the caller's sight."""
    conditions = query.Conditions()
    conditions.add("case_id = {}", case_id)
    narrow(conditions, scope, "customer_id")
    sql = f"SELECT {COLUMNS} FROM roadside_cases WHERE {conditions.sql}"  # noqa: S608 - our own words
    return await reader.fetchrow(sql, *conditions.arguments)


async def list_cases(
    reader: Reader, scope: Scope, filters: dict[str, Any], order: query.Order, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of cases and one more."""
    conditions = query.Conditions()
    narrow(conditions, scope, "customer_id")
    if filters["dealer_id"]:
        conditions.add("dealer_id = {}", uuid.UUID(filters["dealer_id"]))
    conditions.equal("state", filters["state"])
    order.after(conditions, after)
    driver = driver_of(scope, filters["vin"], (), filters["dealer_id"], "customer_id")
    return await query.page(reader, "roadside_cases", COLUMNS, conditions, order, page, driver)


async def lock_case(session: AsyncSession, scope: Scope, case_id: uuid.UUID) -> RoadsideCase | None:
    """Returns a case in the caller's sight for change: the dealer's who helps, or the person's own."""
    found = sa.select(RoadsideCase).where(RoadsideCase.case_id == case_id)
    if not scope.everything:
        found = found.where(RoadsideCase.dealer_id.in_(scope.dealers) | RoadsideCase.customer_id.in_(scope.customers))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def is_visit_of(session: AsyncSession, case: RoadsideCase, repair_order_id: uuid.UUID) -> bool:
    """Tells whether a repair order is one of the case's car at the dealer who helps."""
    found = sa.select(RepairOrder.repair_order_id).where(
        RepairOrder.repair_order_id == repair_order_id,
        RepairOrder.vin == case.vin,
        RepairOrder.dealer_id == case.dealer_id,
    )
    return await session.scalar(found) is not None
