"""Facts of cars as messages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from google.type import date_pb2
from marque.vehicle.v1 import vehicle_facts_pb2

from marque_vehicle.rules.warranty import months_later

_PLAIN = ("vin", "make", "model", "model_year", "energy", "use", "odometer_km", "open_recalls")


def facts(rows: Iterable[Any]) -> vehicle_facts_pb2.BatchGetVehicleFactsResponse:
    """Returns the facts of cars."""
    answer = vehicle_facts_pb2.BatchGetVehicleFactsResponse()
    for row in rows:
        one = answer.facts.add(**{name: row[name] for name in _PLAIN})
        sold = row["sold_date"]
        _set(one.sold_date, sold)
        _set(one.warranty_end_date, months_later(sold, row["months"]) if sold and row["months"] is not None else None)
        _set(one.next_maintenance_date, row["due_date"])
    return answer


def _set(field: date_pb2.Date, day: date | None) -> None:
    if day is not None:
        field.CopyFrom(date_pb2.Date(year=day.year, month=day.month, day=day.day))
