"""Fills the diaries of the sample's stations: what they give away, and some visits to come. Every step may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from google.protobuf.message import Message

from marquectl.contract import method
from marquectl.door import Door
from marquectl.world.cars import MadeCar
from marquectl.world.network import STATIONS

Ask = Callable[..., Message]
_APPOINTMENTS, _RESOURCES = "vehicle.v1.AppointmentService", "vehicle.v1.ServiceResourceService"
RESOURCES = ((1, "Bay 1"), (1, "Bay 2"), (1, "Bay 3"), (2, "Desk 1"), (2, "Desk 2"), (3, "Loan car 1"))
BOOKED = 12  # cars of the world that have an appointment


class Diaries:
    """Writes them. `request` makes a request with a key of its own."""

    def __init__(self, door: Door, dealer_ids: dict[str, str], request: Ask) -> None:
        self._door = door
        self._dealer_ids = dealer_ids
        self._request = request

    def stations(self) -> list[Coroutine[Any, Any, None]]:
        """Returns the writing of what each station gives away."""
        return [self._station(station.code) for station in STATIONS]

    async def visits(self, cars: list[MadeCar]) -> None:
        """Books a visit for the first cars of a world, one after another: each takes what the one before left free."""
        for index, car in enumerate(cars[:BOOKED]):
            await self._visit(index, car)

    async def _station(self, code: str) -> None:
        dealer = self._dealer_ids[code]
        name = f"{_RESOURCES}/ListServiceResources"
        there = (await self._door.call(name, method(name).input(dealer_id=dealer, page_size=1000))).service_resources
        known = {(one.kind, one.name) for one in there}
        name = f"{_RESOURCES}/CreateServiceResource"
        for kind, called in RESOURCES:
            if (kind, called) not in known:
                resource = {"dealer_id": dealer, "kind": kind, "name": called}
                await self._door.call(name, self._request(name, f"r-{code}-{called}", service_resource=resource))

    async def _visit(self, index: int, car: MadeCar) -> None:
        """The n-th car comes at the n-th free time of the coming week, unless it comes already."""
        dealer, vin = self._dealer_ids[car.home.code], car.vehicle.vin
        name = f"{_APPOINTMENTS}/ListAppointments"
        if (await self._door.call(name, method(name).input(vin=vin, page_size=1))).appointments:
            return
        name = f"{_APPOINTMENTS}/ListAppointmentSlots"
        slots = (await self._door.call(name, method(name).input(dealer_id=dealer, days=8, duration_minutes=90))).slots
        if len(slots) <= index + 2:
            return
        name = f"{_APPOINTMENTS}/BookAppointment"
        appointment = {"dealer_id": dealer, "vin": vin, "kind": 1 + index % 2, "duration_minutes": 90}
        request: Any = self._request(name, f"b-{vin}", appointment=appointment)
        request.appointment.start_time.CopyFrom(slots[index + 2].start_time)
        request.wish = "定期保养" if car.home.country == "CN" else "Scheduled maintenance"
        await self._door.call(name, request)
