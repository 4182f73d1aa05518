"""A catalogue, orders for cars, and a plant that speaks of them, for tests of the vehicle service."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from google.type import date_pb2, money_pb2
from marque.type.v1 import import_pb2
from marque.vehicle.v1 import car_order_pb2, catalogue_pb2, plant_stage_import_rows_pb2, vehicle_import_service_pb2

from servicekit import contract
from servicekit.testing.client import Client

STAGES = ("scheduled", "body", "paint", "assembly", "inspection", "in_transit", "at_dealer")
BEGAN = datetime(2026, 3, 2, 8, tzinfo=UTC)
_numbers = itertools.count(1)


def day(value: date) -> date_pb2.Date:
    """Returns a day as messages carry it."""
    return date_pb2.Date(year=value.year, month=value.month, day=value.day)


async def ask(client: Client, rpc: str, **fields: Any) -> Any:
    """Calls an RPC of the vehicle service (`CarOrderService/GetCarOrder`) with its fields."""
    service, _, name = rpc.partition("/")
    method = contract.methods(f"marque.vehicle.v1.{service}")[name]
    return await client.call(f"vehicle.v1.{rpc}", method.input(**fields))


def model(code: str, **fields: Any) -> catalogue_pb2.CatalogueModel:
    """Returns a model with two trims, two colours of which one must be chosen, and wheels that need the better trim."""
    names = {"en": code, "zh-CN": "旅行家"}
    colours = [{"option_code": one, "group_code": "COLOUR", "names": {"en": one}} for one in ("RED", "BLUE")]
    wheels = {"option_code": "W19", "group_code": "WHEELS", "trim_codes": ["SPORT"], "names": {"en": "19 inch"}}
    tow = {"option_code": "TOW", "requires": ["W19"], "excludes": ["BLUE"], "names": {"en": "Tow bar"}}
    given: dict[str, Any] = {
        "model_code": code, "make": "Marque", "model": "Traveller", "names": names, "model_year": 2026,
        "required_groups": ["COLOUR"], "options": [*colours, wheels, tow],
        "trims": [
            {"trim_code": "BASE", "names": {"en": "Base"}, "specification": {"power_kw": "110", "seats": "5"}},
            {"trim_code": "SPORT", "names": {"en": "Sport"}, "specification": {"power_kw": "150", "seats": "5"}},
        ],
    }  # fmt: skip
    return catalogue_pb2.CatalogueModel(**{**given, **fields})


PRICES = {"BASE": 150_000, "SPORT": 180_000, "RED": 3_000, "BLUE": 4_000, "W19": 8_000, "TOW": 5_000}


def price(code: str, item: str, units: int, first: date, before: date | None = None) -> catalogue_pb2.CataloguePrice:
    """Returns a price in China in yuan."""
    made = catalogue_pb2.CataloguePrice(
        model_code=code, item_code=item, market="CN", valid_from=day(first),
        price=money_pb2.Money(currency_code="CNY", units=units),
    )  # fmt: skip
    if before is not None:
        made.valid_before.CopyFrom(day(before))
    return made


class Factory:
    """A maker with one model on sale, and its plant."""

    def __init__(self, maker: Client, plant: Client) -> None:
        self.maker = maker
        self.plant = plant
        self.model_code = f"M-{uuid.uuid4().hex[:10]}".upper()

    async def open(self) -> None:
        """Writes the catalogue."""
        await ask(self.maker, "CatalogueService/PutCatalogueModel", catalogue_model=model(self.model_code))
        for item, units in PRICES.items():
            one = price(self.model_code, item, units, date(2024, 1, 1))
            await ask(self.maker, "CatalogueService/PutCataloguePrice", catalogue_price=one)

    def new_code(self) -> str:
        """Returns a code that no other order has."""
        return f"T-{uuid.uuid4().hex[:6]}-{next(_numbers)}".upper()

    async def place(self, client: Client, **fields: Any) -> car_order_pb2.CarOrder:
        """Orders a car."""
        beside = {name: fields.pop(name) for name in ("request_id",) if name in fields}
        given = {"model_code": self.model_code, "trim_code": "BASE", "option_codes": ["RED"], "market": "CN", **fields}
        made = car_order_pb2.CarOrder(**given)
        found: car_order_pb2.CarOrder = await ask(client, "CarOrderService/PlaceCarOrder", car_order=made, **beside)
        return found

    def says(self, order_code: str, stage: str = "", hour: float = 0, **fields: Any) -> Any:
        """Returns a message of the plant, some hours after BEGAN."""
        moment = (BEGAN + timedelta(hours=hour)).isoformat()
        given = {"message_id": uuid.uuid4().hex, "order_code": order_code, "stage": stage, "reach_time": moment}
        return plant_stage_import_rows_pb2.PlantStageImportRow(**{**given, **fields})

    def life(self, order_code: str, vin: str, dice: random.Random) -> list[Any]:
        """Returns the life of a car at the plant: every stage, one of them twice, promises made anew, a VIN on the way."""
        rows = [
            self.says(order_code, stage, 10 * number + dice.random(), plant="P1", station=f"S{number}")
            for number, stage in enumerate(STAGES)
        ]
        rows.append(self.says(order_code, "paint", 45, plant="P1", station="TOUCH-UP"))
        rows.append(self.says(order_code, "", 12, vin=vin))
        return [*rows, *(self.says(order_code, "", hour, promised_date=f"2028-04-{hour:02}") for hour in (3, 17, 29))]

    async def feed(self, rows: Iterable[Any], size: int = 1000) -> Any:
        """Streams messages that are all taken, so many at a time; returns the last answer."""
        last = (await self.answers(list(rows), size))[-1]
        assert last.summary.rejected == 0, last
        return last

    async def answers(self, rows: Sequence[Any], size: int = 1000) -> list[Any]:
        """Streams messages, so many at a time; returns every answer."""
        requests = [
            vehicle_import_service_pb2.ImportPlantStagesRequest(rows=rows[start : start + size])
            for start in range(0, len(rows), size)
        ]
        requests[0].header.CopyFrom(import_pb2.ImportStreamHeader(source="plant"))
        stream = self.plant.stream("vehicle.v1.VehicleImportService/ImportPlantStages", requests, timeout=60)
        return [item async for item in stream]

    async def parked(self, order_code: str = "") -> dict[str, str]:
        """Returns the reasons of messages that wait, by their ids."""
        fields = {"state": 2, "page_size": 1000, "order_code": order_code}
        found = await ask(self.plant, "CarOrderService/ListPlantMessages", **fields)
        return {one.message_id: one.park_reason for one in found.messages}
