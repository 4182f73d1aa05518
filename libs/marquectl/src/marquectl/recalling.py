"""Brings recalls of the sample's cars (real campaigns by their models and years) and its warranty. Every step may be repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from marquectl.contract import method
from marquectl.door import Door
from marquectl.world import nhtsa
from marquectl.world.cars import MadeCar

Ask = Callable[..., Message]
_RECALLS = "vehicle.v1.RecallService"
RECALLS = 6  # campaigns of a world: those that cover most of its cars


def campaigns_of(cars: list[MadeCar]) -> dict[str, list[tuple[str, str, int]]]:
    """Returns the campaigns that cover most cars of a world: number → its (make, model, year)."""
    found: Counter[str] = Counter()
    covered: dict[str, set[tuple[str, str, int]]] = {}
    for car in cars:
        kind = (car.complaint.make, car.complaint.model, car.complaint.year)
        for number in nhtsa.recalls().get(kind, ()):
            found[number] += 1
            covered.setdefault(number, set()).add(kind)
    most = sorted(found, key=lambda number: (-found[number], number))[:RECALLS]
    return {number: sorted(covered[number]) for number in most}


# The warranty of the sample's maker: (code, component, months, kilometres, clause), in every market.
TERMS = (
    ("BASE", "", 36, 60_000, "Three years or 60,000 km, whichever comes first."),
    ("POWERTRAIN", "ENGINE", 60, 100_000, "The engine: five years or 100,000 km."),
    ("PADS", "SERVICE BRAKES:PADS", 0, 0, "Parts that wear, such as brake pads, are not covered."),
)


class Recalls:
    """Writes them. `request` makes a request with a key of its own."""

    def __init__(self, door: Door, request: Ask) -> None:
        self._door = door
        self._request = request

    async def bring(self, cars: list[MadeCar]) -> None:
        """Writes the warranty, then creates and opens the recalls of a world, one after another."""
        for market in ("CN", "US"):
            for term in TERMS:
                await self._term(market, *term)
        for number, kinds in campaigns_of(cars).items():
            await self._recall(number, kinds)

    async def _term(self, market: str, code: str, component: str, months: int, km: int, clause: str) -> None:
        name = "vehicle.v1.WarrantyService/PutWarrantyTerm"
        term = {
            "term_code": f"{market}-{code}",
            "market": market,
            "component_prefix": component,
            "months": months,
            "km": km,
        }
        term |= {"sold_from": {"year": 2010, "month": 1, "day": 1}, "clause": clause}
        await self._door.call(name, self._request(name, f"term-{market}-{code}", warranty_term=term))

    async def _recall(self, number: str, kinds: list[tuple[str, str, int]]) -> None:
        listing = f"{_RECALLS}/ListRecalls"
        there = (await self._door.call(listing, method(listing).input(code=number, page_size=1))).recalls
        if there and there[0].state > 1:
            return
        recall = {
            "code": number,
            "title": f"NHTSA {number}: {kinds[0][0].title()} {kinds[0][1]}",
            "wordings": [{"language_code": "zh-CN", "title": f"召回 {number}：{kinds[0][0].title()} {kinds[0][1]}"}],
            "remedy_operation_codes": [f"RC-{number}"],
            "market": "US",
        }
        made = there[0] if there else await self._call("CreateRecall", number, recall=recall)
        asked = {"recall_id": made.recall_id}
        for make, model, year in kinds:
            rule = {"make": make, "models": [model], "model_year_from": year, "model_year_to": year}
            await self._call("AddRecallVehiclesByRule", f"{number}-{model}-{year}"[:50], **asked, **rule)
        await self._call("OpenRecall", number, **asked)

    async def _call(self, rpc: str, key: str, **fields: Any) -> Any:
        name = f"{_RECALLS}/{rpc}"
        return await self._door.call(name, self._request(name, f"{rpc[:4]}-{key}", **fields))
