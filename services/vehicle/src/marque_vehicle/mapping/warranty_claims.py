"""Between claims under warranty and their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marque.vehicle.v1 import warranty_claim_pb2, warranty_claim_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.db.query import json_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_vehicle.mapping import sums
from marque_vehicle.models import WarrantyClaim
from marque_vehicle.rules import claims as rules
from marque_vehicle.rules import vins

_PLAIN = ("repair_order_number", "vin", "state", "reason", "parts_return", "payment_reference")
_TIMES = ("submit_time", "decide_time", "pay_time", "create_time", "update_time")


def claim_message(row: fields.Row) -> warranty_claim_pb2.WarrantyClaim:
    """Returns a claim as it is, nothing withheld."""
    currency = row["currency"]
    message = warranty_claim_pb2.WarrantyClaim(
        **{name: row[name] for name in _PLAIN},
        **{name: str(row[name]) for name in ("claim_id", "dealer_id", "repair_order_id")},
        submission_count=row["submissions"],
        etag=etag_of(row["version"]),
    )
    for item in json_of(row["items"]):
        made = message.items.add(
            line_number=item["line_number"],
            component_code=item["component_code"],
            coverage_reason=item.get("coverage", 0),
            term_code=item.get("term_code", ""),
        )
        for name in ("labour", "parts", "approved"):
            sums.set_money(made, name, currency, item.get(name))
        sums.set_money(made, "total", currency, rules.total(item))
    for name in ("claimed", "approved", "recoverable"):
        sums.set_money(message, name, currency, row[name])
    for name in _TIMES:
        fields.set_moment(message, name, row[name])
    return message


def claim_for(call: Call) -> Callable[[fields.Row], warranty_claim_pb2.WarrantyClaim]:
    """Returns the rendering of a claim for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> warranty_claim_pb2.WarrantyClaim:
        message = claim_message(row)
        shown: warranty_claim_pb2.WarrantyClaim = show(call, message, "warranty_claim", message.claim_id, visible)
        return shown

    return render


def rendered(call: Call) -> Callable[[WarrantyClaim], warranty_claim_pb2.WarrantyClaim]:
    """Returns the rendering of a claim that was written."""
    render = claim_for(call)
    return lambda claim: render(fields.row_of(claim))


def amounts(request: warranty_claim_service_pb2.ApproveWarrantyClaimRequest) -> Callable[[str], dict[int, int]]:
    """Returns the reading of what is approved by line, in the currency of the claim. Raises InvalidArgument, CurrencyMixed."""

    def read(code: str) -> dict[int, int]:
        currency, found = sums.Currency(code), dict[int, int]()
        for place, one in enumerate(request.approvals):
            if one.line_number in found:
                raise InvalidArgument.of(
                    f"approvals[{place}].line_number", "LINE_NUMBER_TWICE", "A line is named twice."
                )
            found[one.line_number] = currency.take(one.amount, f"approvals[{place}].amount")
        return found

    return read


def filters(request: warranty_claim_service_pb2.ListWarrantyClaimsRequest) -> dict[str, Any]:
    """Returns what a list narrows by."""
    ids = {name: fields.uuid_or_none(getattr(request, name)) for name in ("dealer_id", "repair_order_id")}
    return {**ids, "state": request.state, "vin": vins.tidy(request.vin)}
