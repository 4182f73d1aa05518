"""Between orders for cars and their messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from marque.vehicle.v1 import car_order_pb2, car_order_service_pb2, channel_day_pb2, plant_message_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.db.query import json_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_vehicle.mapping import sums
from marque_vehicle.models import CarOrder

WRITABLE = ("customer_id", "trim_code", "option_codes", "lead_id", "quote_number")
_PLAIN = (
    "order_code", "model_code", "trim_code", "market", "stage", "state", "vin", "plant", "station", "late", "quote_number",
    "tracking_code", "cancel_reason",
)  # fmt: skip
_IDS = ("order_id", "dealer_id", "customer_id", "lead_id", "sale_id")
_TRACKED = ("order_code", "model_code", "stage", "state", "station", "late")
_COUNTS = ("source", "stock_count", "stock_age_days", "stock_over_90_count", "parts_count")


def creation(message: car_order_pb2.CarOrder) -> dict[str, Any]:
    """Returns the columns of a new order, without dealer and customer."""
    return {
        **{name: getattr(message, name) for name in ("order_code", "model_code", "trim_code", "market")},
        "option_codes": sorted(message.option_codes),
        "lead_id": fields.uuid_or_none(message.lead_id),
        "quote_number": message.quote_number.strip(),
    }


def update(message: car_order_pb2.CarOrder, mask: Any) -> dict[str, Any]:
    """Returns the columns that an update changes; the customer as a text. Raises InvalidArgument."""
    found: dict[str, Any] = {}
    for path in fields.masked_paths(message, mask, WRITABLE, "order_id", "car_order"):
        value = getattr(message, path)
        if path == "lead_id":
            found[path] = fields.uuid_or_none(value)
        else:
            found[path] = value.strip() if isinstance(value, str) else sorted(value)
    if found.get("trim_code") == "":
        raise InvalidArgument.of("car_order.trim_code", "REQUIRED", "This field must not be empty.")
    return found


def order_message(row: fields.Row) -> car_order_pb2.CarOrder:
    """Returns an order as it is, nothing withheld."""
    ids: dict[str, Any] = {name: fields.text(row[name]) for name in _IDS}
    message = car_order_pb2.CarOrder(
        **{name: row[name] for name in _PLAIN},
        **ids,
        option_codes=list(row["option_codes"]),
        etag=etag_of(row["version"]),
    )
    _set_story(message, row)
    fields.set_day(message, "order_date", row["order_date"])
    sums.set_money(message, "list_price", row["currency"], row["list_price"])
    for name in ("stage_time", "create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def _set_story(message: Any, row: fields.Row) -> None:
    fields.set_day(message, "promised_date", row["promised_date"])
    for one in json_of(row["promises"]):
        promise = message.promises.add()
        fields.set_day(promise, "promised_date", date.fromisoformat(one["date"]))
        fields.set_moment(promise, "promise_time", datetime.fromisoformat(one["time"]))
    for one in json_of(row["reached"]):
        reached = message.reached.add(stage=one["stage"])
        fields.set_moment(reached, "reach_time", datetime.fromisoformat(one["time"]))


def order_for(call: Call) -> Callable[[fields.Row], car_order_pb2.CarOrder]:
    """Returns the rendering of an order for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> car_order_pb2.CarOrder:
        message = order_message(row)
        shown: car_order_pb2.CarOrder = show(call, message, "car_order", message.order_id, visible)
        return shown

    return render


def rendered(call: Call) -> Callable[[CarOrder], car_order_pb2.CarOrder]:
    """Returns the rendering of an order that was written."""
    render = order_for(call)
    return lambda order: render(fields.row_of(order))


def track(row: fields.Row) -> car_order_service_pb2.TrackCarOrderResponse:
    """Returns what whoever has the tracking code sees."""
    message = car_order_service_pb2.TrackCarOrderResponse(**{name: row[name] for name in _TRACKED})
    _set_story(message, row)
    return message


def plant_message(row: fields.Row) -> plant_message_pb2.PlantMessage:
    """Returns what was said of an order."""
    names = ("message_id", "order_code", "stage", "vin", "plant", "station", "state", "park_reason")
    message = plant_message_pb2.PlantMessage(**{name: row[name] for name in names})
    fields.set_day(message, "promised_date", row["promised_date"])
    for name in ("reach_time", "receive_time"):
        fields.set_moment(message, name, row[name])
    return message


def channel_day_for(call: Call) -> Callable[[fields.Row], channel_day_pb2.ChannelDay]:
    """Returns the rendering of a day of the channel feed for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> channel_day_pb2.ChannelDay:
        message = channel_day_pb2.ChannelDay(dealer_id=str(row["dealer_id"]), **{name: row[name] for name in _COUNTS})
        fields.set_day(message, "date", row["day"])
        for name in ("parts_value", "receipts", "receivables"):
            sums.set_money(message, name, row["currency"], row[name])
        fields.set_moment(message, "update_time", row["update_time"])
        shown: channel_day_pb2.ChannelDay = show(call, message, "channel_day", message.dealer_id, visible)
        return shown

    return render
