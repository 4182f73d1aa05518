"""Leads between rows and messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.type import money_pb2
from marque.customer.v1 import lead_pb2, lead_promise_pb2, lead_service_pb2
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from tradekit import money, names, vin

from marque_customer.mapping.profiles import Faults
from marque_customer.mapping.times import stamp

_TEXTS = ("source_detail", "comments", "grade", "held_reason", "competitor", "loss_note", "won_sale_id")
_NUMBERS = (
    *(
        "stage",
        "source",
        "need_points",
        "confidence_points",
        "means_points",
        "rules_version",
        "calendar_version",
        "contact_count",
    ),
    *("lapse_count", "loss_reason"),
)
_TIMES = (
    *(
        "assign_time",
        "respond_due_time",
        "next_due_time",
        "first_contact_time",
        "last_contact_time",
        "manager_contact_time",
    ),
    *("create_time", "update_time"),
)
WRITABLE = ("interest", "timeframe_days", "budget", "comments", "place")
_IGNORED = frozenset({"lead_id", "etag", "masked_fields"})
_MOST_MINOR = 2**62


@dataclass(frozen=True, slots=True)
class LeadView:
    """A lead's row with the ids of those that are joined with it, as far as the caller sees them."""

    row: Any
    joined: Sequence[str] = ()


def lead_for(call: Call) -> Callable[[Any], lead_pb2.Lead]:
    """Returns the rendering of a lead for a caller: of a row, of a model, or of a LeadView."""
    visible = visible_classes(call.principal.roles)

    def render(found: Any) -> lead_pb2.Lead:
        view = found if isinstance(found, LeadView) else LeadView(found)
        message = _message(view)
        shown: lead_pb2.Lead = show(call, message, "lead", message.lead_id, visible)
        return shown

    return render


def _message(view: LeadView) -> lead_pb2.Lead:
    row = view.row
    message = lead_pb2.Lead(
        lead_id=str(row.lead_id),
        customer_id=str(row.customer_id),
        dealer_id=str(row.dealer_id or ""),
        adviser_staff_id=str(row.adviser_staff_id or ""),
        interest=ParseDict(row.interest, lead_pb2.LeadInterest()) if row.interest else None,
        place=ParseDict(row.place, lead_pb2.LeadPlace()) if row.place else None,
        timeframe_days=row.timeframe_days,
        grade_reasons=[lead_pb2.LeadReason(**one) for one in row.grade_reasons],
        routing_reasons=[lead_pb2.LeadReason(**one) for one in row.routing_reasons],
        joined_lead_ids=view.joined,
        etag=etag_of(row.version),
        **{name: getattr(row, name) for name in (*_TEXTS, *_NUMBERS)},
        **{name: stamp(value) for name in _TIMES if (value := getattr(row, name)) is not None},
    )
    if row.budget_minor is not None:
        message.budget.CopyFrom(money_message(row.budget_currency, row.budget_minor))
    return message


def money_message(currency: str, minor: int) -> money_pb2.Money:
    """Returns an amount."""
    units, nanos = money.Money(currency, minor).units_nanos
    return money_pb2.Money(currency_code=currency, units=units, nanos=nanos)


def amount(message: money_pb2.Money, path: str) -> tuple[str, int]:
    """Returns (currency, minor units). Raises InvalidArgument."""
    try:
        found = money.from_units_nanos(message.currency_code, message.units, message.nanos)
    except money.MoneyError as error:
        raise InvalidArgument.of(path, "MONEY_INVALID", str(error)) from None
    if not 0 <= found.minor < _MOST_MINOR:
        raise InvalidArgument.of(path, "MONEY_INVALID", "The amount is negative or too great.")
    return found.currency, found.minor


def wish_values(message: lead_pb2.Lead, paths: Iterable[str] = WRITABLE) -> dict[str, Any]:
    """Returns the columns that say what is wanted. Raises InvalidArgument."""
    wanted, found = set(paths), {}
    if "interest" in wanted:
        found["interest"] = interest_values(message.interest, "lead.interest")
    if "timeframe_days" in wanted:
        found["timeframe_days"] = message.timeframe_days if message.HasField("timeframe_days") else None
    if "budget" in wanted:
        given = message.HasField("budget")
        found["budget_currency"], found["budget_minor"] = amount(message.budget, "lead.budget") if given else ("", None)
    if "comments" in wanted:
        found["comments"] = message.comments.strip()
    if "place" in wanted:
        found["place"] = place_values(message.place, "lead.place")
    return found


def interest_values(message: lead_pb2.LeadInterest, path: str) -> dict[str, Any]:
    """Returns an interest as it is stored. Raises InvalidArgument for a VIN that is none."""
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True, use_integers_for_enums=True)
    found = {name: names.tidy(value) if isinstance(value, str) else value for name, value in found.items()}
    if found.get("vin"):
        try:
            found["vin"] = vin.normalise(found["vin"])
        except vin.VinError as error:
            raise InvalidArgument.of(f"{path}.vin", "VIN_INVALID", str(error)) from None
    return {name: value for name, value in found.items() if value}


def place_values(message: lead_pb2.LeadPlace, path: str) -> dict[str, Any]:
    """Returns a place as it is stored. Raises InvalidArgument for half a point, or a code without its country."""
    if message.HasField("latitude") != message.HasField("longitude"):
        raise InvalidArgument.of(path, "PLACE_INVALID", "Give both latitude and longitude, or none.")
    if message.postal_code and not message.country_code:
        raise InvalidArgument.of(f"{path}.country_code", "FIELD_REQUIRED", "A postal code needs its country.")
    return MessageToDict(message, preserving_proto_field_name=True)


def changed_paths(request: lead_service_pb2.UpdateLeadRequest) -> list[str]:
    """Returns the fields that an update changes. Raises InvalidArgument for those that cannot be written."""
    message, faults = request.lead, Faults()
    present = [
        field.name for field, _ in message.ListFields() if field.name in WRITABLE
    ]  # without a mask, what was read and is sent back is passed over
    paths = [path for path in request.update_mask.paths if path not in _IGNORED] or present
    for path in paths:
        top, _, below = path.partition(".")
        if top not in lead_pb2.Lead.DESCRIPTOR.fields_by_name or below:
            faults.add("update_mask", "FIELD_UNKNOWN", f"A lead has no field {path[:100]!r} that is changed by itself.")
        elif top not in WRITABLE:
            faults.add(f"lead.{top}", "FIELD_NOT_WRITABLE", "This field is not changed by an update.")
    faults.check()
    return paths


def lead_page(call: Call, rows: Sequence[Any], token: str) -> lead_service_pb2.ListLeadsResponse:
    """Returns a page of leads."""
    render = lead_for(call)
    return lead_service_pb2.ListLeadsResponse(leads=[render(row) for row in rows], next_page_token=token)


def change_page(call: Call, rows: Sequence[Any], token: str) -> lead_service_pb2.ListLeadChangesResponse:
    """Returns a page of a lead's history."""
    visible = visible_classes(call.principal.roles)
    answer = lead_service_pb2.ListLeadChangesResponse(next_page_token=token)
    for row in rows:
        message = lead_pb2.LeadChange(
            sequence=row.sequence,
            kind=row.kind,
            from_stage=row.from_stage,
            stage=row.stage,
            dealer_id=str(row.dealer_id or ""),
            staff_id=str(row.staff_id or ""),
            reason=row.reason,
            create_time=stamp(row.create_time),
        )
        answer.changes.append(show(call, message, "lead", str(row.lead_id), visible))
    return answer


def promise_for(call: Call) -> Callable[[Any], lead_promise_pb2.LeadPromise]:
    """Returns the rendering of a promise for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> lead_promise_pb2.LeadPromise:
        message = lead_promise_pb2.LeadPromise(
            promise_id=str(row.promise_id),
            lead_id=str(row.lead_id),
            kind=row.kind,
            text=row.text,
            staff_id=str(row.staff_id or ""),
            state=row.state,
            create_time=stamp(row.create_time),
            due_time=stamp(row.due_time) if row.due_time else None,
            settle_time=stamp(row.settle_time) if row.settle_time else None,
        )
        if row.minor is not None:
            message.amount.CopyFrom(money_message(row.currency, row.minor))
        shown: lead_promise_pb2.LeadPromise = show(call, message, "lead", message.lead_id, visible)
        return shown

    return render


def missing(path: str) -> InvalidArgument:
    """Returns what a caller is told of a field that is needed."""
    return InvalidArgument(violations=[FieldViolation(path, "FIELD_REQUIRED", "A value is needed here.")])


def optional_id(text: str) -> uuid.UUID | None:
    """Returns the id of a text, None for an empty one."""
    return uuid.UUID(text) if text else None
