"""The model catalogue of the sample world, orders for cars at every stage with what the plant says of them, and dealers' stock by day."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from marque.vehicle.v1.channel_day_import_rows_pb2 import ChannelDayImportRow
from marque.vehicle.v1.plant_stage_import_rows_pb2 import PlantStageImportRow

from marquectl.world import nhtsa, vins
from marquectl.world.cars import WORLD_DAY, MadeCar
from marquectl.world.network import STATIONS
from marquectl.world.people import MadeCustomer

STAGES = ("scheduled", "body", "paint", "assembly", "inspection", "in_transit", "at_dealer")
_PLANT_DAYS = 4  # from one stage to the next
_FEED_DAYS = 3


def _named(english: str, chinese: str) -> dict[str, str]:
    return {"en": english, "zh-CN": chinese}


def _trim(code: str, english: str, chinese: str, **specification: str) -> dict[str, Any]:
    return {"trim_code": code, "names": _named(english, chinese), "specification": specification}


_COLOURS = [
    {"option_code": code, "group_code": "COLOUR", "names": _named(english, chinese)}
    for code, english, chinese in (("RED", "Red", "红色"), ("BLUE", "Blue", "蓝色"), ("WHITE", "White", "白色"))
]
_EXTRAS = [
    {"option_code": "W20", "group_code": "WHEELS", "trim_codes": ["SPORT"], "names": _named("20 inch wheels", "20 寸轮毂")},
    {"option_code": "TOW", "requires": ["W20"], "names": _named("Tow bar", "拖车钩")},
    {"option_code": "ROOF", "excludes": ["RACK"], "names": _named("Glass roof", "全景天窗")},
    {"option_code": "RACK", "names": _named("Roof rack", "车顶行李架")},
]  # fmt: skip
# Model, its names, price of the two trims in thousands of dollars, power of the two trims.
_MODELS = (
    ("EXPLORER-26", "Explorer", "探险者", (41, 52), (221, 298)),
    ("MUSTANG-26", "Mustang", "野马", (35, 46), (231, 362)),
    ("EXPEDITION-26", "Expedition", "征服者", (58, 74), (280, 328)),
)
_OPTION_PRICES = {"RED": 0, "BLUE": 400, "WHITE": 600, "W20": 1_900, "TOW": 900, "ROOF": 1_500, "RACK": 350}
MARKETS = {"CN": ("CNY", 8), "US": ("USD", 1)}  # currency, and what a dollar of list price costs there


def models() -> list[dict[str, Any]]:
    """The catalogue's models, as messages have them."""
    return [
        {
            "model_code": code, "make": "Ford", "model": model, "names": _named(model, chinese), "model_year": 2026, "energy": 1,
            "required_groups": ["COLOUR"], "options": [*_COLOURS, *_EXTRAS],
            "trims": [
                _trim("BASE", f"{model} Base", f"{chinese} 标准版", power_kw=str(power[0]), seats="5"),
                _trim("SPORT", f"{model} Sport", f"{chinese} 运动版", power_kw=str(power[1]), seats="5", sport_seats="yes"),
            ],
        }
        for code, model, chinese, _, power in _MODELS
    ]  # fmt: skip


def prices() -> Iterator[dict[str, Any]]:
    """The list prices of every item in every market, from the first of the year on."""
    for code, _, _, (base, sport), _ in _MODELS:
        for item, dollars in {"BASE": base * 1_000, "SPORT": sport * 1_000, **_OPTION_PRICES}.items():
            for market, (currency, factor) in MARKETS.items():
                yield {
                    "model_code": code, "item_code": item, "market": market, "valid_from": {"year": 2026, "month": 1, "day": 1},
                    "price": {"currency_code": currency, "units": dollars * factor},
                }  # fmt: skip


@dataclass(frozen=True, slots=True)
class MadeOrder:
    """An order of the sample: who orders what for whom (empty: for stock), how many stages it has come, and what was promised."""

    code: str
    dealer_code: str
    customer_key: str
    model_code: str
    trim_code: str
    options: tuple[str, ...]
    market: str
    stages: int
    promised: tuple[date, ...]
    vin: str


def orders(seed: int, customers: Sequence[MadeCustomer], cars: Sequence[MadeCar]) -> list[MadeOrder]:
    """One order for every number of stages that a car can have come; the third one is late, the fifth was promised anew."""
    dice = random.Random(f"{seed}:orders")
    taken = {car.vehicle.vin for car in cars}
    selling = [station for station in STATIONS if station.sells]
    buyers = dict.fromkeys(
        (1, 3), customers[0]
    )  # who is there in a world of any size, so that a larger one contains the smaller
    made = []
    for number in range(len(STAGES) + 1):
        buyer = buyers.get(number)
        station = buyer.home if buyer is not None and buyer.home.sells else selling[number % len(selling)]
        late = number == 3
        promised = [WORLD_DAY - timedelta(days=11) if late else date(2027, 6, 1)]
        if number == 5:
            promised = [date(2027, 3, 1), date(2027, 4, 1)]
        made.append(
            MadeOrder(
                code=f"SAMPLE-{number + 1:03d}",
                dealer_code=station.code,
                customer_key=buyer.row.source_key if buyer is not None else "",
                model_code=_MODELS[number % len(_MODELS)][0],
                trim_code="SPORT" if number % 2 else "BASE",
                options=("BLUE", "TOW", "W20") if number % 2 else ("RED", "ROOF"),
                market=station.country,
                stages=number,
                promised=tuple(promised) if number else (),
                vin=vins.complete(dice.choice(nhtsa.complaints()).prefix, dice, taken) if number > 1 else "",
            )
        )
    return made


def plant_rows(found: Sequence[MadeOrder]) -> Iterator[PlantStageImportRow]:
    """What the plant says of the orders, and of one that nobody placed: its message waits."""
    number = 0
    for order in found:
        begun = datetime.combine(WORLD_DAY - timedelta(days=_PLANT_DAYS * (order.stages + 1)), time(8), UTC)
        for step, stage in enumerate(STAGES[: order.stages]):
            number += 1
            yield PlantStageImportRow(
                row=number,
                message_id=f"{order.code}/{stage}",
                order_code=order.code,
                stage=stage,
                reach_time=(begun + timedelta(days=_PLANT_DAYS * step)).isoformat(),
                promised_date=order.promised[step].isoformat() if step < len(order.promised) else "",
                vin=order.vin if step == 1 else "",
                plant="CHONGQING" if order.market == "CN" else "CHICAGO",
                station=f"LINE-{step + 1}",
            )
    moment = datetime.combine(WORLD_DAY, time(8), UTC).isoformat()
    yield PlantStageImportRow(
        row=number + 1, message_id="SAMPLE-900/body", order_code="SAMPLE-900", stage="body", reach_time=moment
    )


def channel_rows(seed: int) -> Iterator[ChannelDayImportRow]:
    """Stock and money of every dealer on the last days."""
    number = 0
    for station in STATIONS:
        dice = random.Random(f"{seed}:channel:{station.code}")
        for back in range(_FEED_DAYS):
            number += 1
            stock = dice.randrange(20, 60) if station.sells else 0
            yield ChannelDayImportRow(
                row=number,
                dealer_code=station.code,
                date=(WORLD_DAY - timedelta(days=back)).isoformat(),
                stock_count=str(stock),
                stock_age_days=str(stock * dice.randrange(20, 50)),
                stock_over_90_count=str(stock // 8),
                parts_count=str(dice.randrange(2_000, 6_000)),
                currency_code="CNY" if station.country == "CN" else "USD",
                parts_value=f"{dice.randrange(200_000, 600_000)}.00",
                receipts=f"{dice.randrange(50_000, 400_000)}.00",
                receivables=f"{dice.randrange(100_000, 900_000)}.00",
            )
