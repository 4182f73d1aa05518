"""What campaigns cost and brought: words by lot, people held out, a budget that ends, and deeds that others tell."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from typing import Any

import pytest
from marque_campaign.rules import experiment
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until
from servicekit.testing.provider import REFUSE, TAKE

ACCEPTED, FAILED, SUPPRESSED = 4, 7, 9
VISIT = 5


async def visit(post: Any, person: str) -> None:
    """Somebody comes to the showroom by themselves."""
    interaction = {
        "customer_id": person,
        "kind": "INTERACTION_KIND_VISIT",
        "direction": "INTERACTION_DIRECTION_INBOUND",
    }
    await post.customer("customer.v1.InteractionService/LogInteraction", {"interaction": interaction})


class TestReport:
    async def test_words_go_by_lot_and_the_report_compares_with_those_held_out(self, post: Any) -> None:
        people = await post.people(16)
        other = await post.make_template(contents=[{"language": "en", "subject": "B", "text": "Other words"}])
        variant = {"code": "B", "percent": 50, "template_id": other.template_id}
        price = {"currency_code": "CNY", "units": 90}
        campaign = await post.launch(
            *people, variants=[variant], holdout_percent=40, thousand_cost=price, goal=VISIT, attribution="CAMPAIGN_ATTRIBUTION_LAST",
            response_value={"currency_code": "CNY", "units": 10},
        )  # fmt: skip
        ended = await post.ended(campaign)
        key = uuid.UUID(campaign.campaign_id)
        held = {one for one in people if experiment.is_held_out(key, uuid.UUID(one), 40)}
        arms = {one: experiment.arm_of(key, uuid.UUID(one), [experiment.Arm("B", 50)]) for one in people}
        texts = {one["messageId"]: one["subject"] for one in post.provider.messages}
        keys = await post.keys(campaign)
        treated = [one for one in people if one not in held]
        await visit(post, treated[0])
        await visit(post, treated[0])
        if held:
            await visit(post, min(held))

        async def counted() -> Any:
            made = await post.call("GetCampaignReport", campaign_id=campaign.campaign_id)
            lift = next((one for one in made.lifts if one.kind == VISIT), None)
            done = lift is None or lift.holdout_response_count == 1
            return made if done and any(one.kind == VISIT for one in made.responses) else None

        made = await until(counted, 20, "what people did is not counted")

        assert ended == {one: (SUPPRESSED, "HOLDOUT") if one in held else (ACCEPTED, "") for one in people}
        assert {one: texts[keys[one]] == "B" for one in treated} == {one: arms[one] == "B" for one in treated}
        drawn = Counter(arms[one] for one in treated)  # one of the two may be nobody's, by chance
        assert {one.code: one.drawn_count for one in made.variants if one.drawn_count} == dict(drawn)
        assert [(one.kind, one.count) for one in made.responses] == [(VISIT, 1)]
        assert made.cost.units * 100 + made.cost.nanos // 10_000_000 == 9 * len(treated)
        assert made.return_on_investment == pytest.approx(1000 / (9 * len(treated)) - 1)
        for lift in made.lifts:
            assert (lift.drawn_count, lift.holdout_count) == (len(treated), len(held))
            assert lift.lift_low <= lift.lift <= lift.lift_high

    async def test_it_stops_at_its_budget_and_everybody_else_is_told_why(self, post: Any) -> None:
        """What was refused costs nothing; and what earlier batches took counts for later ones, of which a minute has two lines."""
        people, refused = await post.people(5), itertools.chain([REFUSE], itertools.repeat(TAKE))
        post.provider.manner = lambda message, times: next(refused)
        price = {"currency_code": "CNY", "units": 1000}
        campaign = await post.launch(
            *people, budget={"currency_code": "CNY", "units": 3}, thousand_cost=price, rate_per_minute=2
        )

        async def over() -> bool:
            await post.sql(
                "UPDATE campaign_sends SET claim_time = claim_time - interval '1 minute' WHERE campaign_id = $1",
                campaign.campaign_id,
            )
            return bool((await post.call("GetCampaign", campaign_id=campaign.campaign_id)).state == 7)

        await until(over, 30, "the campaign is not over")
        post.provider.manner = lambda message, times: TAKE
        ended = await post.lines(campaign)
        made = await post.call("GetCampaignReport", campaign_id=campaign.campaign_id)

        assert Counter(ended.values()) == {(ACCEPTED, ""): 3, (FAILED, "HTTP_400"): 1, (SUPPRESSED, "BUDGET"): 1}
        assert (made.cost.units, made.affordable_count) == (3, 0)

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"budget": {"currency_code": "CNY", "units": 3}}, "PRICE_MISSING"),
            ({"budget": {"currency_code": "XXQ", "units": 3}}, "MONEY_INVALID"),
            (
                {"budget": {"currency_code": "CNY", "units": 3}, "thousand_cost": {"currency_code": "EUR", "units": 3}},
                "CURRENCY_MISMATCH",
            ),
            ({"variants": [{"code": "B", "percent": 60, "template_id": str(uuid.UUID(int=1))}] * 2}, "VARIANT_DOUBLE"),
            ({"kind": 4, "legal_notice": True, "holdout_percent": 10}, "HOLDOUT_NOT_ALLOWED"),
        ],
    )
    async def test_what_makes_no_sense_is_refused_by_name(self, post: Any, fields: dict[str, Any], reason: str) -> None:
        with pytest.raises(RpcFailure) as refused:
            await post.make(**fields)

        assert reason in refused.value.fields.values()


class TestTrigger:
    async def test_who_comes_gets_one_message_for_each_time_and_nobody_for_what_was_before(self, post: Any) -> None:
        person, before, unlisted = await post.people(3)
        await visit(post, before)
        listed = await post.make_list(person, before)
        # Three campaigns: at once, in a day, and at a dealer where nobody came.
        now = await post.launch(trigger=VISIT, audience_list_id=listed.audience_list_id)
        later = await post.launch(trigger=VISIT, trigger_delay_hours=24, audience_list_id="")
        elsewhere = await post.launch(trigger=VISIT, dealer_id=await post.make_dealer(), audience_list_id="")

        async def launched() -> bool:
            return all(
                [
                    (await post.call("GetCampaign", campaign_id=one.campaign_id)).state == 5
                    for one in (now, later, elsewhere)
                ]
            )

        await until(launched, 20, "they are not launched")
        for who in (person, person, unlisted):
            await visit(post, who)

        async def told() -> bool:
            return (await _states(post, now)) == [(person, ACCEPTED)] * 2 and len(await _states(post, later)) == 3

        await until(told, 20, "the messages are not there")
        waiting = await post.sql(
            "SELECT DISTINCT state, retry_time > now() + interval '23 hours' AS waits FROM campaign_sends WHERE campaign_id = $1",
            later.campaign_id,
        )
        running = await post.call("GetCampaign", campaign_id=now.campaign_id)
        for one in (now, later, elsewhere):
            await post.do("Cancel", one)
        ended = await post.ended(later)

        assert [tuple(one) for one in waiting] == [(1, True)]
        assert (running.state, await _states(post, elsewhere)) == (5, [])
        assert set(ended.values()) == {(SUPPRESSED, "CANCELLED")}

    async def test_it_leaves_out_whom_a_rule_keeps_out_then(self, post: Any) -> None:
        fine, angry = await post.people(2)
        await post.sql("INSERT INTO audience_people (customer_id, open_cases) VALUES ($1, 0), ($2, 1)", fine, angry)
        listed = await post.make_list(fine, angry)
        campaign = await post.launch(trigger=VISIT, audience_list_id=listed.audience_list_id)

        async def running() -> bool:
            return bool((await post.call("GetCampaign", campaign_id=campaign.campaign_id)).state == 5)

        await until(running, 20, "it is not launched")
        for who in (fine, angry):
            await visit(post, who)

        async def ended() -> bool:
            return sorted((await post.lines(campaign)).items()) == sorted(
                [(fine, (ACCEPTED, "")), (angry, (9, "OPEN_COMPLAINT"))]
            )

        await until(ended, 20, "they have no end, or another")
        await post.do("Cancel", campaign)


async def _states(post: Any, campaign: Any) -> list[tuple[str, int]]:
    rows = await post.sql(
        "SELECT customer_id::text AS who, state FROM campaign_sends WHERE campaign_id = $1 ORDER BY who",
        campaign.campaign_id,
    )
    return [(row["who"], row["state"]) for row in rows]
