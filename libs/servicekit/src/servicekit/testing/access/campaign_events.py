"""An event with a session and a registration at every dealer of the world, and the maker's own; the page of the maker's."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from servicekit.testing.access.registry import Row

_CODE = (
    "INSERT INTO offer_codes (code, campaign_id, customer_id, create_time) VALUES ($1, $2, gen_random_uuid(), now()) "
    "ON CONFLICT DO NOTHING"
)
_ALPHABET = "34679ACDEFGHJKMNPQRTUVWXY"
_PLACES = ("own", "group", "region", "other", "maker")
_START = (datetime.now(UTC) + timedelta(days=60)).replace(microsecond=0)
SPAN = {"startTime": _START.isoformat(), "endTime": (_START + timedelta(hours=2)).isoformat(), "capacity": 10_000}


async def make(cast: Any) -> None:
    """Makes the rows; `cast` has the dealers of all places."""
    for place in _PLACES:
        dealer = {} if place == "maker" else {"dealerId": cast.row("dealer", place).id}
        event = {
            "name": f"Open day {place}",
            "kind": "MARKETING_EVENT_KIND_OWNERS_DAY",
            "place": "Showroom",
            "timeZone": "Asia/Shanghai",
            "sessions": [SPAN],
            **dealer,
        }
        made = await cast.post("oem.manager", "/v1/marketingEvents", event)
        key, session = made["marketingEventId"], made["sessions"][0]["sessionId"]
        await cast.post("oem.manager", f"/v1/marketingEvents/{key}:advance", {"state": "MARKETING_EVENT_STATE_OPEN"})
        person = {"sessionId": session, "customerId": str(uuid.uuid4())}
        registered = await cast.post("oem.manager", f"/v1/marketingEvents/{key}/registrations", person)
        facts = {"session": session, "token": made["pagePath"].rpartition("/")[2]}
        cast.rows.setdefault("marketing event", {})[place] = Row(place, key, facts)
        cast.rows.setdefault("event registration", {})[place] = Row(place, registered["registrationId"], facts)
        await _code(cast, place, dealer)
    cast.rows["event page"] = {"maker": cast.rows["marketing event"]["maker"]}


async def _code(cast: Any, place: str, dealer: dict[str, str]) -> None:
    """A code of an offer that is over, so that asking to redeem it changes nothing."""
    past = datetime.now(UTC) - timedelta(days=1)
    campaign = {
        "name": f"Offer {place}",
        "kind": "CAMPAIGN_KIND_CROSS_SELL",
        "offer": {"name": "Wash", "validUntil": past.isoformat()},
        **dealer,
    }
    made = await cast.post("oem.manager", "/v1/campaigns", campaign)
    code = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    await cast.world.platform.sql("campaign", _CODE, code, uuid.UUID(made["campaignId"]))
    home = dealer.get("dealerId", cast.row("dealer", "own").id)
    cast.rows.setdefault("offer code", {})[place] = Row(place, code, {"dealer": home})
