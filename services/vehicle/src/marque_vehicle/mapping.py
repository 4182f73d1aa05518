"""Between rows and messages of the vehicle service."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from google.type import date_pb2
from marque.vehicle.v1 import sale_pb2, sale_service_pb2
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.paging import Page, page_key
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal

from marque_vehicle.models import Sale


def sale_values(message: sale_pb2.Sale, principal: Principal) -> dict[str, Any]:
    """Returns the columns of a new sale. Raises InvalidArgument for dates that are none, or a dealer that is not the caller's."""
    dealer = message.dealer_id or next(iter(principal.dealers), "")
    if not dealer or (principal.is_dealer and dealer not in principal.dealers):
        raise InvalidArgument.of("sale.dealer_id", "DEALER_NOT_YOURS", "Name a dealer that you work for.")
    return {
        "dealer_id": uuid.UUID(dealer),
        "vin": message.vin,
        "buyer_customer_id": uuid.UUID(message.buyer_customer_id),
        "invoice_number": message.invoice_number,
        "invoice_date": as_date(message.invoice_date, "sale.invoice_date"),
        "delivery_date": as_date(message.delivery_date, "sale.delivery_date")
        if message.HasField("delivery_date")
        else None,
        "use": message.use,
        "payment_kind": message.payment_kind,
        "source": message.source,
        "source_key": message.source_key,
    }


def as_date(message: date_pb2.Date, field: str) -> date:
    """Returns a whole date. Raises InvalidArgument."""
    try:
        return date(message.year, message.month, message.day)
    except ValueError:
        raise InvalidArgument.of(field, "DATE_INVALID", "Give a calendar date with year, month and day.") from None


def sale_for(call: Call) -> Callable[[Sale], sale_pb2.Sale]:
    """Returns the rendering of a sale for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Sale) -> sale_pb2.Sale:
        message = sale_pb2.Sale(
            sale_id=str(row.sale_id),
            dealer_id=str(row.dealer_id),
            vin=row.vin,
            buyer_customer_id=str(row.buyer_customer_id),
            invoice_number=row.invoice_number,
            invoice_date=date_pb2.Date(
                year=row.invoice_date.year, month=row.invoice_date.month, day=row.invoice_date.day
            ),
            use=row.use,  # type: ignore[arg-type]
            state=row.state,  # type: ignore[arg-type]
            reversal_reason=row.reversal_reason,
            etag=row.etag,
        )
        message.create_time.FromDatetime(row.create_time)
        message.update_time.FromDatetime(row.update_time)
        return show(call, message, "sale", message.sale_id, visible)

    return render


def sale_filters(request: sale_service_pb2.ListSalesRequest) -> dict[str, Any]:
    """Returns the columns that a list request narrows."""
    found = {
        name: uuid.UUID(getattr(request, name)) for name in ("dealer_id", "buyer_customer_id") if getattr(request, name)
    }
    return {**found, **({"vin": request.vin} if request.vin else {})}


def sale_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, date.fromisoformat, uuid.UUID)


def sale_page(rows: Sequence[Sale], page: Page, call: Call) -> sale_service_pb2.ListSalesResponse:
    """Returns the answer of a list request."""
    shown, token = page.cut(rows, lambda row: (row.invoice_date.isoformat(), str(row.sale_id)))
    return sale_service_pb2.ListSalesResponse(sales=[sale_for(call)(row) for row in shown], next_page_token=token)
