"""Upkeep of the sample's cars: maintenance that is due and overdue, a claim returned and one paid, a part on its way, help on the road.

Every step may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from marquectl.contract import method
from marquectl.door import Door
from marquectl.world.cars import MadeCar

Ask = Callable[..., Message]
_CLAIMS, _PARTS = "vehicle.v1.WarrantyClaimService", "vehicle.v1.PartsOrderService"
_ROADSIDE, _ORDERS = "vehicle.v1.RoadsideService", "vehicle.v1.RepairOrderService"
_WARRANTY, _OPEN, _CLOSED = 2, 1, 2
_LOOKED_AT = 1000  # repair orders among which claims are sought
# What is serviced when, by market: (kilometres, months) of the first services.
STEPS = {"CN": ((5_000, 6), (10_000, 12), (20_000, 24)), "US": ((8_000, 6), (16_000, 12), (24_000, 18))}
MAINTENANCE = "OP-MAINT-05"  # the operation of the world's services
HELP_PHONE = "+12025550143"  # of the numbers that are kept for stories


class Upkeep:
    """Writes it. `request` makes a request with a key of its own."""

    def __init__(self, door: Door, dealer_ids: dict[str, str], request: Ask) -> None:
        self._door = door
        self._dealer_ids = dealer_ids
        self._request = request

    async def bring(self, cars: list[MadeCar]) -> None:
        """Writes the plans, counts cars in use from last year on, settles some claims, orders a part and sends help."""
        for market, steps in STEPS.items():
            await self._plan(market, steps)
        first = {"year": 2025, "month": 12, "day": 1}
        await self._call("vehicle.v1.VehicleExposureService/CountExposure", "exposure", month_from=first)
        await self._claims()
        await self._part()
        if cars:
            await self._help(cars[0])

    async def _plan(self, market: str, steps: tuple[tuple[int, int], ...]) -> None:
        plan = {
            "plan_code": f"{market}-BASE",
            "market": market,
            "effective_from": {"year": 2010, "month": 1, "day": 1},
            "steps": [{"km": km, "months": months} for km, months in steps],
            "repeat_km": 10_000,
            "repeat_months": 12,
            "operation_codes": [MAINTENANCE],
        }
        name = "vehicle.v1.MaintenanceService/PutMaintenancePlan"
        await self._call(name, f"plan-{market}", maintenance_plan=plan)

    async def _claims(self) -> None:
        """Of the latest visits under warranty the first is claimed and returned, the second paid, the third waits."""
        if await self._there(f"{_CLAIMS}/ListWarrantyClaims", "claims"):
            return
        listing = f"{_ORDERS}/ListRepairOrders"
        found = await self._door.call(listing, method(listing).input(state=_CLOSED, page_size=_LOOKED_AT))
        orders = [one for one in found.repair_orders if any(line.pay_type == _WARRANTY for line in one.lines)]
        for place, order in enumerate(orders[:3]):
            asked = {"repair_order_id": order.repair_order_id}
            claim = await self._call(f"{_CLAIMS}/SubmitWarrantyClaim", f"claim-{order.number}", **asked)
            steps: tuple[tuple[str, dict[str, str]], ...] = (
                (("Return", {"reason": "PHOTOS_MISSING"}),),
                (("Check", {}), ("Approve", {}), ("Pay", {"payment_reference": f"PAY-{order.number}"})),
                (),
            )[place]
            for verb, fields in steps:
                key = f"{verb}-{order.number}"
                await self._call(f"{_CLAIMS}/{verb}WarrantyClaim", key, claim_id=claim.claim_id, **fields)

    async def _part(self) -> None:
        """A part on its way for a repair order that is open."""
        if await self._there(f"{_PARTS}/ListPartsOrders", "parts_orders"):
            return
        waiting = await self._there(f"{_ORDERS}/ListRepairOrders", "repair_orders", state=_OPEN)
        code, dealer = next(iter(self._dealer_ids.items()))
        part: dict[str, Any] = {"dealer_id": dealer, "warehouse_code": f"WH-{code[:2]}", "part_number": "PAD-FR-07"}
        if waiting:
            part |= {"dealer_id": waiting[0].dealer_id, "repair_order_id": waiting[0].repair_order_id}
        made = await self._call(f"{_PARTS}/PlacePartsOrder", "part", parts_order=part)
        day = {"year": made.order_time.ToDatetime().year + 1, "month": 1, "day": 15}
        await self._call(
            f"{_PARTS}/PromisePartsOrder", "promise", parts_order_id=made.parts_order_id, promised_date=day
        )

    async def _help(self, car: MadeCar) -> None:
        """A car that stands near its dealer, to which the nearest station was sent."""
        vin = car.vehicle.vin
        if await self._there(f"{_ROADSIDE}/ListRoadsideCases", "cases", vin=vin):
            return
        where = {"latitude": car.home.latitude + 0.05, "longitude": car.home.longitude}
        asked = {"vin": vin, "phone": HELP_PHONE, "problem": 6, "location": where, "note": "Stopped on the ring road."}
        case = await self._call(f"{_ROADSIDE}/OpenRoadsideCase", f"help-{vin}", **asked)
        sent = {"dealer_id": self._dealer_ids[car.home.code]}
        await self._call(f"{_ROADSIDE}/DispatchRoadsideCase", f"sent-{vin}", case_id=case.case_id, **sent)

    async def _there(self, name: str, items: str, **filters: Any) -> Any:
        return getattr(await self._door.call(name, method(name).input(page_size=1, **filters)), items)

    async def _call(self, name: str, key: str, **fields: Any) -> Any:
        return await self._door.call(name, self._request(name, key, **fields))
