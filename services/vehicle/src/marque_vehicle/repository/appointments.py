"""SQL of appointments."""

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

from marque_vehicle.models import Appointment, RepairOrder
from marque_vehicle.repository.sales import driver_of, narrow, only_of
from marque_vehicle.repository.scope import Scope

COLUMNS = (
    "appointment_id, version, create_time, update_time, dealer_id, vin, customer_id, kind, state, start_time, end_time, bay_id, "
    "adviser_id, adviser_staff_id, loan_car, loan_car_id, wish, calendar_department, calendar_version, remind_time, moves, arrive_time, "
    "repair_order_id, cancel_reason"
)


async def get_appointment(reader: Reader, scope: Scope, appointment_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns an appointment in the caller's sight."""
    conditions = query.Conditions()
    conditions.add("appointment_id = {}", appointment_id)
    narrow(conditions, scope, "customer_id")
    return await reader.fetchrow(f"SELECT {COLUMNS} FROM appointments WHERE {conditions.sql}", *conditions.arguments)  # noqa: S608


async def list_appointments(
    reader: Reader,
    scope: Scope,
    filters: dict[str, Any],
    customers: Sequence[uuid.UUID],
    order: query.Order,
    page: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:
    """Returns a page of appointments and one more. `customers`: only those of these."""
    conditions = query.Conditions()
    narrow(conditions, scope, "customer_id")
    only_of(conditions, customers, "customer_id")
    if filters["dealer_id"]:
        conditions.add("dealer_id = {}", uuid.UUID(filters["dealer_id"]))
    conditions.equal("state", filters["state"])
    if filters["start_time_from"]:
        conditions.add("start_time >= {}", filters["start_time_from"])
    if filters["start_time_to"]:
        conditions.add("start_time < {}", filters["start_time_to"])
    order.after(conditions, after)
    driver = driver_of(scope, filters["vin"], customers, filters["dealer_id"], "customer_id")
    return await query.page(reader, "appointments", COLUMNS, conditions, order, page, driver)


async def lock_appointment(session: AsyncSession, scope: Scope, appointment_id: uuid.UUID) -> Appointment | None:
    """Returns an appointment in the caller's sight for change: a station's own, or a person's own."""
    found = sa.select(Appointment).where(Appointment.appointment_id == appointment_id)
    if not scope.everything:
        found = found.where(Appointment.dealer_id.in_(scope.dealers) | Appointment.customer_id.in_(scope.customers))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def is_visit_of(session: AsyncSession, made: Appointment, repair_order_id: uuid.UUID) -> bool:
    """Tells whether a repair order is one of the appointment's car at its station."""
    found = sa.select(RepairOrder.repair_order_id).where(
        RepairOrder.repair_order_id == repair_order_id,
        RepairOrder.vin == made.vin,
        RepairOrder.dealer_id == made.dealer_id,
    )
    return await session.scalar(found) is not None
