"""Offers: everybody gets one code in their message, which is redeemed once, and the report says what it cost."""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import json_format
from servicekit import contract
from servicekit.testing.client import RpcFailure

VARIABLES = [{"name": "code", "campaign_fact": 6}, {"name": "offer", "campaign_fact": 5}]
WORDS = [{"language": "en", "subject": "Wash", "text": "{{offer}}: {{code}}"}]
OPEN, REDEEMED = 1, 2
REDEMPTION = 70
CODE = re.compile(r"Free wash: ([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})$")


async def call(post: Any, rpc: str, client: Any = None, **request: Any) -> Any:
    method = contract.methods("marque.campaign.v1.OfferCodeService")[f"{rpc}OfferCode"]
    message = json_format.ParseDict(request, method.input())
    return await (client or post.manager).call(f"campaign.v1.OfferCodeService/{rpc}OfferCode", message)


async def launched(post: Any, *people: str, **offer: Any) -> Any:
    template = await post.make_template(variables=VARIABLES, contents=WORDS)
    until = datetime.now(UTC) + timedelta(days=30)
    given = {
        "name": "Free wash", "valid_until": until.isoformat(), "worth": {"currency_code": "CNY", "units": 50}, **offer
    }  # fmt: skip
    price = {"currency_code": "CNY", "units": 80}
    campaign = await post.launch(
        *people, template_id=template.template_id, offer=given, goal=REDEMPTION, response_value=price
    )
    await post.ended(campaign)
    return campaign


async def codes_of(post: Any, campaign: Any) -> dict[str, str]:
    """The code that stands in everybody's message."""
    keys = {key: who for who, key in (await post.keys(campaign)).items()}
    sent = [one for one in post.provider.messages if one["messageId"] in keys]
    return {keys[one["messageId"]]: CODE.search(one["text"]).group(1) for one in sent}  # type: ignore[union-attr]


async def _lines(post: Any, campaign: Any) -> set[str]:
    sql = "SELECT send_id::text FROM campaign_sends WHERE campaign_id = $1"
    return {row["send_id"] for row in await post.sql(sql, campaign.campaign_id)}


class TestCodes:
    async def test_each_has_one_which_many_tills_at_once_redeem_once(self, post: Any) -> None:
        people = await post.people(3)
        campaign = await launched(post, *people)
        codes, dealer = await codes_of(post, campaign), await post.make_dealer()
        rows = await post.sql("SELECT count(*) AS n FROM offer_codes WHERE campaign_id = $1", campaign.campaign_id)
        assert (len(set(codes.values())), rows[0]["n"]) == (3, 3)

        mine = codes[people[0]]
        before = await call(post, "Get", code=mine.lower().replace("-", " "))
        tried = await asyncio.gather(
            *(call(post, "Redeem", code=mine, dealer_id=dealer) for _ in range(6)), return_exceptions=True
        )
        done = [one for one in tried if not isinstance(one, RpcFailure)]
        refused = [(one.reason, one.metadata.get("state")) for one in tried if isinstance(one, RpcFailure)]
        report = await post.call("GetCampaignReport", campaign_id=campaign.campaign_id)

        assert (before.state, before.customer_id, before.offer.name) == (OPEN, people[0], "Free wash")
        assert [(one.state, one.redeem_dealer_id) for one in done] == [(REDEEMED, dealer)]
        assert refused == [("OFFER_CODE_STATE", "REDEEMED")] * 5
        assert [(one.kind, one.count) for one in report.responses] == [(REDEMPTION, 1)]
        assert (report.offer_code_count, report.offer_redeem_count, report.offer_cost.units) == (3, 1, 50)
        assert report.revenue.units == 80

    async def test_further_channels_and_steps_carry_the_one_code(self, post: Any) -> None:
        (person,) = await post.people(1)
        words = await post.make_template(variables=VARIABLES, contents=WORDS)
        call_words = await post.make_template(channel="CHANNEL_PHONE", variables=VARIABLES, contents=WORDS)
        offer = {"name": "Free wash", "valid_until": (datetime.now(UTC) + timedelta(days=30)).isoformat()}
        further = [{"channel": "CHANNEL_PHONE", "template_id": call_words.template_id}]
        submitted = await post.approved(person, template_id=words.template_id, offer=offer, fallbacks=further)
        steps = [{"code": code, "send": {"template_id": words.template_id}} for code in ("one", "two")]
        campaign = await post.launch(person, offer=offer, steps=steps)
        await post.ended(campaign)
        texts = [one["text"] for one in post.provider.messages if one["messageId"] in await _lines(post, campaign)]

        assert submitted.state == 3
        assert len(texts) == 2
        assert len({CODE.search(one).group(1) for one in texts}) == 1  # type: ignore[union-attr]

    async def test_a_retry_under_one_key_is_answered_as_before(self, post: Any) -> None:
        (person,) = await post.people(1)
        codes, dealer = await codes_of(post, await launched(post, person)), await post.make_dealer()
        asked = {"code": codes[person], "dealer_id": dealer, "request_id": uuid.uuid4().hex}

        assert await call(post, "Redeem", **asked) == await call(post, "Redeem", **asked)

    async def test_a_shared_one_is_the_same_for_all_and_once_for_each(self, post: Any) -> None:
        people = await post.people(2)
        codes, dealer = await codes_of(post, await launched(post, *people, shared_code=True)), await post.make_dealer()
        (code,) = set(codes.values())
        asked = {"code": code, "dealer_id": dealer}
        with pytest.raises(RpcFailure) as unnamed:
            await call(post, "Redeem", **asked)
        for person in people:
            await call(post, "Redeem", **asked, customer_id=person)
        with pytest.raises(RpcFailure) as twice:
            await call(post, "Redeem", **asked, customer_id=people[0])

        assert unnamed.value.fields == {"customer_id": "CUSTOMER_MISSING"}
        assert twice.value.reason == "OFFER_CODE_STATE"

    async def test_too_early_another_dealers_and_nonsense_are_told_apart_only_where_one_may_know(
        self, post: Any
    ) -> None:
        (person,) = await post.people(1)
        later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        codes, dealer = await codes_of(post, await launched(post, person, valid_from=later)), await post.make_dealer()
        till = post.client("dealer.sales", dealers=[dealer])
        with pytest.raises(RpcFailure) as early:
            await call(post, "Redeem", till, code=codes[person])
        with pytest.raises(RpcFailure) as unknown:
            await call(post, "Redeem", till, code="3333-4444-7777")

        assert early.value.metadata["state"] == "TOO_EARLY"
        assert unknown.value.reason == "OFFER_CODE_NOT_FOUND"
