"""Holdings between rows and messages."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from google.type import date_pb2, money_pb2
from marque.customer.v1 import holding_events_pb2, holding_pb2
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from tradekit import money

from marque_customer.mapping.leads import amount, missing, optional_id
from marque_customer.mapping.times import stamp

_DECIMAL = re.compile(r"[0-9]{1,13}(\.[0-9]{1,4})?")
KINDS = {
    name.removeprefix("HOLDING_KIND_").lower(): number for name, number in holding_pb2.HoldingKind.items() if number
}
STATES = {"": 1, "active": 1, "ended": 2, "redeemed": 3, "cancelled": 4}


def day(message: date_pb2.Date, field: str) -> date:
    """Returns the day of a message. Raises InvalidArgument where a calendar has no such day."""
    try:
        found = date(message.year, message.month, message.day)
    except ValueError:
        found = date.min
    if not 1900 <= found.year <= 2200:
        raise InvalidArgument.of(field, "DATE_INVALID", "Give a day between 1900 and 2200.")
    return found


def optional_day(request: Any, name: str, path: str) -> date | None:
    """Returns the day of a field, None where it is absent. Raises InvalidArgument."""
    return day(getattr(request, name), path) if request.HasField(name) else None


def day_message(value: date | None) -> date_pb2.Date | None:
    """Returns the message of a day."""
    return None if value is None else date_pb2.Date(year=value.year, month=value.month, day=value.day)


def disordered(start: date | None, end: date | None, renewal: date | None) -> str:
    """Returns the name of the field that contradicts another one; empty where none does."""
    if start is not None and end is not None and end < start:
        return "end_date"
    return "renewal_date" if start is not None and renewal is not None and renewal < start else ""


def refuse_disordered(start: date | None, end: date | None, renewal: date | None, prefix: str = "") -> None:
    """Raises InvalidArgument where days contradict each other."""
    if wrong := disordered(start, end, renewal):
        raise InvalidArgument.of(f"{prefix}{wrong}", "DATES_DISORDERED", "This day lies before the first one.")


def values(message: holding_pb2.Holding) -> dict[str, Any]:
    """Returns the columns of a new holding but its dealer. Raises InvalidArgument."""
    for name in ("customer_id", "kind"):
        if not getattr(message, name):
            raise missing(f"holding.{name}")
    dates = {
        name: optional_day(message, name, f"holding.{name}") for name in ("start_date", "end_date", "renewal_date")
    }
    dates["renewal_date"] = dates["renewal_date"] or dates["end_date"]
    refuse_disordered(*dates.values(), "holding.")
    currency, minor = amount(message.value, "holding.value") if message.HasField("value") else ("", None)
    return {
        "customer_id": uuid.UUID(message.customer_id),
        "kind": message.kind,
        "provider": message.provider.strip(),
        "product": message.product.strip(),
        "number": message.number.strip(),
        "vin": message.vin,
        "currency": currency,
        "minor": minor,
        **dates,
    }


def row_values(row: Any) -> tuple[dict[str, Any], list[FieldViolation]]:
    """Returns the columns that a row of an import tells, and what is wrong with it."""
    faults: list[FieldViolation] = []
    found: dict[str, Any] = {name: getattr(row, name).strip() for name in ("provider", "product", "number")}
    found |= {"vin": row.vin.strip().upper(), "kind": KINDS[row.kind], "state": STATES[row.state]}
    for name in ("start_date", "end_date", "renewal_date"):
        found[name], text = None, getattr(row, name).strip()
        try:
            found[name] = date.fromisoformat(text) if text else None
        except ValueError:
            faults.append(FieldViolation(name, "DATE_INVALID", "Give a day as YYYY-MM-DD."))
        if found[name] is not None and not 1900 <= found[name].year <= 2200:
            faults.append(FieldViolation(name, "DATE_INVALID", "Give a day between 1900 and 2200."))
    found["renewal_date"] = found["renewal_date"] or found["end_date"]
    if wrong := disordered(found["start_date"], found["end_date"], found["renewal_date"]):
        faults.append(FieldViolation(wrong, "DATES_DISORDERED", "This day lies before the first one."))
    found["currency"], found["minor"] = "", None
    if row.value.strip():
        try:
            found["currency"] = row.currency_code.strip().upper()
            scaled = Decimal(row.value.strip()).scaleb(money.digits(found["currency"]))
            if not _DECIMAL.fullmatch(row.value.strip()) or scaled != scaled.to_integral_value():
                raise InvalidOperation
            found["minor"] = int(scaled)
        except InvalidOperation:
            text = "Give a decimal number with a point, without grouping, not below zero."
            faults.append(FieldViolation("value", "AMOUNT_INVALID", text))
        except money.MoneyError as error:
            faults.append(FieldViolation("currency_code", "CURRENCY_UNKNOWN", str(error)))
    return found, faults


def holding_for(call: Call) -> Callable[[Any], holding_pb2.Holding]:
    """Returns the rendering of a holding for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> holding_pb2.Holding:
        message = holding_pb2.Holding(
            holding_id=str(row.holding_id),
            customer_id=str(row.customer_id),
            dealer_id=str(row.dealer_id or ""),
            kind=row.kind,
            state=row.state,
            provider=row.provider,
            product=row.product,
            number=row.number,
            vin=row.vin,
            start_date=day_message(row.start_date),
            end_date=day_message(row.end_date),
            renewal_date=day_message(row.renewal_date),
            renewals=row.renewals,
            close_time=stamp(row.close_time) if row.close_time else None,
            close_reason=row.close_reason,
            source=row.source,
            create_time=stamp(row.create_time),
            update_time=stamp(row.update_time),
            etag=etag_of(row.version),
        )
        if row.minor is not None:
            units, nanos = money.Money(row.currency, row.minor).units_nanos
            message.value.CopyFrom(money_pb2.Money(currency_code=row.currency, units=units, nanos=nanos))
        shown: holding_pb2.Holding = show(call, message, "holding", message.holding_id, visible)
        return shown

    return render


def filters(request: Any) -> dict[str, Any]:
    """Returns the columns that a list is narrowed by."""
    names = [name for name in ("state", "kind") if name in request.DESCRIPTOR.fields_by_name]
    found: dict[str, Any] = {name: value for name in names if (value := getattr(request, name))}
    if "dealer_id" in request.DESCRIPTOR.fields_by_name and request.dealer_id:
        found["dealer_id"] = optional_id(request.dealer_id)
    return found


def changed(row: Any) -> holding_events_pb2.HoldingChanged:
    """Returns the event that a holding is other than before."""
    return holding_events_pb2.HoldingChanged(
        holding_id=str(row.holding_id),
        customer_id=str(row.customer_id),
        dealer_id=str(row.dealer_id or ""),
        kind=row.kind,
        state=row.state,
        vin=row.vin,
        end_date=day_message(row.end_date),
        renewal_date=day_message(row.renewal_date),
    )


def page(call: Call, kind: Any, rows: Sequence[Any], token: str) -> Any:
    """Returns a page of holdings as the message `kind`."""
    render = holding_for(call)
    return kind(holdings=[render(row) for row in rows], next_page_token=token)
