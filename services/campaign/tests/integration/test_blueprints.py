"""Kinds of campaigns that are ready to use: each can be made, submitted and launched, and plans for who fits and for nobody else."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

PERSON = "INSERT INTO audience_people (customer_id, kind, birth_month, birth_day, stage, consents) VALUES ($1, 'PERSON', $2, $3, $4, $5)"
CAR = (
    "INSERT INTO audience_cars (vin, person_id, next_service_date, warranty_end_date, sold_date, open_recalls) "
    "VALUES ($1, $2, $3, $4, $5, $6)"
)
HOLDING = "INSERT INTO audience_holdings (holding_id, person_id, kind, end_date) VALUES ($1, $2, $3, $4)"


def noon() -> str:
    """A zone in which it is about noon, so that the hour of every blueprint has come."""
    ahead = (12 - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def fitting(code: str, today: date) -> dict[str, Any]:
    """What makes somebody fit a blueprint."""
    due = {"service_due": ("next", 14), "warranty_end": ("warranty", 30), "cross_sell_accessories": ("sold", -45)}
    if code in due:
        name, days = due[code]
        return {name: today + timedelta(days=days)}
    ends = {"cross_sell_finance": ("LOAN", 60), "cross_sell_insurance": ("INSURANCE", 30)}
    if code in ends:
        return {"holding": (ends[code][0], today + timedelta(days=ends[code][1]))}
    return {
        "birthday": {"born": today},
        "recall_notice": {"recalls": 1},
        "win_back": {"stage": "LOST"},
        "test_drive_event": {"stage": "PROSPECT"},
        "cross_sell_travel": {"stage": "ACTIVE"},
        "newsletter": {"consents": ["MARKETING:EMAIL"]},
    }[code]


async def person(office: Any, number: int, told: dict[str, Any]) -> str:
    """Somebody with a car, as the read model would know them."""
    key = uuid.uuid4()
    born = told.get("born", date(2000, 1, 1))
    await office.sql(PERSON, key, born.month, born.day, told.get("stage", "AT_RISK"), told.get("consents", []))
    vin = f"LVSHBLUE0EE{number:06}"
    await office.sql(CAR, vin, key, told.get("next"), told.get("warranty"), told.get("sold"), told.get("recalls", 0))
    if "holding" in told:
        await office.sql(HOLDING, uuid.uuid4(), key, *told["holding"])
    return str(key)


class TestBlueprints:
    async def test_each_plans_for_who_fits_and_for_nobody_else(self, office: Any) -> None:
        zone = noon()
        today = datetime.now(ZoneInfo(zone)).date()
        offered = [one.code for one in (await office.call("ListCampaignBlueprints")).blueprints]
        nobody = await person(office, 0, {"born": today + timedelta(days=100)})
        people = {code: await person(office, number, fitting(code, today)) for number, code in enumerate(offered, 1)}

        async def launch(code: str) -> Any:
            made = await office.call("CreateCampaignFromBlueprint", code=code)
            given = {"campaign_id": made.campaign_id, "time_zone": zone}
            await office.call("UpdateCampaign", campaign=given, update_mask="timeZone")
            await office.do("Submit", made)
            await office.do("Approve", made, office.manager)
            return await office.do("Schedule", made)

        launched = dict(zip(offered, await asyncio.gather(*map(launch, offered)), strict=True))

        async def planned() -> Any:
            rows = await office.sql(
                "SELECT campaign_id::text AS campaign, array_agg(customer_id::text) AS people FROM campaign_sends "
                "WHERE customer_id = ANY($1::uuid[]) GROUP BY 1",
                [nobody, *people.values()],
            )
            found = {row["campaign"]: row["people"] for row in rows}
            return found if len(found) == len(offered) else None

        found = await until(planned, 60, "not every campaign plans")
        for one in launched.values():
            await office.do("Cancel", one)

        assert len(offered) == 11
        assert {code: found[one.campaign_id] for code, one in launched.items()} == {
            code: [people[code]] for code in offered
        }

    async def test_a_dealers_recall_notice_is_none_that_the_law_demands(self, office: Any) -> None:
        dealer = await office.make_dealer()
        theirs = await office.call(
            "CreateCampaignFromBlueprint", code="recall_notice", dealer_id=dealer, language="zh-CN"
        )
        makers = await office.call("CreateCampaignFromBlueprint", code="recall_notice")

        assert (theirs.legal_notice, theirs.name, theirs.dealer_id) == (False, "召回通知", dealer)
        assert (makers.legal_notice, makers.name, makers.steps[0].code) == (
            True,
            "Recall notice",
            "first",
        )

    async def test_one_that_there_is_not_is_refused(self, office: Any) -> None:
        with pytest.raises(RpcFailure) as refused:
            await office.call("CreateCampaignFromBlueprint", code="../service")

        assert refused.value.reason == "BLUEPRINT_NOT_FOUND"
