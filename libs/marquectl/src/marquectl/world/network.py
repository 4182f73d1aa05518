"""The dealers of the sample world, their people and their hours. The places are real, the companies are not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from marque.network.v1 import calendar_pb2
from marque.network.v1 import network_import_service_pb2 as rows

from marquectl.world.names import MadePerson, american_person, chinese_person, email
from marquectl.world.tables import rows as rows_of

BRANDS = "Ford;Lincoln;Mercury"


@dataclass(frozen=True, slots=True)
class Station:
    """A dealer of the sample. `zone` IANA; `latitude` and `longitude` WGS 84 of the city."""

    code: str
    zh: str
    en: str
    group: str
    region: str
    province: str
    city: str
    postal_code: str
    latitude: float
    longitude: float
    zone: str
    kinds: str

    @property
    def country(self) -> str:
        """ISO 3166-1 alpha-2."""
        return self.code[:2]

    @property
    def sells(self) -> bool:
        """Whether it sells cars."""
        return "sales" in self.kinds.split(";")


STATIONS = tuple(
    Station(**{**row, "latitude": float(row["latitude"]), "longitude": float(row["longitude"])})  # type: ignore[arg-type]
    for row in rows_of("dealers.csv")
)
POSTS = (
    ("M01", "dealer.manager"),
    ("S01", "dealer.sales"),
    ("S02", "dealer.sales"),
    ("A01", "dealer.service"),
    ("A02", "dealer.service"),
    ("T01", "dealer.technician"),
    ("T02", "dealer.technician"),
    ("C01", "dealer.care"),
)
MAKER_POSTS = (
    ("H001", "oem.manager", ""),
    ("H002", "oem.agent", ""),
    ("H003", "oem.agent", ""),
    ("H004", "oem.quality", ""),
    ("H005", "oem.technical", ""),
    ("H006", "oem.marketing", ""),
    ("H007", "oem.keyaccount", ""),
    ("H008", "oem.admin", ""),
    *(
        (f"R{number:03d}", "oem.region", region)
        for number, region in enumerate(dict.fromkeys(station.region for station in STATIONS), 1)
    ),
)


_DEPARTMENTS = {
    "dealer.sales": "Sales",
    "dealer.service": "Service",
    "dealer.technician": "Service",
    "dealer.care": "Care",
}


def subject_of(dealer_code: str, number: str) -> str:
    """The identity provider's subject of a member of staff."""
    return f"staff:{dealer_code or 'maker'}:{number}".lower()


def dealer_rows() -> Iterator[rows.DealerImportRow]:
    """One row per dealer."""
    for number, station in enumerate(STATIONS, 1):
        chinese = station.country == "CN"
        yield rows.DealerImportRow(
            row=number,
            code=station.code,
            names={"zh-CN": station.zh, "en": station.en},
            kinds=station.kinds,
            channel_type="retailer",
            group_code=station.group,
            region_code=station.region,
            brands=BRANDS,
            country_code=station.country,
            province=station.province,
            city=station.city,
            address_line=f"中山路{number * 8}号" if chinese else f"{number * 100} Main Street",
            postal_code=station.postal_code,
            email=f"{station.code.lower()}@example.com",
            latitude=station.latitude,
            longitude=station.longitude,
            time_zone=station.zone,
            status="active",
        )


def staff_rows(seed: int) -> Iterator[rows.StaffImportRow]:
    """Eight people per dealer and some at the maker; a leader stands before those who are led."""
    number = 0
    for station in STATIONS:
        for employee, role in POSTS:
            number += 1
            dice = random.Random(f"{seed}:staff:{station.code}:{employee}")
            person = chinese_person(dice) if station.country == "CN" else american_person(dice)
            row = _staff_row(number, person, employee, role, station.country)
            row.dealer_code, row.subject = station.code, subject_of(station.code, employee)
            row.manager_employee_number = "" if employee == "M01" else "M01"
            yield row
    for employee, role, region in MAKER_POSTS:
        number += 1
        dice = random.Random(f"{seed}:staff:maker:{employee}")
        chinese = not region.startswith("US")
        row = _staff_row(
            number,
            chinese_person(dice) if chinese else american_person(dice),
            employee,
            role,
            "CN" if chinese else "US",
        )
        row.subject, row.region_code = subject_of("", employee), region
        yield row


def _staff_row(number: int, person: MadePerson, employee: str, role: str, country: str) -> rows.StaffImportRow:
    return rows.StaffImportRow(
        row=number,
        employee_number=employee,
        full_name=person.full,
        family_name=person.family,
        given_name=person.given,
        latin_name=person.latin,
        email=email(f"staff.{person.latin}", number),
        roles=role,
        languages="zh-CN;en" if country == "CN" else "en",
        status="active",
        department=_DEPARTMENTS.get(role, ""),
        capacity="20" if role in _DEPARTMENTS else "",
        skills="ev-diagnosis:3" if role == "dealer.technician" else "",
        certificates=f"high-voltage:{2026 + number % 3}-12-31" if role == "dealer.technician" else "",
    )


def calendar_of(station: Station) -> calendar_pb2.WorkCalendar:
    """The hours of a dealer, without its id: six days in China, five and a half in the United States, with public holidays."""
    chinese = station.country == "CN"
    weekday = ("08:30", "17:30") if chinese else ("07:30", "18:00")
    saturday = ("09:00", "17:00") if chinese else ("08:00", "14:00")
    return calendar_pb2.WorkCalendar(
        holiday_country=station.country,
        time_zone=station.zone,
        week=[
            calendar_pb2.WorkDay(
                day=day,
                intervals=[calendar_pb2.WorkInterval(start=hours[0], end=hours[1])],
            )
            for day, hours in [*((day, weekday) for day in range(1, 6)), (6, saturday)]
        ],
    )
