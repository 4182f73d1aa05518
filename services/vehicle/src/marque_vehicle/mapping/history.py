"""Between a car's life file and its message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from marque.vehicle.v1 import vehicle_history_pb2
from servicekit import fields
from servicekit.db.query import json_of
from servicekit.masking import mask
from servicekit.paging import Page
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call


def history_page(rows: Sequence[Any], page: Page, call: Call) -> vehicle_history_pb2.GetVehicleHistoryResponse:
    """Returns a page of the life file, without its car."""
    shown, token = page.cut(rows, lambda row: (row["occur_time"], row["kind"], row["ref"]))
    visible = visible_classes(call.principal.roles)
    answer = vehicle_history_pb2.GetVehicleHistoryResponse(next_page_token=token)
    for row in shown:
        entry = answer.entries.add(dealer_id=fields.text(row["dealer_id"]), odometer_km=row["odometer_km"])
        entry.occur_time.FromDatetime(row["occur_time"])
        _RECORDS[row["kind"]](entry, row["ref"], json_of(row["facts"]))
        mask(entry, visible)
    return answer


def _build(entry: Any, ref: str, facts: dict[str, Any]) -> None:
    entry.build.plant = facts["plant"]


def _sale(entry: Any, ref: str, facts: dict[str, Any]) -> None:
    entry.sale.CopyFrom(vehicle_history_pb2.SaleRecord(sale_id=ref, use=facts["use"], reversed=facts["reversed"]))


def _began(entry: Any, ref: str, facts: dict[str, Any]) -> None:
    entry.ownership.CopyFrom(vehicle_history_pb2.OwnershipRecord(role=facts["role"]))


def _ended(entry: Any, ref: str, facts: dict[str, Any]) -> None:
    entry.ownership.CopyFrom(vehicle_history_pb2.OwnershipRecord(role=facts["role"], ended=True))


def _repair(entry: Any, ref: str, facts: dict[str, Any]) -> None:
    entry.repair.CopyFrom(
        vehicle_history_pb2.RepairRecord(repair_order_id=ref, number=facts["number"], state=facts["state"])
    )
    if facts["close_time"]:
        entry.repair.close_time.FromDatetime(datetime.fromisoformat(facts["close_time"]))
    for line in facts["lines"]:
        entry.repair.lines.add(
            **{
                name: line[name] for name in ("complaint_code", "component_code", "cause", "correction") if name in line
            },
            pay_type=line["pay_type"],
            part_numbers=[part["part_number"] for part in line.get("parts", ())],
        )


_RECORDS = {"build": _build, "sale": _sale, "began": _began, "ended": _ended, "repair": _repair}
