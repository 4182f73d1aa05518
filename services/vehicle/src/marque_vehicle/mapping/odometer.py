"""Between readings of odometers and their messages."""

from __future__ import annotations

from collections.abc import Callable

from marque.vehicle.v1 import odometer_pb2
from servicekit import fields

from marque_vehicle.rules.odometer import Judged


def reading_message(vin: str, judged: Judged) -> odometer_pb2.OdometerReading:
    """Returns a reading with what is thought of it."""
    reading = judged.reading
    message = odometer_pb2.OdometerReading(
        vin=vin,
        odometer_km=reading.km,
        distance_km=judged.distance,
        source=reading.source,  # type: ignore[arg-type]
        source_id=reading.key,
        odometer_replaced=reading.replaced,
        flag=judged.flag,  # type: ignore[arg-type]
    )
    fields.set_moment(message, "read_time", reading.moment)
    return message


def rendered(vin: str) -> Callable[[Judged], odometer_pb2.OdometerReading]:
    """Returns the rendering of a reading of a car."""
    return lambda judged: reading_message(vin, judged)
