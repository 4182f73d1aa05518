"""The state of every aggregate as snapshot events, for read models that are rebuilt."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from servicekit.snapshots import SnapshotReader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle import events
from marque_vehicle.models import Ownership, RepairOrder, Sale, Vehicle


async def vehicles(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    """Cars by VIN."""
    rows = await session.scalars(sa.select(Vehicle).where(Vehicle.vin > after).order_by(Vehicle.vin).limit(limit))
    return [(row.vin, events.vehicle_snapshot(row)) for row in rows]


async def sales(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    """Sales by id."""
    return [
        (str(row.sale_id), events.sale_snapshot(row)) for row in await _by_id(session, Sale, Sale.sale_id, after, limit)
    ]


async def repair_orders(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    """Repair orders by id."""
    rows = await _by_id(session, RepairOrder, RepairOrder.repair_order_id, after, limit)
    return [(str(row.repair_order_id), events.repair_order_snapshot(row)) for row in rows]


async def ownerships(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    """Ownerships by id, each as it was last known."""
    latest = sa.select(Ownership).distinct(Ownership.ownership_id).limit(limit)
    latest = latest.order_by(Ownership.ownership_id, Ownership.version.desc())
    if after:
        latest = latest.where(Ownership.ownership_id > uuid.UUID(after))
    return [(str(row.ownership_id), events.ownership_snapshot(row)) for row in await session.scalars(latest)]


async def _by_id(session: AsyncSession, model: Any, column: Any, after: str, limit: int) -> Any:
    found = sa.select(model).order_by(column).limit(limit)
    return await session.scalars(found.where(column > uuid.UUID(after)) if after else found)


READERS: dict[str, SnapshotReader] = {
    "vehicle": vehicles,
    "sale": sales,
    "ownership": ownerships,
    "repair_order": repair_orders,
}
