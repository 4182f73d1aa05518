"""Between the clauses of the warranty and their messages."""

from __future__ import annotations

from datetime import date
from typing import Any

from marque.vehicle.v1 import warranty_pb2, warranty_service_pb2
from servicekit import fields
from servicekit.errors import InvalidArgument

from marque_vehicle.models import WarrantyTerm
from marque_vehicle.rules.warranty import COVERED, Coverage

_PLAIN = ("term_code", "market", "make", "component_prefix", "months", "km", "clause")


def term_values(message: warranty_pb2.WarrantyTerm) -> dict[str, Any]:
    """Returns the columns of a clause. Raises InvalidArgument."""
    first = fields.as_day(message, "sold_from", "warranty_term.sold_from")
    last = fields.as_day(message, "sold_before", "warranty_term.sold_before")
    assert first is not None  # the contract requires it
    if last is not None and last <= first:
        raise InvalidArgument.of("warranty_term.sold_before", "RANGE_REVERSED", "The last day lies before the first.")
    return {**{name: getattr(message, name) for name in _PLAIN}, "sold_from": first, "sold_before": last}


def term_message(row: fields.Row) -> warranty_pb2.WarrantyTerm:
    """Returns a clause."""
    message = warranty_pb2.WarrantyTerm(**{name: row[name] for name in _PLAIN})
    fields.set_day(message, "sold_from", row["sold_from"])
    fields.set_day(message, "sold_before", row["sold_before"])
    fields.set_moment(message, "update_time", row["update_time"])
    return message


def rendered(term: WarrantyTerm) -> warranty_pb2.WarrantyTerm:
    """Returns a clause that was written."""
    return term_message(fields.row_of(term))


def coverage_message(found: Coverage, start: date | None, km: int) -> warranty_service_pb2.CheckCoverageResponse:
    """Returns the answer with its clause."""
    message = warranty_service_pb2.CheckCoverageResponse(
        covered=found.reason == COVERED,
        reason=found.reason,  # type: ignore[arg-type]
        odometer_km=km,
    )
    if found.term is not None:
        message.term.CopyFrom(term_message(found.term))
    fields.set_day(message, "start_date", start)
    fields.set_day(message, "end_date", found.end)
    return message
