"""A tie and a holding at every place of the world's customers: a tie with a companion whom the same dealers know, a holding that the
dealer of the place looks after. A tie is seen like its customer (`customer`), a holding like a sale (`sale`).
"""

from __future__ import annotations

from typing import Any

from servicekit.testing.access.registry import Row

TIED = ("own", "desk", "group", "region", "other", "maker")
HELD = ("own", "desk", "former", "group", "region", "other")


async def make(cast: Any, places: Any) -> None:
    """Makes the rows; `cast` has dealers and customers of all places."""
    for number, place in enumerate(TIED):
        customer = cast.row("customer", place)
        home = cast.row("dealer", place if place in places else "own").id
        desk = "" if place == "maker" else f"?dealerId={home}"
        name = f"伴{'甲乙丙丁戊己'[number]}{cast.mark}"
        person = {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": name}}
        companion = await cast.post("oem.agent", f"/v1/customers{desk}", person)
        tie = {"kind": "TIE_KIND_HOUSEHOLD", "customerId": companion["customerId"], "otherCustomerId": customer.id}
        made = await cast.post("oem.agent", "/v1/customerTies", tie)
        cast.rows.setdefault("customer:tie", {})[place] = Row(place, made["tieId"])
        facts = {"other": customer.id}
        cast.rows.setdefault("customer:tied", {})[place] = Row(place, companion["customerId"], facts)
        firm = {"kind": "CUSTOMER_KIND_ORGANISATION", "organisationName": f"公司{name}"}
        company = await cast.post("oem.agent", f"/v1/customers{desk}", firm)
        cast.rows.setdefault("customer:organisation", {})[place] = Row(place, company["customerId"])
    for place in HELD:
        customer = cast.row("customer", "own" if place == "former" else place)
        home = cast.row("dealer", place if place in places else "own").id
        holding = {
            "customerId": customer.id,
            "dealerId": home,
            "kind": "HOLDING_KIND_INSURANCE",
            "renewalDate": {"year": 2026, "month": 1, "day": 31},
        }
        held = await cast.post("oem.manager", "/v1/holdings", holding)
        cast.rows.setdefault("sale:holding", {})[place] = Row(place, held["holdingId"], {"customer": customer.id})
