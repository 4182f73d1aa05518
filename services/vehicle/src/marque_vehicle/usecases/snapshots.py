"""The state of every aggregate as snapshot events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from google.protobuf.message import Message
from servicekit.snapshots import SnapshotReader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle import events
from marque_vehicle.events import claims, roadside
from marque_vehicle.events.appointments import appointment_snapshot
from marque_vehicle.events.car_orders import order_snapshot
from marque_vehicle.repository import snapshots

_Rows = Callable[[AsyncSession, str, int], Awaitable[Sequence[Any]]]


def _reader(rows: _Rows, key: str, event: Callable[[Any], Message]) -> SnapshotReader:
    async def read(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
        return [(str(getattr(row, key)), event(row)) for row in await rows(session, after, limit)]

    return read


READERS: dict[str, SnapshotReader] = {
    "vehicle": _reader(snapshots.next_vehicles, "vin", events.vehicle_snapshot),
    "sale": _reader(snapshots.next_sales, "sale_id", events.sale_snapshot),
    "ownership": _reader(snapshots.next_ownerships, "ownership_id", events.ownership_snapshot),
    "appointment": _reader(snapshots.next_appointments, "appointment_id", appointment_snapshot),
    "car_order": _reader(snapshots.next_car_orders, "order_id", order_snapshot),
    "warranty_claim": _reader(snapshots.next_claims, "claim_id", claims.claim_snapshot),
    "parts_order": _reader(snapshots.next_parts_orders, "parts_order_id", claims.parts_snapshot),
    "roadside_case": _reader(snapshots.next_roadside_cases, "case_id", roadside.snapshot),
    "repair_order": _reader(snapshots.next_repair_orders, "repair_order_id", events.repair_order_snapshot),
}
