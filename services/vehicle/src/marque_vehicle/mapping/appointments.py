"""Between appointments and their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from marque.vehicle.v1 import appointment_pb2, appointment_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_vehicle.models import Appointment
from marque_vehicle.rules.diary import ADVISER, BAY, LOAN_CAR, MAX_SLOTS, Hours, Slot

_MOMENTS = ("start_time", "end_time", "remind_time", "arrive_time", "create_time", "update_time")


def booking(message: appointment_pb2.Appointment) -> dict[str, Any]:
    """Returns the columns of a new appointment, without station, car, customer and end. Raises InvalidArgument."""
    return {
        "kind": message.kind,
        "start_time": fields.as_moment(message, "start_time", "appointment.start_time"),
        "adviser_id": fields.uuid_or_none(message.adviser_resource_id),
        "loan_car": message.loan_car,
    }


def appointment_for(call: Call) -> Callable[[fields.Row], appointment_pb2.Appointment]:
    """Returns the rendering of an appointment for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> appointment_pb2.Appointment:
        message = appointment_message(row)
        shown: appointment_pb2.Appointment = show(call, message, "appointment", message.appointment_id, visible)
        return shown

    return render


def rendered(call: Call) -> Callable[[Appointment], appointment_pb2.Appointment]:
    """Returns the rendering of an appointment that was written."""
    render = appointment_for(call)
    return lambda made: render(fields.row_of(made))


def appointment_message(row: fields.Row) -> appointment_pb2.Appointment:
    """Returns an appointment as it is, nothing withheld."""
    message = appointment_pb2.Appointment(
        appointment_id=str(row["appointment_id"]),
        dealer_id=str(row["dealer_id"]),
        vin=row["vin"],
        customer_id=fields.text(row["customer_id"]),
        kind=row["kind"],
        state=row["state"],
        duration_minutes=int((row["end_time"] - row["start_time"]).total_seconds()) // 60,
        bay_resource_id=fields.text(row["bay_id"]),
        adviser_resource_id=fields.text(row["adviser_id"]),
        adviser_staff_id=fields.text(row["adviser_staff_id"]),
        loan_car=row["loan_car"],
        loan_car_resource_id=fields.text(row["loan_car_id"]),
        wish=row["wish"],
        calendar_department=row["calendar_department"],
        calendar_version=row["calendar_version"],
        moves=row["moves"],
        repair_order_id=fields.text(row["repair_order_id"]),
        cancel_reason=row["cancel_reason"],
        etag=etag_of(row["version"]),
    )
    for name in _MOMENTS:
        fields.set_moment(message, name, row[name])
    return message


def filters(request: appointment_service_pb2.ListAppointmentsRequest) -> dict[str, Any]:
    """Returns what a list request narrows by, car and customer apart. Raises InvalidArgument."""
    return {
        "dealer_id": request.dealer_id,
        "state": request.state,
        "start_time_from": fields.as_moment(request, "start_time_from"),
        "start_time_to": fields.as_moment(request, "start_time_to"),
    }


def slot_page(found: Iterable[Slot], hours: Hours) -> appointment_service_pb2.ListAppointmentSlotsResponse:
    """Returns the times at which a visit can begin, as many as an answer holds."""
    answer = appointment_service_pb2.ListAppointmentSlotsResponse(
        calendar_version=hours.version, time_zone=hours.time_zone
    )
    for slot in found:
        if len(answer.slots) == MAX_SLOTS:
            answer.truncated = True
            break
        made = answer.slots.add(
            free_bays=slot.free[BAY], free_advisers=slot.free[ADVISER], free_loan_cars=slot.free[LOAN_CAR]
        )
        fields.set_moment(made, "start_time", slot.start)
        fields.set_moment(made, "end_time", slot.end)
    return answer
