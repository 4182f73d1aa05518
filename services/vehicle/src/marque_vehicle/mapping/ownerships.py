"""Between ownerships and their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from marque.vehicle.v1 import ownership_pb2, ownership_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.masking import show
from servicekit.roles import PERSON, visible_classes
from servicekit.rpc.call import Call

from marque_vehicle.models import Ownership

MOST_HOLDERS = 10


def ownership_for(call: Call) -> Callable[..., ownership_pb2.Ownership]:
    """Returns the rendering of an ownership for a caller; `person` false withholds who it is."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row, *, person: bool = True) -> ownership_pb2.Ownership:
        message = ownership_message(row)
        shown: ownership_pb2.Ownership = show(
            call, message, "ownership", message.ownership_id, visible if person else visible - {PERSON}
        )
        return shown

    return render


def rendered(call: Call) -> Callable[[Ownership], ownership_pb2.Ownership]:
    """Returns the rendering of an ownership that was written."""
    render = ownership_for(call)
    return lambda row: render(fields.row_of(row))


def ownership_message(row: fields.Row) -> ownership_pb2.Ownership:
    """Returns an ownership as it is, nothing withheld."""
    message = ownership_pb2.Ownership(
        ownership_id=str(row["ownership_id"]),
        vin=row["vin"],
        customer_id=fields.text(row["customer_id"]),
        role=row["role"],
        sale_id=fields.text(row["sale_id"]),
        source=row["source"],
        etag=etag_of(row["version"]),
        end_reason=row["end_reason"],
    )
    for field, column in (
        ("valid_start_time", "valid_from"),
        ("valid_end_time", "valid_until"),
        ("known_start_time", "known_from"),
        ("known_end_time", "known_until"),
    ):
        fields.set_moment(message, field, row[column])
    return message


def ownership_values(message: ownership_pb2.Ownership) -> dict[str, Any]:
    """Returns the columns of a new ownership, without car and customer. Raises InvalidArgument."""
    return {
        "role": message.role,
        "valid_from": fields.as_moment(message, "valid_start_time", "ownership.valid_start_time"),
        "source": message.source,
    }


def holders(rows: Iterable[fields.Row]) -> ownership_service_pb2.BatchGetHoldersResponse:
    """Returns who holds cars, of rows sorted by `vin`."""
    answer = ownership_service_pb2.BatchGetHoldersResponse()
    for vin, people in groupby(rows, key=lambda row: row["vin"]):
        answer.holders.add(vin=vin, customer_ids=[str(row["customer_id"]) for row in people][:MOST_HOLDERS])
    return answer
