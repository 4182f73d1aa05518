"""Between help on the road and its messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.type import latlng_pb2
from marque.vehicle.v1 import roadside_pb2, roadside_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from tradekit import phone

from marque_vehicle.errors import VinInvalid
from marque_vehicle.models import RoadsideCase
from marque_vehicle.rules import vins

_PLAIN = ("vin", "phone", "place", "problem", "note", "state", "distance_metres", "outcome", "cancel_reason")
_IDS = ("case_id", "customer_id", "dealer_id", "repair_order_id")
_STEPS = ("request_time", "dispatch_time", "arrive_time", "finish_time")


def phone_of(text: str) -> str:
    """Reads a phone as dialled in China, else in the United States. Raises InvalidArgument."""
    for region in ("CN", "US"):
        try:
            return phone.normalise(text, region).e164
        except phone.PhoneError:
            continue
    raise InvalidArgument.of("phone", "PHONE_INVALID", "Give a phone that can be called, with its country if in doubt.")


def values_of(request: Any) -> dict[str, Any]:
    """Returns the columns of a new case, of either door. Raises InvalidArgument, VinInvalid."""
    found = vins.check(request.vin, "")
    wrong = [one for one in found.problems if not one.advisory]
    if wrong and not found.shape:
        raise VinInvalid(violations=[FieldViolation("vin", one.reason, one.description) for one in wrong])
    there = request.HasField("location")
    return {
        "vin": found.vin,
        "phone": phone_of(request.phone),
        "latitude": request.location.latitude if there else None,
        "longitude": request.location.longitude if there else None,
        "place": request.place.strip(),
        "problem": request.problem,
    }


def case_message(row: fields.Row) -> roadside_pb2.RoadsideCase:
    """Returns a case as it is, nothing withheld."""
    plain: dict[str, Any] = {name: row[name] for name in _PLAIN}
    ids: dict[str, Any] = {name: fields.text(row[name]) for name in _IDS}
    message = roadside_pb2.RoadsideCase(**plain, **ids, etag=etag_of(row["version"]))
    if row["latitude"] is not None:
        message.location.CopyFrom(latlng_pb2.LatLng(latitude=row["latitude"], longitude=row["longitude"]))
    for name in (*_STEPS, "create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def case_for(call: Call) -> Callable[[fields.Row], roadside_pb2.RoadsideCase]:
    """Returns the rendering of a case for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> roadside_pb2.RoadsideCase:
        message = case_message(row)
        shown: roadside_pb2.RoadsideCase = show(call, message, "roadside_case", message.case_id, visible)
        return shown

    return render


def rendered(call: Call) -> Callable[[RoadsideCase], roadside_pb2.RoadsideCase]:
    """Returns the rendering of a case that was written."""
    render = case_for(call)
    return lambda case: render(fields.row_of(case))


def progress(row: fields.Row) -> roadside_pb2.RoadsideProgress:
    """Returns what anybody is told who asked for help."""
    message = roadside_pb2.RoadsideProgress(case_id=str(row["case_id"]), state=row["state"])
    for name in _STEPS:
        fields.set_moment(message, name, row[name])
    return message


def taken(case: RoadsideCase) -> roadside_pb2.RoadsideProgress:
    """Returns what is told who has just asked for help."""
    return progress(fields.row_of(case))


def filters(request: roadside_service_pb2.ListRoadsideCasesRequest) -> dict[str, Any]:
    """Returns what a list narrows by."""
    return {"dealer_id": request.dealer_id, "state": request.state, "vin": vins.tidy(request.vin)}
