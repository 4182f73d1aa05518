"""The dealers of the sample world as partners of the maker: territories, contacts, visits, agreements, measures, targets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from google.type import date_pb2
from marque.network.v1 import network_import_service_pb2 as rows

from marquectl.world.cars import WORLD_DAY
from marquectl.world.names import american_person, chinese_person
from marquectl.world.network import STATIONS, Station

YEAR = WORLD_DAY.year
MONTHS = range(1, WORLD_DAY.month + 1)
KPIS: tuple[dict[str, Any], ...] = (
    {"kpi_code": "cars_sold", "names": {"en": "Cars sold", "zh-CN": "销量"}, "unit": 1, "summary": 1},
    {"kpi_code": "ssi", "names": {"en": "Sales satisfaction", "zh-CN": "销售满意度"}, "unit": 3, "summary": 2},
    {
        "kpi_code": "stock_days",
        "names": {"en": "Days in stock", "zh-CN": "库存天数"},
        "unit": 5,
        "summary": 3,
        "lower_is_better": True,
    },
)
MODEL: dict[str, Any] = {
    "year": YEAR,
    "items": [
        {"kpi_code": "cars_sold", "weight": 50.0, "floor": 100.0, "goal": 600.0},
        {"kpi_code": "ssi", "weight": 35.0, "floor": 600.0, "goal": 900.0},
        {"kpi_code": "stock_days", "weight": 15.0, "floor": 90.0, "goal": 30.0},
    ],
}
AGREED = 2  # every second dealer's manager has agreed to its targets


def kpi_rows(seed: int) -> Iterator[rows.KpiValueImportRow]:
    """What every dealer reached in the months of the year so far; some months were never told."""
    number = 0
    for station in STATIONS:
        dice = random.Random(f"{seed}:kpi:{station.code}")
        level = dice.uniform(0.6, 1.3)
        for month in MONTHS:
            told = {
                "cars_sold": round(40 * level * dice.uniform(0.8, 1.2)),
                "ssi": round(760 * level**0.2 + dice.uniform(-30, 30), 1),
                "stock_days": round(55 / level + dice.uniform(-8, 8)),
            }
            for code, value in told.items():
                if dice.random() < 0.04:
                    continue
                number += 1
                yield rows.KpiValueImportRow(
                    row=number,
                    dealer_code=station.code,
                    kpi_code=code,
                    period=f"{YEAR}-{month:02d}",
                    value=str(value),
                    source="sample",
                )


def target_rows(seed: int) -> Iterator[rows.TargetImportRow]:
    """Cars to sell: of every dealer in the year and its next month, of its two advisers in that month."""
    number = 0
    month = f"{YEAR}-{WORLD_DAY.month + 1:02d}"
    for station in STATIONS:
        if not station.sells:
            continue
        dice = random.Random(f"{seed}:target:{station.code}")
        cars = dice.randrange(30, 60)
        wanted = [("", str(YEAR), cars * 12), ("", month, cars), ("S01", month, cars // 2), ("S02", month, cars // 2)]
        for adviser, period, value in wanted:
            number += 1
            yield rows.TargetImportRow(
                row=number,
                dealer_code=station.code,
                employee_number=adviser,
                measure="cars_sold",
                period=period,
                value=str(value),
            )


def territory_of(station: Station) -> dict[str, Any]:
    """Where a dealer answers: the postal codes that begin like its own, in the trade that it is in."""
    return {
        "code": f"T-{station.code}",
        "kind": 1 if station.sells else 2,
        "country_code": station.country,
        "postcodes": [{"first": station.postal_code[:3]}],
    }


def contact_of(station: Station, seed: int) -> dict[str, Any]:
    """With whom the maker speaks there."""
    dice = random.Random(f"{seed}:contact:{station.code}")
    person = chinese_person(dice) if station.country == "CN" else american_person(dice)
    name = {"full_name": person.full, "family_name": person.family, "given_name": person.given}
    position = "总经理" if station.country == "CN" else "General manager"
    email = f"gm.{station.code.lower()}@example.com"
    return {"name": name, "position": position, "topics": ["sales", "finance"], "email": email, "primary": True}


def visit_of(station: Station, seed: int) -> dict[str, Any]:
    """The last visit of the region's manager, without the people: the report, what was measured and promised."""
    dice = random.Random(f"{seed}:visit:{station.code}")
    chinese = station.country == "CN"
    return {
        "kind": 1 if station.sells else 2,
        "agenda": [{"title": "库存与展厅" if chinese else "Stock and showroom"}],
        "measures": [{"kpi_code": "stock_days", "value": float(dice.randrange(35, 75)), "target": 50.0}],
        "actions": [
            {
                "title": "清理库龄超过 90 天的车辆" if chinese else "Clear cars older than 90 days",
                "due_date": _date(30),
            },
            {"title": "培训两名顾问" if chinese else "Train two advisers", "due_date": _date(60)},
        ],
        "summary": "展厅整洁，库存偏高。" if chinese else "A clean showroom, too much stock.",
    }


def agreement_of(station: Station, index: int) -> dict[str, Any]:
    """The agreement with a dealer; those of some run out soon."""
    return {
        "kind": 1 if station.sells else 2,
        "number": f"AG-{station.code}",
        "title": "经销协议" if station.country == "CN" else "Dealer agreement",
        "valid_from_date": _date(-700),
        "valid_to_date": _date(60 if index % 5 == 0 else 400 + index),
        "documents": [{"title": "Main part", "location": f"agreements/{station.code}.pdf"}],
    }


def signed_date() -> date_pb2.Date:
    """The day on which the agreements were signed."""
    return _date(-720)


def _date(days: int) -> date_pb2.Date:
    day = WORLD_DAY + timedelta(days=days)
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)
