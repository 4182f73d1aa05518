"""Shows a newcomer the showroom: demo fleets, test drives, quotes (some wait for approval) and referrals. Every step may be repeated."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from google.type import money_pb2
from marque.customer.v1 import quote_pb2

from marquectl.contract import method
from marquectl.door import Door, DoorError
from marquectl.world import nhtsa, vins
from marquectl.world.network import STATIONS

Ask = Callable[..., Message]
_CARS, _DRIVES, _QUOTES = "customer.v1.DemoCarService", "customer.v1.TestDriveService", "customer.v1.QuoteService"
_REFERRALS = "customer.v1.ReferralService"
FLEET = ("One", "Cross")
TRIES = 8  # times that are tried for a drive
HOURS_TOLD = 30  # seconds in which the platform knows the hours of a dealer whose first car came into the fleet
_PRICES = {"CNY": 198_000, "USD": 34_000}


class Showroom:
    """Writes what follows a lead. `request` makes a request with a key of its own."""

    def __init__(self, door: Door, dealer_ids: Mapping[str, str], request: Ask) -> None:
        self._door = door
        self._dealer_ids = dealer_ids
        self._request = request

    async def fleets(self) -> None:
        """Gives each dealer that sells a demo fleet, where it has none."""
        taken: set[str] = set()
        for station in STATIONS:
            dice = random.Random(f"fleet:{station.code}")
            dealer = self._dealer_ids[station.code]
            made = [vins.complete(dice.choice(nhtsa.complaints()).prefix, dice, taken) for _ in FLEET]
            there = await self._ask(f"{_CARS}/ListDemoCars", dealer_id=dealer, page_size=1)
            if not station.sells or there.demo_cars:
                continue
            for vin, model in zip(made, FLEET, strict=True):
                car = {"dealer_id": dealer, "vin": vin, "brand": "Marque", "model": model}
                await self._write(self._door, f"{_CARS}/CreateDemoCar", f"demo-{vin}", demo_car=car)

    async def drive(self, adviser: Door, lead: Any, number: int) -> None:
        """Books the person of a lead a drive of the coming days, unless one is booked; where the dealer has no fleet, nothing."""
        if (await self._ask(f"{_DRIVES}/ListTestDrives", lead_id=lead.lead_id, page_size=1)).test_drives:
            return
        slots = await self._slots(lead.dealer_id)
        for slot in slots[2 * number : 2 * number + TRIES]:
            request: Any = self._request(
                f"{_DRIVES}/BookTestDrive", f"drive-{number}", lead_id=lead.lead_id, demo_car_id=slot.demo_car_id
            )
            request.start_time.CopyFrom(slot.start_time)
            try:
                await adviser.call(f"{_DRIVES}/BookTestDrive", request)
            except DoorError as error:
                if error.reason != "DEMO_CAR_BOOKED":  # by the writing of another lead, since the times were asked for
                    raise
            else:
                return

    async def _slots(self, dealer_id: str) -> Any:
        for _ in range(HOURS_TOLD):
            try:
                return (await self._ask(f"{_DRIVES}/ListTestDriveSlots", dealer_id=dealer_id, days=14)).slots
            except DoorError as error:
                if error.reason != "DEALER_HOURS_UNKNOWN":
                    raise
            await asyncio.sleep(1)
        return []

    async def offer(self, adviser: Door, lead: Any, number: int, *, above_limit: bool) -> None:
        """Makes a quote and sends it; one above the adviser's limit waits for a manager."""
        if (await self._ask(f"{_QUOTES}/ListQuotes", lead_id=lead.lead_id, page_size=1)).quotes:
            return
        currency = lead.budget.currency_code or "CNY"
        price = _PRICES.get(currency, _PRICES["CNY"])
        off = price * (6 if above_limit else 2) // 100
        lines = [
            _line(quote_pb2.QUOTE_LINE_KIND_VEHICLE, f"Marque {lead.interest.model}", currency, price),
            _line(quote_pb2.QUOTE_LINE_KIND_ACCESSORY, "原厂脚垫 / floor mats", currency, price // 200),
            _line(quote_pb2.QUOTE_LINE_KIND_DISCOUNT, "优惠 / discount", currency, off),
        ]
        quote = await self._write(
            adviser, f"{_QUOTES}/CreateQuote", f"quote-{number}", lead_id=lead.lead_id, lines=lines
        )
        if above_limit:
            asked = {"quote_id": quote.quote_id, "reason": "Would sign today"}
            await self._write(adviser, f"{_QUOTES}/RequestQuoteApproval", f"ask-{number}", **asked)
        else:
            await self._write(adviser, f"{_QUOTES}/SendQuote", f"send-{number}", quote_id=quote.quote_id)

    async def refer(self, door: Door, lead: Any, referrer: str, number: int) -> None:
        """Names who referred the person of a lead, unless that is the person."""
        known = await self._ask(f"{_REFERRALS}/ListReferrals", customer_id=lead.customer_id, page_size=1)
        if referrer != lead.customer_id and not known.referrals:
            said = {"lead_id": lead.lead_id, "referrer_customer_id": referrer}
            await self._write(door, f"{_REFERRALS}/CreateReferral", f"refer-{number}", **said)

    async def _ask(self, name: str, **fields: Any) -> Any:
        return await self._door.call(name, method(name).input(**fields))

    async def _write(self, door: Door, name: str, key: str, **fields: Any) -> Any:
        return await door.call(name, self._request(name, key, **fields))


def _line(kind: int, text: str, currency: str, units: int) -> quote_pb2.QuoteLine:
    price = money_pb2.Money(currency_code=currency, units=units)
    return quote_pb2.QuoteLine(kind=kind, text=text, unit_price=price)  # type: ignore[arg-type]
