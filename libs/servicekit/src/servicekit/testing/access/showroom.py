"""What follows the lead of each dealer of the world: a demo car, a test drive, a quote, a referral, a fleet deal.

They are seen by whoever sees the lead.
"""

from __future__ import annotations

import asyncio
from typing import Any

from servicekit.testing.access.registry import Row
from servicekit.testing.access.visits import coming
from servicekit.testing.world import new_vin

_HOURS = """INSERT INTO known_calendars (dealer_id, version, time_zone, week, fetch_time)
    VALUES ($1, 1, 'Asia/Shanghai', '{"1": ["09:00-17:00"]}', now())
    ON CONFLICT (dealer_id) DO UPDATE SET version = 1, time_zone = excluded.time_zone, week = excluded.week, fetch_time = now(),
        stale_time = NULL"""


async def make(cast: Any, places: Any) -> None:
    """Makes the rows; `cast` has the leads of all places."""
    await asyncio.gather(*(_at(cast, place) for place in places))


async def _at(cast: Any, place: str) -> None:
    dealer, lead = cast.row("dealer", place).id, cast.row("calendar:lead", place).id
    made = await cast.post("oem.manager", "/v1/demoCars", {"dealerId": dealer, "vin": new_vin()})
    car = made["demoCarId"]
    cast.row("calendar:lead", place).facts["car"] = car
    _keep(cast, "demo car", place, car, {"dealer": dealer})
    await _tell_hours(cast, dealer)
    monday = coming(0).isoformat().replace("+00:00", "Z")
    wish = {"leadId": lead, "demoCarId": car, "startTime": monday}
    drive = await cast.post("oem.manager", "/v1/testDrives", wish)
    price = {"currencyCode": "CNY", "units": "200000"}
    offer = {"leadId": lead, "lines": [{"kind": "QUOTE_LINE_KIND_VEHICLE", "text": "One", "unitPrice": price}]}
    quote = await cast.post("oem.manager", "/v1/quotes", offer)
    _keep(cast, "quote", place, quote["quoteId"], {"dealer": dealer})
    friend = await cast.post(
        "oem.agent", f"/v1/customers?dealerId={dealer}", {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": "好友"}}
    )
    said = {"leadId": lead, "referrerCustomerId": friend["customerId"]}
    referral = await cast.post("oem.manager", "/v1/referrals", said)
    _keep(cast, "referral", place, referral["referralId"], {"dealer": dealer})
    works = {"kind": "CUSTOMER_KIND_ORGANISATION", "organisationName": f"Works {place} {cast.mark}"}
    buyer = await cast.post("oem.manager", f"/v1/customers?dealerId={dealer}", works)
    part = {"dealerId": dealer, "model": "One", "quantity": 5}
    deal = await cast.post(
        "oem.manager", "/v1/fleetDeals", {"customerId": buyer["customerId"], "title": "Vans", "parts": [part]}
    )
    facts = {"dealer": dealer, "part": deal["parts"][0]["fleetDealPartId"]}
    _keep(cast, "fleet deal", place, deal["fleetDealId"], facts)
    _keep(cast, "test drive", place, drive["testDriveId"], {"dealer": dealer, "lead": lead, "car": car})


def _keep(cast: Any, entity: str, place: str, key: str, facts: dict[str, str]) -> None:
    cast.rows.setdefault(f"calendar:{entity}", {})[place] = Row(place, key, facts)


async def _tell_hours(cast: Any, dealer: str) -> None:
    """The hours that the dealer stated, as network would tell them: not every suite runs the work that asks for them."""
    await cast.world.platform.sql("customer", _HOURS, dealer)
