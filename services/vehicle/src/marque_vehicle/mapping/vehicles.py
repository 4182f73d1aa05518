"""Between cars and their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from marque.vehicle.v1 import vehicle_pb2, vin_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.masking import show
from servicekit.roles import PERSON, visible_classes
from servicekit.rpc.call import Call
from tradekit import plate
from tradekit import vin as vin_tools

from marque_vehicle.models import Vehicle
from marque_vehicle.rules import vins

_PLAIN = (
    "vin", "engine_number", "make", "series", "model", "model_year", "trim", "exterior_colour", "interior_colour", "option_codes", "plant",
    "plate_number", "market", "use", "energy", "status",
)  # fmt: skip
WRITABLE = (*_PLAIN[1:], "build_date")


def vehicle_message(row: fields.Row) -> vehicle_pb2.Vehicle:
    """Returns a car as it is, nothing withheld."""
    message = vehicle_pb2.Vehicle(
        **{name: row[name] for name in _PLAIN}, odometer_km=row["odometer_km"], etag=etag_of(row["version"])
    )
    fields.set_day(message, "build_date", row["build_date"])
    fields.set_moment(message, "odometer_time", row["odometer_time"])
    fields.set_moment(message, "create_time", row["create_time"])
    fields.set_moment(message, "update_time", row["update_time"])
    return message


def vehicle_for(call: Call) -> Callable[..., vehicle_pb2.Vehicle]:
    """Returns the rendering of a car for a caller; `persons` false withholds the plate, `until` what was read later."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row, *, persons: bool = True, until: Any = None) -> vehicle_pb2.Vehicle:
        message = vehicle_message(row)
        if until is not None and row["odometer_time"] is not None and row["odometer_time"] > until:
            message.ClearField("odometer_km")
            message.ClearField("odometer_time")
        shown: vehicle_pb2.Vehicle = show(
            call, message, "vehicle", message.vin, visible if persons else visible - {PERSON}
        )
        return shown

    return render


def rendered(call: Call) -> Callable[[Vehicle], vehicle_pb2.Vehicle]:
    """Returns the rendering of a car that was written."""
    render = vehicle_for(call)
    return lambda vehicle: render(fields.row_of(vehicle))


def vehicle_values(message: vehicle_pb2.Vehicle, paths: list[str]) -> dict[str, Any]:
    """Returns the columns of the named fields. Raises InvalidArgument."""
    found: dict[str, Any] = {}
    for path in paths:
        if path == "build_date":
            found[path] = fields.as_day(message, path, f"vehicle.{path}")
        elif path == "option_codes":
            found[path] = list(message.option_codes)
        elif path == "plate_number":
            found[path] = as_plate(message.plate_number)
        else:
            value = getattr(message, path)
            found[path] = value.strip() if isinstance(value, str) else value
    wrong: list[str] = [name for name in ("make", "model") if name in found and not found[name]]
    wrong += ["status"] if found.get("status") == 0 else []
    if wrong:
        raise InvalidArgument(
            violations=[
                FieldViolation(f"vehicle.{name}", "REQUIRED", "This field must not be empty.") for name in wrong
            ]
        )
    return found


def as_plate(value: str) -> str:
    """Returns a plate in its one written form; empty for none. Raises InvalidArgument."""
    if not value.strip():
        return ""
    try:
        return plate.normalise(value).value
    except plate.PlateError as error:
        raise InvalidArgument.of("vehicle.plate_number", f"PLATE_{error.reason}", str(error)) from None


def registration(message: vehicle_pb2.Vehicle) -> dict[str, Any]:
    """Returns the columns of a new car, without its VIN. Raises InvalidArgument."""
    given = [field.name for field, _ in message.ListFields() if field.name in WRITABLE]
    values = vehicle_values(message, given)
    return {**values, "status": values.get("status") or Vehicle.IN_STOCK}


def update(message: vehicle_pb2.Vehicle, mask: Any) -> dict[str, Any]:
    """Returns the columns that an update changes. Raises InvalidArgument."""
    paths = fields.masked_paths(message, mask, WRITABLE, "vin", "vehicle")
    return vehicle_values(message, paths)


def check_response(typed: str, found: vins.Check, *, registered: bool, this_year: int) -> vin_pb2.CheckVinResponse:
    """Returns what is known of a typed VIN."""
    answer = vin_pb2.CheckVinResponse(
        vin=found.vin,
        valid=found.valid,
        problems=[
            vin_pb2.VinProblem(reason=one.reason, position=one.position, description=one.description)
            for one in found.problems
        ],
        check_digit_policy=found.policy,  # type: ignore[arg-type]
        registered=registered,
    )
    if not found.valid:
        answer.near_misses.extend(
            vin_pb2.VinNearMiss(vin=one.vin, slip=one.slip, position=one.position) for one in vins.near_misses(typed)
        )
    if found.shape:
        answer.expected_check_digit = vin_tools.check_digit(found.vin)
        answer.decoding.CopyFrom(_decoding(found.vin, this_year))
    return answer


def suggestions(found: list[vins.NearMiss], rows: Iterable[fields.Row], limit: int) -> vin_pb2.SuggestVinsResponse:
    """Returns the cars that may have been meant, the likeliest slip first."""
    known = {row["vin"]: row for row in rows}
    answer = vin_pb2.SuggestVinsResponse()
    for miss in found:
        if (row := known.get(miss.vin)) is not None and len(answer.suggestions) < limit:
            car = {name: row[name] for name in ("make", "model", "model_year")}
            answer.suggestions.add(vin=miss.vin, slip=miss.slip, position=miss.position, **car)
    return answer


def _decoding(vin: str, this_year: int) -> vin_pb2.VinDecoding:
    decoded = vins.decode(vin)
    return vin_pb2.VinDecoding(
        maker_code=vin[:3],
        maker=vins.maker(vin),
        country_code=vins.country(vin),
        model_years=vins.model_years(vin, this_year),
        plant_code=vin[10],
        serial=vin[11:],
        make=decoded.make,
        model=decoded.model,
    )
