"""Every aggregate in the order of its key, for read models that are rebuilt."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import (
    Appointment,
    CarOrder,
    Ownership,
    PartsOrder,
    RepairOrder,
    RoadsideCase,
    Sale,
    Vehicle,
    WarrantyClaim,
)


async def next_vehicles(session: AsyncSession, after: str, limit: int) -> Sequence[Vehicle]:
    """Cars by VIN."""
    return (
        await session.scalars(sa.select(Vehicle).where(Vehicle.vin > after).order_by(Vehicle.vin).limit(limit))
    ).all()


async def next_sales(session: AsyncSession, after: str, limit: int) -> Sequence[Sale]:
    """Sales by id."""
    return await _by_id(session, Sale, Sale.sale_id, after, limit)


async def next_repair_orders(session: AsyncSession, after: str, limit: int) -> Sequence[RepairOrder]:
    """Repair orders by id."""
    return await _by_id(session, RepairOrder, RepairOrder.repair_order_id, after, limit)


async def next_appointments(session: AsyncSession, after: str, limit: int) -> Sequence[Appointment]:
    """Appointments by id."""
    return await _by_id(session, Appointment, Appointment.appointment_id, after, limit)


async def next_car_orders(session: AsyncSession, after: str, limit: int) -> Sequence[CarOrder]:
    """Orders for cars by id."""
    return await _by_id(session, CarOrder, CarOrder.order_id, after, limit)


async def next_claims(session: AsyncSession, after: str, limit: int) -> Sequence[WarrantyClaim]:
    """Claims under warranty by id."""
    return await _by_id(session, WarrantyClaim, WarrantyClaim.claim_id, after, limit)


async def next_parts_orders(session: AsyncSession, after: str, limit: int) -> Sequence[PartsOrder]:
    """Orders of parts by id."""
    return await _by_id(session, PartsOrder, PartsOrder.parts_order_id, after, limit)


async def next_roadside_cases(session: AsyncSession, after: str, limit: int) -> Sequence[RoadsideCase]:
    """Cases on the road by id."""
    return await _by_id(session, RoadsideCase, RoadsideCase.case_id, after, limit)


async def next_ownerships(session: AsyncSession, after: str, limit: int) -> Sequence[Ownership]:
    """Ownerships by id, each as it was last known."""
    latest = sa.select(Ownership).distinct(Ownership.ownership_id).limit(limit)
    latest = latest.order_by(Ownership.ownership_id, Ownership.version.desc())
    if after:
        latest = latest.where(Ownership.ownership_id > uuid.UUID(after))
    return (await session.scalars(latest)).all()


async def _by_id(session: AsyncSession, model: Any, column: Any, after: str, limit: int) -> Sequence[Any]:
    found = sa.select(model).order_by(column).limit(limit)
    return (await session.scalars(found.where(column > uuid.UUID(after)) if after else found)).all()
