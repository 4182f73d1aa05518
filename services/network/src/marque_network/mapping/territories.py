"""Between rows and messages of territories."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from google.type import latlng_pb2
from marque.network.v1 import dealer_territory_pb2, dealer_territory_service_pb2
from servicekit.paging import Page, moment, page_key

from marque_network.mapping.parts import Faults, set_moment, stamp
from marque_network.mapping.patches import patched
from marque_network.models import Change, DealerTerritory
from marque_network.rules import areas, postcodes

_PLAIN = ("kind", "brand", "exclusive", "country_code")


def territory_values(message: dealer_territory_pb2.DealerTerritory) -> dict[str, Any]:
    """Returns the columns of a territory. Raises InvalidArgument for what the contract's rules cannot see."""
    faults = Faults()
    codes = [_range(faults, index, one) for index, one in enumerate(message.postcodes)]
    if codes and not message.country_code:
        faults.add("territory.country_code", "COUNTRY_NEEDED", "Postal codes need their country.")
    polygons = [[_ring(ring) for ring in polygon.rings] for polygon in message.polygons]
    for index, rings in enumerate(polygons):
        if wrong := areas.fault(rings):
            faults.add(f"territory.polygons[{index}]", "POLYGON_INVALID", wrong)
    if not codes and not polygons:
        faults.add("territory", "TERRITORY_EMPTY", "Give postal codes or an area on the map.")
    faults.check()
    return {
        **{name: getattr(message, name) for name in _PLAIN},
        "dealer_id": uuid.UUID(message.dealer_id),
        "code": message.code,
        "postcodes": codes,
        "polygons": polygons,
    }


def _range(faults: Faults, index: int, given: dealer_territory_pb2.PostcodeRange) -> list[str]:
    place = f"territory.postcodes[{index}]"
    first = postcodes.plain(given.first)
    last = postcodes.plain(given.last) if given.last else first
    if not first or not last or len(first) != len(last):
        text = "Give letters and digits, at most 12, and both ends equally long."
        faults.add(place, "POSTCODE_INVALID", text)
    elif last < first:
        faults.add(place, "POSTCODES_REVERSED", "The last code lies before the first.")
    return [first, last]


def _ring(message: dealer_territory_pb2.GeoRing) -> list[list[float]]:
    return [[point.longitude, point.latitude] for point in message.points]


def territory_patch(
    request: dealer_territory_service_pb2.UpdateDealerTerritoryRequest,
) -> Callable[[DealerTerritory], Change]:
    """Returns what an update request does to the territory that it finds."""

    def change(row: DealerTerritory) -> Change:
        merged, fields = patched(territory_message(row), request.territory, request.update_mask, prefix="territory")
        values = territory_values(merged) if fields else {}
        return Change({name: value for name, value in values.items() if name in fields}, fields)

    return change


def territory_message(row: Any) -> dealer_territory_pb2.DealerTerritory:
    """Returns the message of a territory."""
    message = dealer_territory_pb2.DealerTerritory(
        territory_id=str(row.territory_id),
        dealer_id=str(row.dealer_id),
        code=row.code,
        **{name: getattr(row, name) for name in _PLAIN},
        postcodes=[dealer_territory_pb2.PostcodeRange(first=first, last=last) for first, last in row.postcodes],
        polygons=[
            dealer_territory_pb2.GeoPolygon(rings=[_ring_message(ring) for ring in rings]) for rings in row.polygons
        ],
    )
    set_moment(message, "end_time", row.end_time)
    found: dealer_territory_pb2.DealerTerritory = stamp(message, row)
    return found


def _ring_message(ring: Sequence[Sequence[float]]) -> dealer_territory_pb2.GeoRing:
    points = [latlng_pb2.LatLng(latitude=latitude, longitude=longitude) for longitude, latitude in ring]
    return dealer_territory_pb2.GeoRing(points=points)


def territory_key(page: Page, order_by: str) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, moment if order_by.startswith("update_time") else str, uuid.UUID)


def territory_page(
    rows: Sequence[Any], page: Page, order_by: str
) -> dealer_territory_service_pb2.ListDealerTerritoriesResponse:
    """Returns the answer of a list request."""
    name = "update_time" if order_by.startswith("update_time") else "code"
    shown, token = page.cut(rows, lambda row: (getattr(row, name), str(row.territory_id)))
    return dealer_territory_service_pb2.ListDealerTerritoriesResponse(
        territories=[territory_message(row) for row in shown], next_page_token=token
    )
