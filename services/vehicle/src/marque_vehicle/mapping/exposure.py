"""Between counts of cars in use and their messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from marque.vehicle.v1 import vehicle_exposure_pb2, vehicle_exposure_service_pb2
from servicekit import fields
from servicekit.errors import InvalidArgument

from marque_vehicle.rules import exposure as rules


def filters(request: vehicle_exposure_service_pb2.ListExposureRequest) -> dict[str, Any]:
    """Returns what a list narrows by. Raises InvalidArgument."""
    first, last = fields.as_day(request, "month_from"), fields.as_day(request, "month_to")
    if first and last and last < first:
        raise InvalidArgument.of("month_to", "RANGE_REVERSED", "The last month lies before the first.")
    found = {"month_from": first and rules.first_of(first), "month_to": last and rules.first_of(last)}
    return {**found, **{name: getattr(request, name) for name in ("make", "model", "model_year", "region_code")}}


def month_from(request: vehicle_exposure_service_pb2.CountExposureRequest) -> date:
    """Returns the first month to count. Raises InvalidArgument."""
    found = fields.as_day(request, "month_from")
    assert found is not None  # the contract requires it
    return rules.first_of(found)


def exposure_message(row: fields.Row) -> vehicle_exposure_pb2.VehicleExposure:
    """Returns a count."""
    known = row["band"] != rules.UNKNOWN
    message = vehicle_exposure_pb2.VehicleExposure(
        mileage_known=known,
        mileage_from_km=row["band"] if known else 0,
        mileage_to_km=rules.band_end(row["band"]),
        **{name: row[name] for name in ("make", "model", "model_year", "market", "region_code", "vehicle_count")},
    )
    fields.set_day(message, "month", row["month"])
    return message


def counted(months: Sequence[date]) -> vehicle_exposure_service_pb2.CountExposureResponse:
    """Returns what will be counted."""
    message = vehicle_exposure_service_pb2.CountExposureResponse(month_count=len(months))
    fields.set_day(message, "month_from", months[0])
    return message
