"""Between rows and messages of dealers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from google.type import date_pb2, latlng_pb2
from marque.network.v1 import dealer_pb2, dealer_service_pb2
from marque.type.v1 import address_pb2
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.ids import is_uuid
from servicekit.paging import Page, moment, page_key

from marque_network.mapping.patches import patched, required
from marque_network.models import Change, Dealer
from marque_network.rules.hours import is_zone, zone_fault
from marque_network.rules.readings import LANGUAGE

_ADDRESS = ("country_code", "province", "city", "district", "postal_code")
_CAPACITY = ("service_bays", "loan_cars", "service_cars_per_day", "handovers_per_day")
_PLAIN = ("code", "channel_type", "group_code", "region_code", "phone", "email", "time_zone", *_CAPACITY)


def dealer_values(message: dealer_pb2.Dealer) -> dict[str, Any]:
    """Returns the columns of a dealer. Raises InvalidArgument for what the contract's rules cannot see."""
    wrong = [*_faults(message)]
    opened, closed = (_date(message, name, wrong) for name in ("open_date", "close_date"))
    if opened and closed and closed < opened:
        wrong.append(FieldViolation("dealer.close_date", "DATES_REVERSED", "A dealer closes after it opens."))
    if wrong:
        raise InvalidArgument(violations=wrong)
    located = message.HasField("location")
    return {
        **{name: getattr(message, name) for name in _PLAIN},
        "names": dict(message.names),
        "kinds": sorted(message.kinds),
        "brands": list(dict.fromkeys(message.brands)),
        "address": _address_values(message.address) if message.HasField("address") else None,
        "latitude": message.location.latitude if located else None,
        "longitude": message.location.longitude if located else None,
        "status": message.status or Dealer.PLANNED,
        "open_date": opened,
        "close_date": closed,
    }


def _faults(message: dealer_pb2.Dealer) -> Iterable[FieldViolation]:
    if not is_zone(message.time_zone):
        yield zone_fault("dealer.time_zone")
    for language, name in message.names.items():
        if not LANGUAGE.fullmatch(language):
            yield FieldViolation("dealer.names", "LANGUAGE_INVALID", "Give a language tag such as zh-CN.")
        if not name.strip():
            yield required("dealer.names")


def _date(message: dealer_pb2.Dealer, name: str, wrong: list[FieldViolation]) -> date | None:
    if not message.HasField(name):  # type: ignore[arg-type]
        return None
    found: date_pb2.Date = getattr(message, name)
    try:
        return date(found.year, found.month, found.day)
    except ValueError:
        wrong.append(FieldViolation(f"dealer.{name}", "DATE_INVALID", "Give a calendar date with year, month and day."))
        return None


def _address_values(message: address_pb2.Address) -> dict[str, Any]:
    found = {name: getattr(message, name) for name in _ADDRESS if getattr(message, name)}
    return {**found, **({"lines": list(message.lines)} if message.lines else {})}


def dealer_patch(request: dealer_service_pb2.UpdateDealerRequest) -> Callable[[Dealer], Change]:
    """Returns what an update request does to the dealer that it finds."""

    def change(row: Dealer) -> Change:
        merged, fields = patched(dealer_message(row), request.dealer, request.update_mask, prefix="dealer")
        values = dealer_values(merged) if fields else {}
        names = {column for field in fields for column in _columns(field)}
        return Change({name: value for name, value in values.items() if name in names}, fields)

    return change


def _columns(field: str) -> tuple[str, ...]:
    return ("latitude", "longitude") if field == "location" else (field,)


def dealer_message(row: Any) -> dealer_pb2.Dealer:
    """Returns the message of a dealer's row."""
    message = dealer_pb2.Dealer(
        dealer_id=str(row.dealer_id),
        **{name: getattr(row, name) for name in _PLAIN},
        names=row.names,
        kinds=row.kinds,
        brands=row.brands,
        address=_address(row),
        location=_location(row),
        status=row.status,
        open_date=_date_message(row.open_date),
        close_date=_date_message(row.close_date),
        status_reason=row.status_reason,
        successor_dealer_id=str(row.successor_dealer_id or ""),
        etag=etag_of(row.version),
    )
    message.create_time.FromDatetime(row.create_time)
    message.update_time.FromDatetime(row.update_time)
    return message


def dealer_summary(row: Any) -> dealer_pb2.DealerSummary:
    """Returns what anybody may know of a dealer."""
    return dealer_pb2.DealerSummary(
        dealer_id=str(row.dealer_id),
        code=row.code,
        names=row.names,
        kinds=row.kinds,
        brands=row.brands,
        address=_address(row),
        phone=row.phone,
        location=_location(row),
        time_zone=row.time_zone,
    )


def _address(row: Any) -> address_pb2.Address | None:
    return None if row.address is None else address_pb2.Address(**row.address)


def _location(row: Any) -> latlng_pb2.LatLng | None:
    return None if row.latitude is None else latlng_pb2.LatLng(latitude=row.latitude, longitude=row.longitude)


def _date_message(value: date | None) -> date_pb2.Date | None:
    return None if value is None else date_pb2.Date(year=value.year, month=value.month, day=value.day)


def dealer_filters(request: Any, *names: str) -> dict[str, Any]:
    """Returns the filters that a request sets, of those named."""
    return {name: getattr(request, name) for name in names if getattr(request, name)}


def dealer_key(page: Page, order_by: str) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, moment if order_by.startswith("update_time") else str, uuid.UUID)


def dealer_page(rows: Sequence[Any], page: Page, order_by: str) -> dealer_service_pb2.ListDealersResponse:
    """Returns the answer of a list request."""
    name = "update_time" if order_by.startswith("update_time") else "code"
    shown, token = page.cut(rows, lambda row: (getattr(row, name), str(row.dealer_id)))
    return dealer_service_pb2.ListDealersResponse(dealers=[dealer_message(row) for row in shown], next_page_token=token)


def dealer_batch(
    request: dealer_service_pb2.BatchGetDealersRequest, rows: Sequence[Any]
) -> dealer_service_pb2.BatchGetDealersResponse:
    """Returns the answer of a batch request, with what is missing."""
    ids, codes = {str(row.dealer_id) for row in rows}, {row.code for row in rows}
    return dealer_service_pb2.BatchGetDealersResponse(
        dealers=[dealer_message(row) for row in rows],
        missing_dealer_ids=sorted({one.lower() for one in request.dealer_ids} - ids),
        missing_codes=sorted(set(request.codes) - codes),
    )


def export_cursor(text: str) -> uuid.UUID | None:
    """Returns the dealer after which an export goes on. Raises InvalidArgument."""
    if text and not is_uuid(text):
        raise InvalidArgument.of("cursor", "CURSOR_INVALID", "Give the cursor of an answer, or none.")
    return uuid.UUID(text) if text else None
