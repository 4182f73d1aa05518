"""A campaign, a template and a list of people at every dealer of the world, and the maker's own."""

from __future__ import annotations

import importlib
import uuid
from typing import Any

from servicekit.sealing.keys import Keyring
from servicekit.sealing.sealer import Sealer
from servicekit.testing.access.registry import Row

URL = "https://example.com/"
_SENT = (
    "INSERT INTO campaign_sends (send_id, campaign_id, customer_id, channel, state, hand_time, create_time, update_time) "
    "VALUES ($1, $2, $3, 3, 4, now(), now(), now())"
)
_PLACES = ("own", "group", "region", "other", "maker")


async def make(cast: Any) -> None:
    """Makes the rows; `cast` has the dealers of all places."""
    for place in _PLACES:
        dealer = {} if place == "maker" else {"dealerId": cast.row("dealer", place).id}
        words = {"language": "en", "subject": "News", "text": "Dear {{ name }}, news."}
        template = await cast.post(
            "oem.manager",
            "/v1/messageTemplates",
            {
                "name": f"News {place}",
                "channel": "CHANNEL_EMAIL",
                "defaultLanguage": "en",
                "variables": [{"name": "name", "personField": "PERSON_FIELD_FULL_NAME"}],
                "contents": [words],
                **dealer,
            },
        )
        people = await cast.post("oem.manager", "/v1/audienceLists", {"name": f"People {place}", **dealer})
        segment = await cast.post("oem.manager", "/v1/segments", {"name": f"All {place}", "rule": "true", **dealer})
        months = {"currencyCode": "CNY", "firstMonth": "2026-01", "lastMonth": "2026-12"}
        plan = await cast.post("oem.manager", "/v1/marketingPlans", {"name": f"Year {place}", **months, **dealer})
        campaign = {
            "name": f"News {place}",
            "kind": "CAMPAIGN_KIND_NEWSLETTER",
            "channel": "CHANNEL_EMAIL",
            "purpose": "CONSENT_PURPOSE_MARKETING",
            "templateId": template["templateId"],
            "audienceListId": people["audienceListId"],
            **dealer,
        }
        made = await cast.post("oem.manager", "/v1/campaigns", campaign)
        letters = await cast.post("oem.manager", "/v1/letterFiles", {"campaignId": made["campaignId"]})
        for entity, key in (
            ("campaign", made["campaignId"]),
            ("letter file", letters["letterFileId"]),
            ("message template", template["templateId"]),
            ("audience list", people["audienceListId"]),
            ("segment", segment["segmentId"]),
            ("marketing plan", plan["marketingPlanId"]),
        ):
            cast.rows.setdefault(entity, {})[place] = Row(place, key)
    cast.rows["message template at hand"] = cast.rows["message template"]
    await _send(cast)


async def _send(cast: Any) -> None:
    """A message of the maker's campaign that was handed over, with the tokens that it carries: nothing is really sent here."""
    platform, send_id = cast.world.platform, uuid.uuid4()
    await platform.sql("campaign", _SENT, send_id, uuid.UUID(cast.row("campaign", "maker").id), uuid.uuid4())
    links = importlib.import_module("marque_campaign.rules.links")
    digest = Sealer(Keyring.read(platform.sealing_keys(), "")).digest
    tokens = {
        "code": links.make(links.PAGE, send_id, digest),
        "link": links.make(links.LINK, send_id, digest, URL),
    }
    cast.rows["campaign message"] = {"maker": Row("maker", str(send_id), tokens)}
