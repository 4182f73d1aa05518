"""Between orders of parts and their messages."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from marque.vehicle.v1 import parts_order_pb2, parts_order_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument

from marque_vehicle.models import PartsOrder

_PLAIN = ("number", "warehouse_code", "part_number", "quantity", "state", "cancel_reason")
_LONGEST, _USUAL = timedelta(days=400), timedelta(days=30)
_EARLIEST = date(1, 1, 31)  # thirty days before it there still are days


def values_of(message: parts_order_pb2.PartsOrder) -> dict[str, Any]:
    """Returns the columns of a new order, without the station. Raises InvalidArgument."""
    found = {name: getattr(message, name).strip() for name in ("number", "warehouse_code", "part_number")}
    for name in ("warehouse_code", "part_number"):
        if not found[name]:
            raise InvalidArgument.of(f"parts_order.{name}", "REQUIRED", "This field must not be empty.")
    quantity = message.quantity or "1"
    return {**found, "quantity": quantity, "repair_order_id": fields.uuid_or_none(message.repair_order_id)}


def order_message(row: fields.Row) -> parts_order_pb2.PartsOrder:
    """Returns an order."""
    message = parts_order_pb2.PartsOrder(
        parts_order_id=str(row["parts_order_id"]),
        dealer_id=str(row["dealer_id"]),
        repair_order_id=fields.text(row["repair_order_id"]),
        promise_change_count=row["promise_changes"],
        etag=etag_of(row["version"]),
        **{name: row[name] for name in _PLAIN},
    )
    fields.set_day(message, "promised_date", row["promised_date"])
    for name in ("order_time", "arrive_time", "create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def rendered(order: PartsOrder) -> parts_order_pb2.PartsOrder:
    """Returns an order that was written."""
    return order_message(fields.row_of(order))


def filters(request: parts_order_service_pb2.ListPartsOrdersRequest) -> dict[str, Any]:
    """Returns what a list narrows by."""
    ids = {name: fields.uuid_or_none(getattr(request, name)) for name in ("dealer_id", "repair_order_id")}
    return {**ids, "state": request.state}


def span(request: parts_order_service_pb2.ListPartsFillRatesRequest, today: date) -> tuple[date, date]:
    """Returns the days asked for. Raises InvalidArgument."""
    last = fields.as_day(request, "order_date_to") or today
    first = fields.as_day(request, "order_date_from") or max(last, _EARLIEST) - _USUAL
    if last < first:
        raise InvalidArgument.of("order_date_to", "RANGE_REVERSED", "The last day lies before the first.")
    if last - first > _LONGEST:
        raise InvalidArgument.of("order_date_to", "RANGE_TOO_LONG", "Ask for at most 400 days.")
    return first, last


def rate_message(row: fields.Row) -> parts_order_service_pb2.PartsFillRate:
    """Returns how fast parts came to a station."""
    return parts_order_service_pb2.PartsFillRate(
        dealer_id=str(row["dealer_id"]),
        ordered_count=row["ordered"],
        next_day_count=row["next_day"],
        kept_promise_count=row["kept"],
        promised_count=row["promised"],
    )
