"""Rows of stations' diaries, at every place: a bay, an adviser, and an appointment of the customer there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from servicekit.testing.access.registry import Row

_APPOINTMENT, _RESOURCE = "repair order:appointment", "calendar:service resource"


def coming(weekday: int) -> datetime:
    """Two in the morning (UTC) of a weekday at least two days ahead: ten o'clock at the stations of the world."""
    day = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0) + timedelta(days=2)
    return day + timedelta(days=(weekday - day.weekday()) % 7)


def sunday() -> str:
    """A time at which no station is open."""
    return coming(6).isoformat().replace("+00:00", "Z")


async def make(cast: Any, places: Any) -> None:
    """Makes the rows; `cast` has dealers with hours (Mondays from nine to five), staff, customers and cars of all places."""
    for place in places:
        await _station(cast, place)
        await _appointment(cast, place, place, 0)
    await _appointment(cast, "desk", "own", 1)
    own = cast.row("car", "own").id
    cast.rows["diary"] = {
        place: Row(place, row.id, {**row.facts, "vin": own}) for place, row in cast.rows["dealer"].items()
    }


async def _station(cast: Any, place: str) -> None:
    dealer = cast.row("dealer", place).id
    for kind, name in ((1, "B1"), (2, "A1")):
        body = {"dealerId": dealer, "kind": kind, "name": name}
        if kind == 2:
            body["staffId"] = cast.row("staff", place).id
        made = await cast.post("oem.manager", "/v1/serviceResources", body)
        if kind == 2:
            cast.rows.setdefault(_RESOURCE, {})[place] = Row(place, made["resourceId"], {"dealer": dealer})


async def _appointment(cast: Any, place: str, dealer: str, hour: int) -> None:
    body = {
        "dealerId": cast.row("dealer", dealer).id,
        "vin": cast.row("car", place).id,
        "customerId": cast.row("customer", place).id,
        "kind": "APPOINTMENT_KIND_MAINTENANCE",
        "startTime": (coming(0) + timedelta(hours=hour)).isoformat().replace("+00:00", "Z"),
    }
    made = await cast.post("oem.manager", "/v1/appointments", {"appointment": body, "wish": "It squeals."})
    cast.rows.setdefault(_APPOINTMENT, {})[place] = Row(place, made["appointmentId"])
