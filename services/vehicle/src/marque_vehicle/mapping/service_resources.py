"""Between resources of a station and their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marque.vehicle.v1 import service_resource_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_vehicle.models import ServiceResource
from marque_vehicle.rules import vins

WRITABLE = ("name", "staff_id", "vin", "active")


def creation(message: service_resource_pb2.ServiceResource) -> dict[str, Any]:
    """Returns the columns of a new resource, without its station. Raises InvalidArgument."""
    return {"kind": message.kind, "active": True, **_values(message, ["name", "staff_id", "vin"])}


def update(message: service_resource_pb2.ServiceResource, mask: Any) -> dict[str, Any]:
    """Returns the columns that an update changes. Raises InvalidArgument."""
    return _values(message, fields.masked_paths(message, mask, WRITABLE, "resource_id", "service_resource"))


def _values(message: service_resource_pb2.ServiceResource, paths: list[str]) -> dict[str, Any]:
    read = {
        "name": lambda: message.name.strip(),
        "staff_id": lambda: fields.uuid_or_none(message.staff_id),
        "vin": lambda: _vin(message.vin),
        "active": lambda: message.active,
    }
    found = {path: read[path]() for path in paths}
    if found.get("name") == "":
        raise InvalidArgument.of("service_resource.name", "REQUIRED", "This field must not be empty.")
    return found


def _vin(typed: str) -> str:
    """A loan car need not be registered, but what stands for its VIN has the shape of one."""
    found = vins.check(typed, "")
    if typed and not found.shape:
        first = found.problems[0]
        raise InvalidArgument.of("service_resource.vin", first.reason, first.description)
    return found.vin if typed else ""


def resource_for(call: Call) -> Callable[[fields.Row], service_resource_pb2.ServiceResource]:
    """Returns the rendering of a resource for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> service_resource_pb2.ServiceResource:
        message = service_resource_pb2.ServiceResource(
            resource_id=str(row["resource_id"]),
            dealer_id=str(row["dealer_id"]),
            kind=row["kind"],
            name=row["name"],
            staff_id=fields.text(row["staff_id"]),
            vin=row["vin"],
            active=row["active"],
            etag=etag_of(row["version"]),
        )
        fields.set_moment(message, "create_time", row["create_time"])
        fields.set_moment(message, "update_time", row["update_time"])
        shown: service_resource_pb2.ServiceResource = show(
            call, message, "service_resource", message.resource_id, visible
        )
        return shown

    return render


def rendered(call: Call) -> Callable[[ServiceResource], service_resource_pb2.ServiceResource]:
    """Returns the rendering of a resource that was written."""
    render = resource_for(call)
    return lambda made: render(fields.row_of(made))
