"""Between sales and their messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from marque.vehicle.v1 import sale_pb2, sale_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.db.query import json_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.paging import Page
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_vehicle.mapping import sums
from marque_vehicle.models import Sale
from marque_vehicle.rules import vins


def sale_values(message: sale_pb2.Sale) -> dict[str, Any]:
    """Returns the columns of a new sale, without dealer, car, buyer and start. Raises InvalidArgument, CurrencyMixed."""
    currency = sums.Currency()
    amounts = {
        name: currency.take(getattr(message, name), f"sale.{name}") if message.HasField(name) else None
        for name in ("price", "discount", "margin")
    }
    options = [_option(one, currency, f"sale.options[{index}]") for index, one in enumerate(message.options)]
    trade_in = _trade_in(message.trade_in, currency) if message.HasField("trade_in") else None
    number = message.invoice_number.strip()
    if not number:
        raise InvalidArgument.of("sale.invoice_number", "REQUIRED", "Give the number of the invoice.")
    return {
        **amounts,
        "options": options,
        "currency": currency.code,
        "invoice_number": number,
        "invoice_date": fields.as_day(message, "invoice_date", "sale.invoice_date"),
        "delivery_date": fields.as_day(message, "delivery_date", "sale.delivery_date"),
        "adviser_staff_id": fields.uuid_or_none(message.adviser_staff_id),
        "use": message.use,
        "payment_kind": message.payment_kind,
        "odometer_km": message.odometer_km,
        "source": message.source,
        "source_key": message.source_key,
        "order_id": fields.uuid_or_none(message.order_id),
        "lead_id": fields.uuid_or_none(message.lead_id),
        "quote_number": message.quote_number.strip(),
        "trade_in": trade_in,
    }


def _trade_in(message: sale_pb2.TradeIn, currency: sums.Currency) -> dict[str, Any]:
    path = "sale.trade_in"
    vin = vins.tidy(message.vin)
    if vin and not vins.check(vin, "").shape:
        raise InvalidArgument.of(f"{path}.vin", "VIN_INVALID", "Give the 17 characters of the car given in, or none.")
    allowance = currency.take(message.allowance, f"{path}.allowance") if message.HasField("allowance") else None
    return {"vin": vin, "description": message.description.strip(), "allowance": allowance}


def _option(message: sale_pb2.SaleOption, currency: sums.Currency, path: str) -> dict[str, Any]:
    price = currency.take(message.price, f"{path}.price") if message.HasField("price") else None
    return {"code": message.code, "description": message.description, "price": price}


def sale_for(call: Call) -> Callable[[fields.Row], sale_pb2.Sale]:
    """Returns the rendering of a sale for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> sale_pb2.Sale:
        message = sale_message(row)
        shown: sale_pb2.Sale = show(call, message, "sale", message.sale_id, visible)
        return shown

    return render


def rendered(call: Call) -> Callable[[Sale], sale_pb2.Sale]:
    """Returns the rendering of a sale that was written."""
    render = sale_for(call)
    return lambda sale: render(fields.row_of(sale))


def sale_message(row: fields.Row) -> sale_pb2.Sale:
    """Returns a sale as it is, nothing withheld."""
    currency = row["currency"]
    message = sale_pb2.Sale(
        sale_id=str(row["sale_id"]),
        dealer_id=str(row["dealer_id"]),
        vin=row["vin"],
        buyer_customer_id=fields.text(row["buyer_customer_id"]),
        invoice_number=row["invoice_number"],
        adviser_staff_id=fields.text(row["adviser_staff_id"]),
        payment_kind=row["payment_kind"],
        use=row["use"],
        odometer_km=row["odometer_km"],
        source=row["source"],
        source_key=row["source_key"],
        state=row["state"],
        reversal_reason=row["reversal_reason"],
        order_id=fields.text(row["order_id"]),
        lead_id=fields.text(row["lead_id"]),
        quote_number=row["quote_number"],
        etag=etag_of(row["version"]),
    )
    fields.set_day(message, "invoice_date", row["invoice_date"])
    fields.set_day(message, "delivery_date", row["delivery_date"])
    sums.set_money(message, "price", currency, row["price"])
    sums.set_money(message, "discount", currency, row["discount"])
    sums.set_money(message, "margin", currency, row["margin"])
    if (given := json_of(row["trade_in"])) is not None:
        message.trade_in.vin, message.trade_in.description = given["vin"], given["description"]
        sums.set_money(message.trade_in, "allowance", currency, given["allowance"])
    for option in json_of(row["options"]):
        made = message.options.add(code=option["code"], description=option["description"])
        sums.set_money(made, "price", currency, option["price"])
    for name in ("reverse_time", "create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def sale_filters(request: sale_service_pb2.ListSalesRequest) -> dict[str, Any]:
    """Returns what a list request narrows by, customers apart. Raises InvalidArgument."""
    return {
        "dealer_id": request.dealer_id,
        "adviser_staff_id": request.adviser_staff_id,
        "state": request.state,
        "invoice_date_from": fields.as_day(request, "invoice_date_from"),
        "invoice_date_to": fields.as_day(request, "invoice_date_to"),
    }


def sale_page(rows: Sequence[Any], page: Page, column: str, call: Call) -> sale_service_pb2.ListSalesResponse:
    """Returns the answer of a list request; `column` is the one it was ordered by."""

    def key(row: Any) -> tuple[Any, ...]:
        value = row[column]
        return (value.isoformat() if column == "invoice_date" else value, str(row["sale_id"]))

    shown, token = page.cut(rows, key)
    render = sale_for(call)
    return sale_service_pb2.ListSalesResponse(sales=[render(row) for row in shown], next_page_token=token)
