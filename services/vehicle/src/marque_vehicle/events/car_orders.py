"""The events of orders for cars, made from rows."""

from __future__ import annotations

from typing import Any

from marque.vehicle.v1 import car_order_events_pb2 as told

from marque_vehicle.events.parts import day, moment, text
from marque_vehicle.models import CarOrder


def _who(row: CarOrder) -> dict[str, Any]:
    return {
        "order_id": str(row.order_id),
        "order_code": row.order_code,
        "dealer_id": str(row.dealer_id),
        "customer_id": text(row.customer_id),
    }


def _where(row: CarOrder) -> dict[str, Any]:
    return {
        "stage": row.stage,
        "state": row.state,
        "reach_time": moment(row.stage_time),
        "promised_date": day(row.promised_date),
        "vin": row.vin,
        "late": row.late,
    }


def order_stage_changed(row: CarOrder) -> told.OrderStageChanged:
    """Tells where an order stands now."""
    return told.OrderStageChanged(**_who(row), **_where(row))


def order_late(row: CarOrder) -> told.OrderLate:
    """Tells that a promise was broken."""
    return told.OrderLate(**_who(row), promised_date=day(row.promised_date), stage=row.stage)  # type: ignore[arg-type]


def order_snapshot(row: CarOrder) -> told.CarOrderSnapshot:
    """Says an order again."""
    return told.CarOrderSnapshot(**_who(row), aggregate_version=row.version, **_where(row))
