"""Rows of the network service that belong to a dealer, at every place: territories, contacts, visits, agreements, targets."""

from __future__ import annotations

import asyncio
from typing import Any

from servicekit.testing.access.registry import Row

KPI = "suite_cars"
YEAR = 2025
_FROM = {"year": YEAR, "month": 1, "day": 1}


async def make(cast: Any, places: Any) -> None:
    """Makes the rows; `cast` has the dealers and the staff of all places."""
    kpi = {"names": {"en": "Cars"}, "unit": "KPI_UNIT_COUNT", "summary": "KPI_SUMMARY_SUM"}
    await cast.send("PUT", f"/v1/kpis/{KPI}", "oem.manager", {}, json=kpi)
    items = [{"kpiCode": KPI, "weight": 1, "goal": 10}]
    await cast.send("PUT", f"/v1/scorecardModels/{YEAR}", "oem.manager", {}, json={"items": items})
    await asyncio.gather(*(_at(cast, place) for place in places))


async def _at(cast: Any, place: str) -> None:
    dealer = cast.row("dealer", place).id
    visitor = cast.row("staff", "maker").id
    made = {
        "territory": (
            "/v1/dealerTerritories",
            {"dealerId": dealer, "code": f"T-{cast.mark}-{place}".upper(), "kind": "DEALER_KIND_SALES", **_ground()},
        ),
        "contact": ("/v1/dealerContacts", {"dealerId": dealer, "name": {"fullName": "陈总"}, "phone": "+862150000000"}),
        "visit": (
            "/v1/dealerVisits",
            {
                "dealerId": dealer,
                "kind": "DEALER_VISIT_KIND_SALES",
                "visitorStaffIds": [visitor],
                "plannedTime": f"{YEAR}-03-04T00:00:00Z",
                "actions": [{"title": "Train", "dueDate": {**_FROM, "year": 2090}}],
            },
        ),
        "agreement": (
            "/v1/dealerAgreements",
            {
                "dealerId": dealer,
                "kind": "DEALER_AGREEMENT_KIND_SALES",
                "number": f"A-{cast.mark}-{place}",
                "validFromDate": _FROM,
            },
        ),
    }
    for entity, (path, body) in made.items():
        answer = await cast.post("oem.manager", path, body)
        _keep(cast, entity, place, next(value for name, value in answer.items() if name.endswith("Id")))
    await cast.send("PUT", f"/v1/dealers/{dealer}/admission", "oem.manager", {}, json={"note": "Good."})
    value = {"dealerId": dealer, "kpiCode": KPI, "period": {"year": YEAR}, "value": 5}
    await cast.post("oem.manager", "/v1/kpiValues:record", {"values": [value]})
    target = {"dealerId": dealer, "measure": "cars_sold", "period": {"year": YEAR}, "value": "40"}
    proposed = await cast.post("oem.manager", "/v1/targets:propose", {"targets": [target]})
    _keep(cast, "target", place, proposed["targets"][0]["targetId"])


def _ground() -> dict[str, Any]:
    return {"countryCode": "CN", "postcodes": [{"first": "200"}]}


def _keep(cast: Any, entity: str, place: str, made: str) -> None:
    # Seen by whoever sees the hours of the dealer (`rows.TABLE`).
    facts = {"dealer": cast.row("dealer", place).id}
    cast.rows.setdefault(f"calendar:{entity}", {})[place] = Row(place, made, facts)
