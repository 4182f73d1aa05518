"""Demo cars and test drives between rows and messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from google.type import date_pb2
from marque.customer.v1 import demo_car_pb2, demo_car_service_pb2, test_drive_pb2, test_drive_service_pb2
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from tradekit import names, vin

from marque_customer.mapping.leads import missing
from marque_customer.mapping.profiles import Faults
from marque_customer.mapping.times import stamp

_TEXTS = ("brand", "model", "trim")
_WRITABLE = (*_TEXTS, "active")
_IGNORED = frozenset({"demo_car_id", "etag"})


def car_message(row: Any) -> demo_car_pb2.DemoCar:
    """Returns a car of a fleet; nothing of it is personal."""
    return demo_car_pb2.DemoCar(
        demo_car_id=str(row.demo_car_id),
        dealer_id=str(row.dealer_id),
        vin=row.vin,
        active=row.active,
        create_time=stamp(row.create_time),
        update_time=stamp(row.update_time),
        etag=etag_of(row.version),
        **{name: getattr(row, name) for name in _TEXTS},
    )


def car_page(rows: Sequence[Any], token: str) -> demo_car_service_pb2.ListDemoCarsResponse:
    """Returns a page of cars."""
    return demo_car_service_pb2.ListDemoCarsResponse(
        demo_cars=[car_message(row) for row in rows], next_page_token=token
    )


def new_car(message: demo_car_pb2.DemoCar) -> dict[str, Any]:
    """Returns the columns of a new car but its dealer. Raises InvalidArgument for a VIN that is none."""
    try:
        found = vin.normalise(message.vin)
    except vin.VinError as error:
        raise InvalidArgument.of("demo_car.vin", "VIN_INVALID", str(error)) from None
    return {"vin": found, "active": True, **{name: names.tidy(getattr(message, name)) for name in _TEXTS}}


def changed_car(request: demo_car_service_pb2.UpdateDemoCarRequest) -> dict[str, Any]:
    """Returns the columns that an update changes. Raises InvalidArgument."""
    message, faults = request.demo_car, Faults()
    if not message.demo_car_id:
        raise missing("demo_car.demo_car_id")
    present = [field.name for field, _ in message.ListFields() if field.name in _WRITABLE]
    paths = [path for path in request.update_mask.paths if path not in _IGNORED] or present
    for path in paths:
        if path not in demo_car_pb2.DemoCar.DESCRIPTOR.fields_by_name:
            faults.add("update_mask", "FIELD_UNKNOWN", f"A demo car has no field {path[:100]!r}.")
        elif path not in _WRITABLE:
            faults.add(f"demo_car.{path}", "FIELD_NOT_WRITABLE", "This field is not changed by an update.")
    faults.check()
    values = {path: getattr(message, path) for path in paths}
    return {name: names.tidy(value) if isinstance(value, str) else value for name, value in values.items()}


def drive_for(call: Call) -> Callable[[Any], test_drive_pb2.TestDrive]:
    """Returns the rendering of a test drive for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> test_drive_pb2.TestDrive:
        message = test_drive_pb2.TestDrive(
            test_drive_id=str(row.test_drive_id),
            lead_id=str(row.lead_id or ""),
            customer_id=str(row.customer_id),
            dealer_id=str(row.dealer_id or ""),
            demo_car_id=str(row.demo_car_id or ""),
            vin=row.vin,
            adviser_staff_id=str(row.adviser_staff_id or ""),
            state=row.state,
            start_time=stamp(row.start_time),
            end_time=stamp(row.end_time),
            calendar_version=row.calendar_version,
            moves=row.moves,
            licence_check_time=stamp(row.licence_check_time) if row.licence_check_time else None,
            licence_check_staff_id=str(row.licence_check_staff_id or ""),
            outcome=row.outcome,
            note=row.note,
            marketing_event_id=str(row.marketing_event_id or ""),
            event_registration_id=str(row.event_registration_id or ""),
            create_time=stamp(row.create_time),
            update_time=stamp(row.update_time),
            etag=etag_of(row.version),
        )
        shown: test_drive_pb2.TestDrive = show(call, message, "test_drive", message.test_drive_id, visible)
        return shown

    return render


def drive_page(call: Call, rows: Sequence[Any], token: str) -> test_drive_service_pb2.ListTestDrivesResponse:
    """Returns a page of test drives."""
    render = drive_for(call)
    return test_drive_service_pb2.ListTestDrivesResponse(
        test_drives=[render(row) for row in rows], next_page_token=token
    )


def slot_answer(found: Any) -> test_drive_service_pb2.ListTestDriveSlotsResponse:
    """Returns when cars can be driven."""
    answer = test_drive_service_pb2.ListTestDriveSlotsResponse(
        calendar_version=found.calendar.version, time_zone=found.calendar.zone, truncated=found.truncated
    )
    for car, start, end in found.found:
        answer.slots.add(demo_car_id=str(car), start_time=stamp(start), end_time=stamp(end))
    return answer


def first_day(message: date_pb2.Date, given: bool) -> date | None:
    """Returns the day that a request names, None for none. Raises InvalidArgument."""
    if not given:
        return None
    try:
        found = date(message.year, message.month, message.day)
    except ValueError:
        raise InvalidArgument.of("from_date", "DATE_INVALID", "Give a whole date of the calendar.") from None
    if not 1900 < found.year < 2200:
        raise InvalidArgument.of("from_date", "DATE_INVALID", "Give a date of this time.")
    return found
