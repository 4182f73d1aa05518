"""Between the search for dealers by place, their status changes, and the messages of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from marque.network.v1 import dealer_pb2, dealer_service_pb2
from servicekit.masking import show
from servicekit.paging import Page, page_key
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_network.mapping.dealers import dealer_summary
from marque_network.mapping.parts import Faults, number, set_moment, text_of
from marque_network.rules import postcodes


def nearest_answer(found: Iterable[Any], truncated: bool) -> dealer_service_pb2.FindNearestDealersResponse:
    """Returns the answer of the search for the nearest (`usecases.places.Near`)."""
    answer = dealer_service_pb2.FindNearestDealersResponse(truncated=truncated)
    for one in found:
        message = answer.dealers.add(
            dealer=dealer_summary(one.row), distance_metres=round(one.row.distance), open_state=one.open_state
        )
        set_moment(message, "close_time", one.closes)
    return answer


def place_asked(request: dealer_service_pb2.FindDealersForPlaceRequest) -> dict[str, Any]:
    """Returns the place of a request: its postal code as a number, its point. Raises InvalidArgument."""
    faults = Faults()
    code = postcodes.plain(request.postal_code)
    point = request.HasField("latitude") and request.HasField("longitude")
    if request.postal_code and not code:
        faults.add("postal_code", "POSTCODE_INVALID", "Give letters and digits, at most 12.")
    if code and not request.country_code:
        faults.add("country_code", "COUNTRY_NEEDED", "A postal code needs its country.")
    if request.HasField("latitude") != request.HasField("longitude"):
        missing = "longitude" if request.HasField("latitude") else "latitude"
        faults.add(missing, "FIELD_REQUIRED", "A place needs latitude and longitude.")
    elif not request.postal_code and not point:
        faults.add("postal_code", "PLACE_NEEDED", "Give a postal code, or latitude and longitude.")
    faults.check()
    return {
        "country_code": request.country_code,
        "postcode": postcodes.number(code) if code else None,
        "point": (request.latitude, request.longitude) if point else None,
        "kind": request.kind,
        "brand": request.brand,
        "limit": request.limit or 3,
    }


def place_answer(found: Iterable[Any]) -> dealer_service_pb2.FindDealersForPlaceResponse:
    """Returns the answer of the search by place (`usecases.places.Answering`)."""
    answer = dealer_service_pb2.FindDealersForPlaceResponse()
    for one in found:
        message = answer.dealers.add(
            dealer=dealer_summary(one.row),
            reason=one.reason,
            territory_code=one.territory_code,
            exclusive=one.exclusive,
        )
        if one.metres is not None:
            message.distance_metres = round(one.metres)
    return answer


def change_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the number after which a page starts."""
    return page_key(page, number)


def change_page(rows: Sequence[Any], page: Page, call: Call) -> dealer_service_pb2.ListDealerStatusChangesResponse:
    """Returns the answer of a list request."""
    shown, token = page.cut(rows, lambda row: (row.number,))
    visible = visible_classes(call.principal.roles)
    answer = dealer_service_pb2.ListDealerStatusChangesResponse(next_page_token=token)
    for row in shown:
        message = dealer_pb2.DealerStatusChange(
            number=row.number,
            from_status=row.from_status,
            to_status=row.to_status,
            reason=row.reason,
            note=row.note,
            successor_dealer_id=text_of(row.successor_dealer_id),
            principal=row.principal,
        )
        message.create_time.FromDatetime(row.create_time)
        answer.changes.append(show(call, message, "dealer", str(row.dealer_id), visible))
    return answer
