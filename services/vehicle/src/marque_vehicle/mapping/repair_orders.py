"""Between repair orders and their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import repair_line_pb2, repair_order_pb2, repair_order_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.db.query import json_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_vehicle.mapping import sums
from marque_vehicle.models import RepairOrder
from marque_vehicle.rules import lines as line_rules

_PLAIN = (
    "number", "vin", "state", "stage", "odometer_in_km", "odometer_out_km", "odometer_replaced", "fault_description", "damage_description",
    "owner_confirmed", "comeback", "wrong_order", "source", "source_key",
)  # fmt: skip
_IDS = ("repair_order_id", "dealer_id", "customer_id", "adviser_staff_id", "comeback_of_repair_order_id")
_TIMES = ("open_time", "promised_time", "close_time", "create_time", "update_time")
_LINE = (
    "line_number",
    "complaint",
    "complaint_code",
    "cause",
    "correction",
    "component_code",
    "technician_staff_id",
    "pay_type",
    "safety_relevant",
    "replaced_unit",
    "early_defect",
)
_LABOUR = ("operation_code", "description", "minutes")
_PART = ("part_number", "description", "quantity", "serial_number", "causal", "supplier_batch")
WRITABLE = (
    "promised_time", "customer_id", "adviser_staff_id", "odometer_in_km", "odometer_replaced", "fault_description", "damage_description",
    "owner_confirmed", "comeback", "comeback_of_repair_order_id", "wrong_order", "lines",
)  # fmt: skip


def lines_of(
    messages: Iterable[repair_line_pb2.RepairLine], currency: sums.Currency, path: str
) -> list[dict[str, Any]]:
    """Returns lines as the table keeps them, numbered. Raises InvalidArgument, CurrencyMixed."""
    try:
        return line_rules.numbered(_line(one, currency, f"{path}[{index}]") for index, one in enumerate(messages))
    except ValueError:
        raise InvalidArgument.of(path, "LINE_NUMBER_TWICE", "Two lines have the same number.") from None


def _line(message: repair_line_pb2.RepairLine, currency: sums.Currency, path: str) -> dict[str, Any]:
    found = _kept(message, _LINE)
    if message.fault_codes:
        found["fault_codes"] = list(message.fault_codes)
    for name, kept in (("labours", _LABOUR), ("parts", _PART)):
        items = [
            {**_kept(item, kept), **_amount(item, currency, f"{path}.{name}[{index}].amount")}
            for index, item in enumerate(getattr(message, name))
        ]
        if items:
            found[name] = items
    return found


def _kept(message: Message, names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(message, name))}


def _amount(item: Any, currency: sums.Currency, path: str) -> dict[str, int]:
    return {"amount": currency.take(item.amount, path)} if item.HasField("amount") else {}


def line_message(line: dict[str, Any], currency: str) -> repair_line_pb2.RepairLine:
    """Returns a line of the table as a message."""
    message = repair_line_pb2.RepairLine(
        **{name: line[name] for name in _LINE if name in line}, fault_codes=line.get("fault_codes", ())
    )
    for name, kept in (("labours", _LABOUR), ("parts", _PART)):
        for item in line.get(name, ()):
            made = getattr(message, name).add(**{field: item[field] for field in kept if field in item})
            sums.set_money(made, "amount", currency, item.get("amount"))
    return message


def repair_order_message(row: fields.Row) -> repair_order_pb2.RepairOrder:
    """Returns a repair order as it is, nothing withheld."""
    currency = row["currency"]
    message = repair_order_pb2.RepairOrder(
        **{name: row[name] for name in _PLAIN},
        **{name: fields.text(row[name]) for name in _IDS},  # type: ignore[arg-type]
        etag=etag_of(row["version"]),
        lines=[line_message(line, currency) for line in json_of(row["lines"])],
    )
    for name in _TIMES:
        fields.set_moment(message, name, row[name])
    for entry in json_of(row["stage_history"]):
        _add_stage(message, entry)
    for total in json_of(row["totals"]):
        made = message.totals.add(pay_type=total["pay_type"])
        sums.set_money(made, "labour", currency, total["labour"])
        sums.set_money(made, "parts", currency, total["parts"])
        sums.set_money(made, "total", currency, total["labour"] + total["parts"])
    return message


def stage_entry(
    stage: int, reached: datetime, promised: datetime | None, *, told_owner: bool = False
) -> dict[str, Any]:
    """Returns a stage as the table keeps it."""
    return {
        "stage": stage,
        "reach_time": reached.isoformat(),
        "promised_time": promised.isoformat() if promised else None,
        "told_owner": told_owner,
    }


def _add_stage(message: repair_order_pb2.RepairOrder, entry: dict[str, Any]) -> None:
    made = message.stage_history.add(stage=entry["stage"], told_owner=entry["told_owner"])
    made.reach_time.FromDatetime(datetime.fromisoformat(entry["reach_time"]))
    if entry["promised_time"]:
        made.promised_time.FromDatetime(datetime.fromisoformat(entry["promised_time"]))


def repair_order_for(call: Call) -> Callable[[fields.Row], repair_order_pb2.RepairOrder]:
    """Returns the rendering of a repair order for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> repair_order_pb2.RepairOrder:
        message = repair_order_message(row)
        shown: repair_order_pb2.RepairOrder = show(call, message, "repair_order", message.repair_order_id, visible)
        return shown

    return render


def rendered(call: Call) -> Callable[[RepairOrder], repair_order_pb2.RepairOrder]:
    """Returns the rendering of a repair order that was written."""
    render = repair_order_for(call)
    return lambda order: render(fields.row_of(order))


def opening(message: repair_order_pb2.RepairOrder) -> dict[str, Any]:
    """Returns the columns of a new order, without dealer, car and customer. Raises InvalidArgument, CurrencyMixed."""
    currency = sums.Currency()
    lines = lines_of(message.lines, currency, "repair_order.lines")
    plain = (
        "odometer_in_km",
        "odometer_replaced",
        "fault_description",
        "damage_description",
        "owner_confirmed",
        "comeback",
        "wrong_order",
    )
    return {
        **{name: getattr(message, name) for name in (*plain, "source", "source_key")},
        "number": message.number.strip(),
        "open_time": fields.as_moment(message, "open_time", "repair_order.open_time"),
        "promised_time": fields.as_moment(message, "promised_time", "repair_order.promised_time"),
        "adviser_staff_id": fields.uuid_or_none(message.adviser_staff_id),
        "comeback_of_repair_order_id": fields.uuid_or_none(message.comeback_of_repair_order_id),
        "lines": lines,
        "currency": currency.code,
    }


def update(message: repair_order_pb2.RepairOrder, mask: Any) -> dict[str, Any]:
    """Returns the columns that an update changes; `lines` come with `currency`. Raises InvalidArgument, CurrencyMixed."""
    paths = fields.masked_paths(message, mask, WRITABLE, "repair_order_id", "repair_order")
    found: dict[str, Any] = {}
    for path in paths:
        if path == "promised_time":
            found[path] = fields.as_moment(message, path, f"repair_order.{path}")
        elif path.endswith("_id"):
            found[path] = fields.uuid_or_none(getattr(message, path))
        elif path == "lines":
            currency = sums.Currency()
            found["lines"] = lines_of(message.lines, currency, "repair_order.lines")
            found["currency"] = currency.code
        else:
            found[path] = getattr(message, path)
    return found


def filters(request: repair_order_service_pb2.ListRepairOrdersRequest) -> dict[str, Any]:
    """Returns what a list request narrows by, car and customer apart. Raises InvalidArgument."""
    return {
        **{name: getattr(request, name) for name in ("dealer_id", "adviser_staff_id", "state", "stage", "number")},
        "open_time_from": fields.as_moment(request, "open_time_from"),
        "open_time_to": fields.as_moment(request, "open_time_to"),
    }
