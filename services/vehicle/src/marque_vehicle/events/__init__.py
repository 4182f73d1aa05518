"""The events of the vehicle service, made from rows: ids and facts, never names, prices or free text."""

from marque_vehicle.events.records import (
    ownership_ended,
    ownership_snapshot,
    ownership_started,
    repair_order_closed,
    repair_order_opened,
    repair_order_snapshot,
    sale_recorded,
    sale_reversed,
    sale_snapshot,
    stage_changed,
    vehicle_registered,
    vehicle_snapshot,
    vehicle_updated,
)

__all__ = [
    "ownership_ended",
    "ownership_snapshot",
    "ownership_started",
    "repair_order_closed",
    "repair_order_opened",
    "repair_order_snapshot",
    "sale_recorded",
    "sale_reversed",
    "sale_snapshot",
    "stage_changed",
    "vehicle_registered",
    "vehicle_snapshot",
    "vehicle_updated",
]
