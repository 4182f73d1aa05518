"""The events of appointments, made from rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marque.vehicle.v1 import appointment_events_pb2 as told

from marque_vehicle.events.parts import moment, text
from marque_vehicle.models import Appointment


def _facts(row: Appointment) -> dict[str, Any]:
    return {
        "appointment_id": str(row.appointment_id),
        "vin": row.vin,
        "dealer_id": str(row.dealer_id),
        "customer_id": text(row.customer_id),
        "start_time": moment(row.start_time),
    }


def _more(row: Appointment) -> dict[str, Any]:
    return {"end_time": moment(row.end_time), "kind": row.kind, "adviser_staff_id": text(row.adviser_staff_id)}


def appointment_booked(row: Appointment) -> told.AppointmentBooked:
    """Tells of a new appointment."""
    return told.AppointmentBooked(**_facts(row), **_more(row))


def appointment_moved(row: Appointment, former: datetime) -> told.AppointmentMoved:
    """Tells that it is at another time, or with another adviser."""
    return told.AppointmentMoved(**_facts(row), **_more(row), former_start_time=moment(former))


def appointment_cancelled(row: Appointment) -> told.AppointmentCancelled:
    """Tells that it was called off."""
    return told.AppointmentCancelled(**_facts(row), reason=row.cancel_reason)


def appointment_reminder_due(row: Appointment) -> told.AppointmentReminderDue:
    """Tells that somebody should be reminded."""
    return told.AppointmentReminderDue(**_facts(row))


def appointment_arrived(row: Appointment) -> told.AppointmentArrived:
    """Tells that the car came."""
    return told.AppointmentArrived(**_facts(row), repair_order_id=text(row.repair_order_id))


def appointment_missed(row: Appointment) -> told.AppointmentMissed:
    """Tells that nobody came."""
    return told.AppointmentMissed(**_facts(row))


def appointment_snapshot(row: Appointment) -> told.AppointmentSnapshot:
    """Says an appointment again."""
    return told.AppointmentSnapshot(**_facts(row), **_more(row), aggregate_version=row.version, state=row.state)  # type: ignore[arg-type]
