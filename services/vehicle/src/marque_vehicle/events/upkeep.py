"""The events of upkeep: what falls due, readings that do not fit."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import maintenance_events_pb2, odometer_events_pb2

from marque_vehicle.events.parts import day, moment, text
from marque_vehicle.rules.maintenance import Next
from marque_vehicle.rules.odometer import Judged


def maintenance_due(vin: str, version: int, dealer: Any, due: Next) -> Message:
    """Tells that a service comes due."""
    return maintenance_events_pb2.MaintenanceDue(
        vin=vin,
        aggregate_version=version,
        dealer_id=text(dealer),
        plan_code=due.plan.code,
        service_number=due.number,
        due_date=day(due.due),
        cause=due.cause,  # type: ignore[arg-type]
        due_distance_km=due.distance,
    )


def odometer_flagged(vin: str, version: int, judged: Judged) -> Message:
    """Tells that a reading does not fit."""
    reading = judged.reading
    return odometer_events_pb2.OdometerFlagged(
        vin=vin,
        aggregate_version=version,
        flag=judged.flag,  # type: ignore[arg-type]
        odometer_km=reading.km,
        read_time=moment(reading.moment),
        source=reading.source,  # type: ignore[arg-type]
        source_id=reading.key,
    )
