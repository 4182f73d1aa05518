"""The cars of the sample world, how they were sold, and which changed hands."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from marque.vehicle.v1.vehicle_import_rows_pb2 import SaleImportRow, VehicleImportRow
from tradekit import plate

from marquectl.world import nhtsa, vins
from marquectl.world.network import STATIONS, Station
from marquectl.world.nhtsa import Complaint
from marquectl.world.people import MadeCustomer, key_of
from marquectl.world.tables import words

WORLD_DAY = date(2026, 10, 31)
"""The day on which the sample world stands still, so that the same seed gives the same world on every day."""

_PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_PLATE_MARKS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
_PROVINCES = {
    "上海市": "沪",
    "浙江省": "浙",
    "江苏省": "苏",
    "北京市": "京",
    "天津市": "津",
    "辽宁省": "辽",
    "广东省": "粤",
    "湖北省": "鄂",
    "四川省": "川",
    "陕西省": "陕",
}
_USUAL_PRICE = 29_000
_PRICES = {
    "F-150": 46_000,
    "Super Duty": 52_000,
    "Expedition": 58_000,
    "Navigator": 82_000,
    "Explorer": 41_000,
    "Mustang": 35_000,
    "Aviator": 56_000,
}
_YUAN = 8  # what a dollar of list price costs in China, import duty included; a round figure, not a rate
_CHANGED_HANDS = 0.04
_LONGEST_FIRST = 730  # days before a car changes hands at the earliest


@dataclass(frozen=True, slots=True)
class Transfer:
    """A car that changed hands: from and to are source keys of customers, `at` an instant."""

    vin: str
    from_key: str
    to_key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MadeCar:
    """A car of the sample: rows of car and sale, the complaint it comes from, and a transfer where it changed hands."""

    vehicle: VehicleImportRow
    sale: SaleImportRow
    complaint: Complaint
    seller: Station
    home: Station
    delivered: date
    transfer: Transfer | None

    def owner_on(self, day: date) -> str:
        """The source key of who owned it on a day."""
        if self.transfer is not None and day >= self.transfer.at.date():
            return self.transfer.to_key
        return self.sale.customer_source_key


def cars_of(seed: int, number: int, owner: MadeCustomer, count: int, taken: set[str]) -> list[MadeCar]:
    """The cars of the n-th customer; `count` is how many cars the world has so far, `taken` their VINs (added to)."""
    dice = random.Random(f"{seed}:cars:{number}")
    amount = dice.randrange(2, 6) if owner.organisation else dice.choices((0, 1, 2), (4, 84, 12))[0]
    if number <= 2:
        amount = 2
    return [_car(dice, number, owner, count + index + 1, taken) for index in range(amount)]


def _car(dice: random.Random, number: int, owner: MadeCustomer, serial: int, taken: set[str]) -> MadeCar:
    complaint = dice.choice(nhtsa.complaints())
    country = owner.home.country
    vin = vins.complete(complaint.prefix, dice, taken)
    first = date(complaint.year - 1, 9, 1)
    invoiced = min(first + timedelta(days=dice.randrange(500)), complaint.received - timedelta(days=30))
    delivered = invoiced + timedelta(days=dice.randrange(10))
    seller = owner.home if owner.home.sells else _neighbour(owner.home)
    use = "company" if owner.organisation else "private"
    vehicle = VehicleImportRow(
        row=serial,
        vin=vin,
        make=complaint.make,
        model=complaint.model,
        model_year=complaint.year,
        exterior_colour=dice.choice(words("en", "colours")),
        build_date=(invoiced - timedelta(days=dice.randrange(30, 120))).isoformat(),
        plate_number=_plate(dice, owner.home),
        market=country,
        use=use,
        energy={"Mustang Mach-E": "electric", "C-Max": "hybrid"}.get(complaint.model, "petrol"),
    )
    price = _PRICES.get(complaint.model, _USUAL_PRICE) + dice.randrange(0, 60) * 150
    factor, currency = (_YUAN, "CNY") if country == "CN" else (1, "USD")
    sale = SaleImportRow(
        row=serial,
        dealer_code=seller.code,
        invoice_number=f"INV-{invoiced.year}-{serial:06d}",
        vin=vin,
        customer_source_key=owner.row.source_key,
        invoice_date=invoiced.isoformat(),
        delivery_date=delivered.isoformat(),
        currency_code=currency,
        price=f"{price * factor}.00",
        discount=f"{dice.randrange(0, 12) * 100 * factor}.00",
        adviser_employee_number=dice.choice(("S01", "S02")),
        payment_kind=dice.choice(("cash", "loan", "loan", "lease")),
        use=use,
        odometer_km=dice.randrange(5, 60),
        source_key=f"S-{serial:06d}",
    )
    return MadeCar(
        vehicle, sale, complaint, seller, owner.home, delivered, _transfer(dice, number, owner, vin, delivered)
    )


def _neighbour(home: Station) -> Station:
    """A dealer of the same province or else the same country that sells cars."""
    selling = [station for station in STATIONS if station.sells and station.country == home.country]
    return next((station for station in selling if station.province == home.province), selling[0])


def _transfer(dice: random.Random, number: int, owner: MadeCustomer, vin: str, delivered: date) -> Transfer | None:
    """To a customer who came before this one, so that a smaller world stays a part of a larger one."""
    drawn, later, to, hour = dice.random(), dice.randrange(900), dice.random(), dice.randrange(9, 17)
    day = delivered + timedelta(days=_LONGEST_FIRST + later)
    if owner.organisation or number <= 2 or drawn >= _CHANGED_HANDS or day > WORLD_DAY - timedelta(days=60):
        return None
    at = datetime.combine(day, time(hour), ZoneInfo(owner.home.zone))
    return Transfer(vin, owner.row.source_key, key_of(1 + int(to * (number - 1))), at)


def _plate(dice: random.Random, home: Station) -> str:
    if home.country == "US":
        return "".join(dice.choices(_PLATE_LETTERS, k=3)) + f"{dice.randrange(10_000):04d}"
    marks = "".join(dice.choices(_PLATE_MARKS, k=4)) + str(dice.randrange(10))
    return plate.normalise(f"{_PROVINCES[home.province]}{dice.choice('ABCDEFG')}{marks.replace('Q', 'R')}").value
