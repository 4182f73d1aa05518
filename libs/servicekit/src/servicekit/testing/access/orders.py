"""Rows of orders for cars, at every place, a catalogue that they are ordered from, and a day of the channel feed."""

from __future__ import annotations

from typing import Any

from servicekit.testing.access.registry import Row

MODEL = "SUITE-ONE"
_ENTITY = "repair order:car order"  # who sees visits of a customer at a dealer sees its orders
TRACKED = "dealer:car order"  # whoever has both codes


def model() -> dict[str, Any]:
    """Returns a model with one trim and one option."""
    return {
        "make": "Marque",
        "model": "One",
        "names": {"en": "One", "zh-CN": "一号"},
        "trims": [
            {"trimCode": "BASE", "names": {"en": "Base"}, "specification": {"power_kw": "110"}},
            {"trimCode": "SPORT", "names": {"en": "Sport"}},
        ],
        "options": [{"optionCode": "RED", "names": {"en": "Red"}, "groupCode": "COLOUR"}],
    }


async def make(cast: Any, places: Any) -> None:
    """Makes the rows; `cast` has dealers and customers of all places."""
    await cast.send("PUT", f"/v1/catalogue/models/{MODEL}", "oem.manager", {}, json=model())
    for item, units in (("BASE", "150000"), ("RED", "3000")):
        price = {
            "market": "CN",
            "validFrom": {"year": 2024, "month": 1, "day": 1},
            "price": {"currencyCode": "CNY", "units": units},
        }
        await cast.send("PUT", f"/v1/catalogue/models/{MODEL}/prices/{item}", "oem.manager", {}, json=price)
    for place in (*places, "desk"):
        body = {
            "dealerId": cast.row("dealer", place if place in places else "own").id,
            "customerId": cast.row("customer", place).id,
            "modelCode": MODEL,
            "trimCode": "BASE",
            "optionCodes": ["RED"],
            "market": "CN",
            "orderCode": f"S-{place}-{cast.mark}".upper(),
        }
        made = await cast.post("oem.manager", "/v1/carOrders", body)
        facts = {"code": made["orderCode"], "tracking": made["trackingCode"]}
        cast.rows.setdefault(_ENTITY, {})[place] = Row(place, made["orderId"], facts)
    cast.rows[TRACKED] = cast.rows[_ENTITY]
