"""Judging new visits by what is known of their cars: other stations' visits, and the sale that gave the car its first owner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.errors import RepairBeforeSale, VehicleInWorkshop
from marque_vehicle.repository import visits
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules import stays
from marque_vehicle.rules.stays import Stay
from marque_vehicle.usecases.imports.reading import Reading


async def check_opening(
    session: AsyncSession, scope: Scope, vin: str, stay: Stay, lines: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Judges one visit of a car that is locked. Raises VehicleInWorkshop, RepairBeforeSale."""
    known = (await visits.around(session, [vin], [stay])).get(0)
    if known is None:
        return
    for other, number in known.elsewhere:
        if stays.collide(stay, other, now):
            raise VehicleInWorkshop(**named(scope, other, number))
    if stays.before_sale(stay.opened, known.sold, lines):
        raise RepairBeforeSale()


async def check_closing(session: AsyncSession, order: Any) -> None:
    """Judges the final lines of an order whose car is locked. Raises RepairBeforeSale."""
    stay = Stay(order.dealer_id, order.open_time, order.close_time)
    known = (await visits.around(session, [order.vin], [stay])).get(0)
    if known is not None and stays.before_sale(stay.opened, known.sold, order.lines):
        raise RepairBeforeSale()


async def judge(session: AsyncSession, scope: Scope, found: Sequence[Reading], now: datetime) -> list[Reading]:
    """Refuses those of some imported visits that cannot be, by what is known and by the visits before them; returns the others."""
    spans = [Stay(one.values["dealer_id"], one.values["open_time"], one.values["close_time"]) for one in found]
    known = await visits.around(session, [one.values["vin"] for one in found], spans)
    taken: dict[str, list[tuple[Stay, str]]] = {}
    for place, (reading, stay) in enumerate(zip(found, spans, strict=True)):
        around = known.get(place)
        mine = taken.setdefault(reading.values["vin"], [])
        for other, number in (*(around.elsewhere if around else ()), *mine):
            if stays.collide(stay, other, now):
                which = named(scope, other, number)
                told = f" It is order {which['number']} of {which['dealer_id']}." if which else ""
                reading.refuse("open_time", VehicleInWorkshop.reason, VehicleInWorkshop.message + told)
                break
        if around and stays.before_sale(stay.opened, around.sold, reading.values["lines"]):
            reading.refuse("open_time", RepairBeforeSale.reason, RepairBeforeSale.message)
        if not reading.violations:
            mine.append((stay, reading.values["number"]))
    return [one for one in found if not one.violations]


def named(scope: Scope, other: Stay, number: str) -> dict[str, Any]:
    """Returns which visit is in the way, for whoever may see it; nothing for others: where a car is serviced is its owner's matter."""
    seen = scope.everything or other.dealer in scope.dealers
    return {"dealer_id": str(other.dealer), "number": number} if seen else {}
