"""Between what vehicle tells of sales, visits and cars, and what is kept of it."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any

from marque.vehicle.v1 import repair_order_types_pb2, sale_pb2
from servicekit.messaging.envelope import Event

SALE, VISIT = 1, 2
_V = "marque.vehicle.v1."
_SALES = frozenset({f"{_V}SaleRecorded", f"{_V}SaleReversed", f"{_V}SaleSnapshot"})
_VISITS = frozenset({f"{_V}RepairOrderClosed", f"{_V}RepairOrderReversed", f"{_V}RepairOrderSnapshot"})
TYPES = sorted(_SALES | _VISITS)
CAR_TYPES = [f"{_V}VehicleRegistered", f"{_V}VehicleSnapshot"]


def row_of(event: Event) -> dict[str, Any] | None:
    """Returns the columns of a sale or visit; None for a visit that has not ended. A reversal tells no month."""
    data: Any = event.data
    sale = event.type in _SALES
    taken_back = event.type.endswith("Reversed")
    if not sale and not taken_back and not data.HasField("close_time"):
        return None
    row = {"deed_id": event.key, "kind": SALE if sale else VISIT, "vin": data.vin, "dealer_id": data.dealer_id or None}
    return {**row, "month": None if taken_back else _month(data, sale), "voided": taken_back or _is_void(event, data)}


def _month(data: Any, sale: bool) -> date:
    if sale:
        return date(data.invoice_date.year, data.invoice_date.month, 1)
    found: date = data.close_time.ToDatetime(UTC).date()
    return found.replace(day=1)


def _is_void(event: Event, data: Any) -> bool:
    if event.type.endswith("SaleSnapshot"):
        return bool(data.state == sale_pb2.SALE_STATE_REVERSED)
    if event.type.endswith("RepairOrderSnapshot"):
        return bool(data.state == repair_order_types_pb2.REPAIR_ORDER_STATE_REVERSED)
    return False


def car_of(event: Event) -> dict[str, Any]:
    """Returns the columns of a car."""
    data: Any = event.data
    return {"vin": data.vin, "make": data.make, "model": data.model, "model_year": data.model_year}
