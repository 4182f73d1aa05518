"""A campaign to a segment: who gets a line of its ledger."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

PLANNED = 1


async def segment(office: Any, rule: str) -> str:
    return str((await office.call("CreateSegment", segment={"name": "S", "rule": rule})).segment_id)


async def planned(office: Any, campaign: Any) -> dict[str, tuple[int, str]]:
    async def over() -> bool:
        rows = await office.sql("SELECT plan_time FROM campaigns WHERE campaign_id = $1", campaign.campaign_id)
        return rows[0]["plan_time"] is not None

    await until(over, 20, "the audience is not planned")
    rows = await office.sql("SELECT * FROM campaign_sends WHERE campaign_id = $1", campaign.campaign_id)
    return {str(row["customer_id"]): (row["state"], row["reason"]) for row in rows}


class TestLaunch:
    async def test_it_goes_to_who_is_in_the_segment_then_and_not_to_who_is_left_out(self, office: Any) -> None:
        tier = uuid.uuid4().hex
        inside, out, listed, listed_out = [await office.make_person(tier=tier, visit_count=n) for n in (1, 5, 0, 7)]
        later = await office.make_person(tier="other")
        nobody = str(uuid.uuid4())
        key = await segment(office, f'person.tier == "{tier}" && person.visit_count > 0')
        left = await segment(office, "person.visit_count > 4")
        plain = await office.make_list(listed, listed_out, nobody)
        made = await office.approved(
            segment_id=key, exclude_segment_ids=[left], audience_list_id=plain.audience_list_id
        )
        await office.call("UpdateSegment", segment={"segment_id": key, "rule": "false"})  # what was reviewed stays
        await office.sql("UPDATE audience_people SET tier = $1, visit_count = 2 WHERE customer_id = $2", tier, later)
        await office.do("Schedule", made)

        found = await planned(office, made)
        assert found == dict.fromkeys((inside, listed, later, nobody), (PLANNED, ""))
        assert out not in found
        after = await office.call("GetCampaign", campaign_id=made.campaign_id)
        assert after.audience_list_id not in ("", plain.audience_list_id)
        assert (await office.call("GetAudienceList", audience_list_id=after.audience_list_id)).member_count == 4

    async def test_a_segment_of_somebody_else_is_not_there(self, office: Any) -> None:
        dealer = await office.make_dealer()
        key = await segment(office, "true")
        with pytest.raises(RpcFailure) as refused:
            await office.make(segment_id=key, dealer_id=dealer, template_id="", audience_list_id="")
        assert refused.value.reason == "SEGMENT_NOT_FOUND"
