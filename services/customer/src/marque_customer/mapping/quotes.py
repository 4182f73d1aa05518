"""Quotes between rows and messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.type import money_pb2
from marque.customer.v1 import quote_pb2, quote_service_pb2
from servicekit import roles
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from tradekit import money, vin

from marque_customer.mapping.leads import money_message
from marque_customer.mapping.profiles import Faults
from marque_customer.mapping.times import stamp
from marque_customer.rules import quotes as rules

_TEXTS = ("ask_reason", "decide_reason", "close_reason")
_TIMES = ("decide_time", "send_time", "close_time", "create_time", "update_time")
_SUMS = ("list_minor", "discount_minor", "trade_in_minor", "total_minor", "financed_minor")
_OUTPUT = ("version", "create_time", "etag")


def offer_values(request: Any) -> dict[str, Any]:
    """Returns the columns of what is offered, with its sums. Raises InvalidArgument that names the line."""
    currency = request.lines[0].unit_price.currency_code
    lines = [_line(message, currency, f"lines[{index}]") for index, message in enumerate(request.lines)]
    try:
        found = rules.sums([rules.Line(one["kind"], one["quantity"], one["unit_minor"]) for one in lines])
    except rules.QuoteFault as fault:
        raise InvalidArgument.of(fault.path, fault.reason, str(fault)) from None
    if request.HasField("total") and _minor(request.total, currency, "total") != found.total_minor:
        raise InvalidArgument.of("total", "TOTAL_WRONG", "The lines come to another sum.")
    return {
        "currency": currency,
        "lines": lines,
        "discount_basis_points": found.basis_points,
        **{name: getattr(found, name) for name in _SUMS},
    }


def _line(message: quote_pb2.QuoteLine, currency: str, path: str) -> dict[str, Any]:
    quantity = message.quantity or 1
    unit = _minor(message.unit_price, currency, f"{path}.unit_price")
    if not 0 <= unit <= rules.MOST_UNIT_MINOR:
        raise InvalidArgument.of(f"{path}.unit_price", "MONEY_INVALID", "The amount is negative or too great.")
    if message.HasField("amount") and _minor(message.amount, currency, f"{path}.amount") != unit * quantity:
        raise InvalidArgument.of(f"{path}.amount", "AMOUNT_WRONG", "It is not quantity times unit price.")
    found = {"kind": message.kind, "quantity": quantity, "unit_minor": unit, "text": message.text.strip()}
    if not found["text"]:
        raise InvalidArgument.of(f"{path}.text", "FIELD_REQUIRED", "A value is needed here.")
    if message.code:
        found["code"] = message.code
    if message.vin:
        try:
            found["vin"] = vin.normalise(message.vin)
        except vin.VinError as error:
            raise InvalidArgument.of(f"{path}.vin", "VIN_INVALID", str(error)) from None
    return found


def _minor(message: money_pb2.Money, currency: str, path: str) -> int:
    if message.currency_code != currency:
        raise InvalidArgument.of(path, "CURRENCY_MIXED", "All amounts of a quote are in one currency.")
    try:
        return money.from_units_nanos(currency, message.units, message.nanos).minor
    except money.MoneyError as error:
        raise InvalidArgument.of(path, "MONEY_INVALID", str(error)) from None


def quote_for(call: Call) -> Callable[[Any], quote_pb2.Quote]:
    """Returns the rendering of a quote for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> quote_pb2.Quote:
        message = _message(row)
        shown: quote_pb2.Quote = show(call, message, "quote", message.quote_id, visible)
        return shown

    return render


def _message(row: Any) -> quote_pb2.Quote:
    return quote_pb2.Quote(
        quote_id=str(row.quote_id),
        lead_id=str(row.lead_id),
        customer_id=str(row.customer_id),
        dealer_id=str(row.dealer_id),
        adviser_staff_id=str(row.adviser_staff_id or ""),
        number=row.number,
        state=row.state,
        lines=[_line_message(one, row.currency) for one in row.lines],
        sums=_sums(row),
        valid_until_time=stamp(row.valid_until_time),
        allowed_basis_points=row.allowed_basis_points,
        needs_approval=row.needs_approval,
        decide_staff_id=str(row.decide_staff_id or ""),
        etag=etag_of(row.version),
        **{name: getattr(row, name) for name in _TEXTS},
        **{name: stamp(value) for name in _TIMES if (value := getattr(row, name)) is not None},
    )


def _line_message(line: dict[str, Any], currency: str) -> quote_pb2.QuoteLine:
    return quote_pb2.QuoteLine(
        kind=line["kind"],
        code=line.get("code", ""),
        text=line["text"],
        quantity=line["quantity"],
        unit_price=money_message(currency, line["unit_minor"]),
        amount=money_message(currency, line["unit_minor"] * line["quantity"]),
        vin=line.get("vin", ""),
    )


def _sums(row: Any) -> quote_pb2.QuoteSums:
    found = rules.Sums(row.list_minor, row.discount_minor, row.trade_in_minor, row.financed_minor)
    return quote_pb2.QuoteSums(
        list=money_message(row.currency, found.list_minor),
        discount=money_message(row.currency, found.discount_minor),
        trade_in=money_message(row.currency, found.trade_in_minor),
        total=money_message(row.currency, found.total_minor),
        financed=money_message(row.currency, found.financed_minor),
        rest=money_message(row.currency, found.rest_minor),
        discount_basis_points=found.basis_points,
    )


def quote_page(call: Call, rows: Sequence[Any], token: str) -> quote_service_pb2.ListQuotesResponse:
    """Returns a page of quotes."""
    render = quote_for(call)
    return quote_service_pb2.ListQuotesResponse(quotes=[render(row) for row in rows], next_page_token=token)


def version_list(call: Call, rows: Sequence[Any]) -> quote_service_pb2.ListQuoteVersionsResponse:
    """Returns former versions."""
    visible, answer = visible_classes(call.principal.roles), quote_service_pb2.ListQuoteVersionsResponse()
    for row in rows:
        message = quote_pb2.QuoteVersion(
            number=row.number,
            state=row.state,
            lines=[_line_message(one, row.currency) for one in row.lines],
            sums=_sums(row),
            valid_until_time=stamp(row.valid_until_time),
            adviser_staff_id=str(row.adviser_staff_id or ""),
            replace_time=stamp(row.create_time),
        )
        answer.versions.append(show(call, message, "quote", str(row.quote_id), visible))
    return answer


def advice(call: Call, found: Any) -> quote_pb2.QuoteAdvice:
    """Returns what an adviser should know."""
    render, cars = quote_for(call), found.like_cars
    message = quote_pb2.QuoteAdvice(
        like_cars=quote_pb2.QuoteExperience(
            sent=cars.sent,
            accepted=cars.accepted,
            median_basis_points=cars.median,
            highest_basis_points=cars.highest,
        ),
        allowed_basis_points=found.allowed,
        rules_version=found.rules_version,
    )
    shown: quote_pb2.QuoteAdvice = show(call, message, "quote", "", visible_classes(call.principal.roles))
    shown.past_quotes.extend(render(row) for row in found.past)
    return shown


def rules_message(row: Any) -> quote_pb2.QuoteRules:
    """Returns the message of a version of the limits; the etag is of its number."""
    message = ParseDict(row.rules, quote_pb2.QuoteRules())
    message.version, message.etag = row.version, etag_of(row.version)
    message.create_time.CopyFrom(stamp(row.create_time))
    return message


def rules_values(message: quote_pb2.QuoteRules) -> dict[str, Any]:
    """Returns limits as they are stored. Raises InvalidArgument that names every wrong part."""
    faults, seen = Faults(), set()
    for index, limit in enumerate(message.limits):
        if limit.role not in roles.PERMISSIONS:
            faults.add(f"rules.limits[{index}].role", "ROLE_UNKNOWN", "There is no such role.")
        if limit.role in seen:
            faults.add(f"rules.limits[{index}].role", "ROLE_REPEATED", "This role stands there twice.")
        seen.add(limit.role)
    faults.check()
    plain = quote_pb2.QuoteRules()
    plain.CopyFrom(message)
    for name in _OUTPUT:
        plain.ClearField(name)
    found: dict[str, Any] = MessageToDict(plain, preserving_proto_field_name=True)
    return found
