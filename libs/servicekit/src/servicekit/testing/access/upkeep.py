"""A plan of maintenance for the cars of the suite's world, by which all that were sold come due some days from now; parts that stations
ordered, what they claim under warranty, and help on the road."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from servicekit.testing.access.registry import Row
from servicekit.testing.platform import until

_GENERAL_KM_PER_DAY = 45  # of a car of which no odometer was read


async def make(cast: Any) -> None:
    """Makes the plan and waits until it was followed; `cast` has the cars of all places and their visits."""
    cast.rows["car to tell of"] = cast.rows["car"]
    sold = {place: row for place, row in cast.rows["car"].items() if place != "maker"}
    today = datetime.now(UTC).date()
    driven = (today + timedelta(days=5) - datetime(2025, 3, 4, tzinfo=UTC).date()).days * _GENERAL_KM_PER_DAY
    plan = {
        "planCode": f"SUITE-{cast.mark}".upper(),
        "effectiveFrom": {"year": 2020, "month": 1, "day": 1},
        "market": "CN",
        "make": "Marque",
        "steps": [{"km": driven, "months": 240}],
        "operationCodes": ["SVC-1"],
    }
    await cast.send("PUT", f"/v1/maintenancePlans/{plan['planCode']}", "oem.manager", {}, json=plan)

    async def followed() -> bool:
        found = "SELECT count(*) FROM maintenance_dues WHERE vin = ANY($1) AND plan_code = $2"
        vins = [row.id for row in sold.values()]
        return bool((await cast.world.platform.sql("vehicle", found, vins, plan["planCode"]))[0][0] == len(vins))

    await until(followed, 30, "the cars do not follow their plan")
    cast.rows["car to come"] = sold
    await _claims(cast)
    cast.rows["dealer:roadside"] = cast.rows["repair order:roadside"]
    cast.rows["sale:maintenance"] = {place: Row(place, row.id) for place, row in sold.items()}


async def _claims(cast: Any) -> None:
    """At every dealer a part for its stock, a closed visit under warranty that is claimed, a call for help that it is sent to."""
    line = {
        "componentCode": "ENGINE",
        "payType": "PAY_TYPE_WARRANTY",
        "labours": [{"operationCode": "W-1", "amount": {"currencyCode": "CNY", "units": "300"}}],
    }
    for place in ("own", "group", "region", "other"):
        dealer = cast.row("dealer", place).id
        part = {"dealerId": dealer, "warehouseCode": "SH", "partNumber": "P-1"}
        made = await cast.post("oem.manager", "/v1/partsOrders", part)
        cast.rows.setdefault("calendar:parts order", {})[place] = Row(place, made["partsOrderId"])
        order = {"dealerId": dealer, "vin": cast.row("car", place).id, "number": f"W-{cast.mark}", "lines": [line]}
        opened = (await cast.post("oem.manager", "/v1/repairOrders", order))["repairOrderId"]
        await cast.post("oem.manager", f"/v1/repairOrders/{opened}:close", {})
        help_ = {
            "vin": cast.row("car", place).id, "phone": "+8613800001234", "problem": "ROADSIDE_PROBLEM_TYRE",
            "customerId": cast.row("customer", place).id, "note": "Left front.", "place": "G2, 1120 km",
            "location": {"latitude": 31.2, "longitude": 121.5},
        }  # fmt: skip
        case = (await cast.post("oem.manager", "/v1/roadsideCases", help_))["caseId"]
        await cast.post("oem.manager", f"/v1/roadsideCases/{case}:dispatch", {"dealerId": dealer})
        cast.rows.setdefault("repair order:roadside", {})[place] = Row(place, case)
        claim = await cast.post("oem.manager", "/v1/warrantyClaims", {"repairOrderId": opened})
        cast.rows.setdefault("calendar:claim", {})[place] = Row(place, claim["claimId"])
