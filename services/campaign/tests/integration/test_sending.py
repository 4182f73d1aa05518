"""From the launch to a final state for everybody, through real permits: who gets it, who is kept out, and what a pause holds."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import orjson
import pytest
from marque.customer.v1 import identity_service_pb2
from marque_campaign.clients import signature
from marque_campaign.usecases import launching
from servicekit.testing.client import RpcFailure
from servicekit.testing.figures import counted
from servicekit.testing.platform import until

ACCEPTED, SUPPRESSED = 4, 9


class TestEverybodyEnds:
    async def test_each_gets_it_once_or_a_reason(self, post: Any) -> None:
        good, never = await post.people(5), await post.person(agreed=False)
        nobody, quiet = str(uuid.uuid4()), await post.person()
        await post.say("Withdraw", quiet)
        before = [counted("campaign_messages", channel="EMAIL", outcome=one) for one in ("sent", "suppressed")]
        campaign = await post.launch(*good, never, nobody, quiet)
        ended = await post.ended(campaign)
        keys = await post.keys(campaign)

        assert ended == {
            **dict.fromkeys(good, (ACCEPTED, "")),
            never: (SUPPRESSED, "NEVER_GRANTED"),
            nobody: (SUPPRESSED, "UNKNOWN_CUSTOMER"),
            quiet: (SUPPRESSED, "WITHDRAWN"),
        }
        assert {one: post.provider.accepted[keys[one]] for one in ended} == {one: int(one in good) for one in ended}
        after = [counted("campaign_messages", channel="EMAIL", outcome=one) for one in ("sent", "suppressed")]
        assert [now - then for now, then in zip(after, before, strict=True)] == [5, 3]
        told = await post.call("GetCampaign", campaign_id=campaign.campaign_id)
        assert (told.state, sum(one.count for one in told.send_counts)) == (7, 8)

    async def test_what_leaves_is_signed_and_holds_the_persons_words(self, post: Any) -> None:
        person = await post.person(language="zh-CN")
        words = [
            {"language": "en", "subject": "News", "text": "Dear {{ name }}"},
            {"language": "zh-CN", "subject": "消息", "text": "尊敬的{{ name }}"},
        ]
        template = await post.make_template(contents=words)
        campaign = await post.launch(person, template_id=template.template_id)
        await post.ended(campaign)
        provider = post.provider
        message = provider.messages[-1]

        assert (message["subject"], message["text"], message["language"]) == ("消息", "尊敬的王小明", "zh-CN")
        stamp = provider.headers["x-marque-timestamp"]
        expected = signature(b"0123456789abcdef0123456789abcdef", stamp, provider.body)
        assert provider.headers["x-marque-signature"] == expected
        assert orjson.loads(provider.body)["messageId"] == provider.headers["idempotency-key"]

    async def test_somebody_of_whom_the_template_lacks_a_word_is_held_back(self, post: Any) -> None:
        words = [{"language": "en", "subject": "s", "text": "Dear {{ given }}"}]
        variables = [{"name": "given", "person_field": "PERSON_FIELD_GIVEN_NAME"}]
        template = await post.make_template(contents=words, variables=variables)
        person = await post.person()
        campaign = await post.launch(person, template_id=template.template_id)

        assert await post.ended(campaign) == {person: (SUPPRESSED, "VARIABLE_MISSING")}

    async def test_two_of_the_audience_who_are_one_person_get_it_once(self, post: Any) -> None:
        one, other = await post.people(2)
        request = identity_service_pb2.MergeCustomersRequest(
            customer_id=one, from_customer_id=other, reasons=["SAME_PHONE"]
        )
        manager = post.platform.client("customer", "oem.manager")
        await manager.call("customer.v1.IdentityService/MergeCustomers", request)
        campaign = await post.launch(one, other)
        ended = await post.ended(campaign)

        assert sorted(ended.values()) == [(ACCEPTED, ""), (SUPPRESSED, "SAME_PERSON")]


class TestKeptOut:
    """Suppression rules are asked when a line is claimed: what happened since the launch counts."""

    async def test_what_happens_between_the_launch_and_the_message_counts(self, post: Any) -> None:
        people = await post.people(5)
        campaign = await post.launch(*people, rate_per_minute=1)

        async def one_is_sent() -> bool:
            return (ACCEPTED, "") in (await post.lines(campaign)).values()

        await until(one_is_sent, 30, "nothing is sent")
        first = next(one for one, (state, _) in (await post.lines(campaign)).items() if state == ACCEPTED)
        fine, angry, recalled, merged = [one for one in people if one != first]
        survivor = str(uuid.uuid4())
        await post.sql("INSERT INTO audience_people (customer_id, open_cases) VALUES ($1, 1), ($2, 2)", angry, survivor)
        await post.sql("INSERT INTO audience_people (customer_id) VALUES ($1), ($2)", recalled, fine)
        await post.sql(
            "INSERT INTO audience_cars (vin, person_id, open_recalls) VALUES ($1, $2, 1)", fine[:17], recalled
        )
        await post.sql(
            "INSERT INTO customer_aliases (from_customer_id, known_from, to_customer_id, version) VALUES ($1, now(), $2, 1)",
            merged,
            survivor,
        )
        await post.sql("UPDATE campaigns SET rate_per_minute = 0 WHERE campaign_id = $1", campaign.campaign_id)

        assert await post.ended(campaign) == {
            first: (ACCEPTED, ""),
            fine: (ACCEPTED, ""),
            angry: (SUPPRESSED, "OPEN_COMPLAINT"),
            recalled: (SUPPRESSED, "RECALL_PENDING"),
            merged: (SUPPRESSED, "OPEN_COMPLAINT"),
        }

    async def test_a_rule_that_was_set_keeps_out_from_then_on_and_its_kinds_pass(self, post: Any) -> None:
        who, tier = await post.person(), uuid.uuid4().hex
        await post.sql("INSERT INTO audience_people (customer_id, tier) VALUES ($1, $2)", who, tier)
        rule = {
            "code": "TIER",
            "rule": f'person.tier == "{tier}"',
            "kinds": ["CAMPAIGN_KIND_NEWSLETTER"],
            "enabled": True,
        }
        await post.call("PutSuppressionRule", suppression_rule=rule)
        news, birthday = [await post.launch(who, kind=f"CAMPAIGN_KIND_{kind}") for kind in ("NEWSLETTER", "BIRTHDAY")]
        ended = [await post.ended(one) for one in (news, birthday)]
        codes = [one.code for one in (await post.call("ListSuppressionRules")).suppression_rules]
        with pytest.raises(RpcFailure) as refused:
            await post.call("PutSuppressionRule", suppression_rule={**rule, "rule": f'"{uuid.uuid4()}" in segments'})

        assert ended == [{who: (SUPPRESSED, "TIER")}, {who: (ACCEPTED, "")}]
        assert codes == sorted(codes)
        assert {"JUST_BOUGHT", "OPEN_COMPLAINT", "RECALL_PENDING", "TIER"} == set(codes)
        assert "CEL_OUTSIDE" in refused.value.fields.values()

    async def test_a_legal_notice_passes_every_rule(self, post: Any) -> None:
        angry = await post.person()
        await post.sql("INSERT INTO audience_people (customer_id, open_cases) VALUES ($1, 1)", angry)
        campaign = await post.launch(angry, kind="CAMPAIGN_KIND_RECALL_NOTICE", legal_notice=True, purpose=0)

        assert await post.ended(campaign) == {angry: (ACCEPTED, "")}

    async def test_who_is_restricted_after_the_launch_gets_nothing(self, post: Any) -> None:
        people = await post.people(2)
        approved = await post.approved(*people)
        await post.customer(
            "customer.v1.ErasureService/RestrictProcessing", {"customer_id": people[0], "reason": "OBJECTION"}
        )
        await post.do("Schedule", approved)

        assert await post.ended(approved) == {people[0]: (SUPPRESSED, "RESTRICTED"), people[1]: (ACCEPTED, "")}


class TestPauseAndCancel:
    async def test_pause_holds_the_rest_and_resume_sends_it_once(self, post: Any) -> None:
        people = await post.people(6)
        campaign = await post.launch(*people, rate_per_minute=2)

        async def some() -> bool:
            return sum(one == (ACCEPTED, "") for one in (await post.lines(campaign)).values()) == 2

        await until(some, 30, "nothing is sent")
        await post.do("Pause", campaign)
        await post.sql("UPDATE campaigns SET rate_per_minute = 0 WHERE campaign_id = $1", campaign.campaign_id)
        await asyncio.sleep(1.5)
        assert await some(), "a paused campaign sends, or more than its rate"
        await post.do("Resume", campaign)
        told = await post.sql(
            "SELECT event_type FROM outbox_messages WHERE aggregate_id = $1 AND event_type ~ 'Paused|Resumed' ORDER BY position",
            campaign.campaign_id,
        )
        ended = await post.ended(campaign)
        keys = await post.keys(campaign)

        assert [one["event_type"].rpartition(".")[2] for one in told] == ["CampaignPaused", "CampaignResumed"]
        assert set(ended.values()) == {(ACCEPTED, "")}
        assert {post.provider.accepted[keys[one]] for one in people} == {1}

    async def test_cancelled_who_had_nothing_gets_nothing(self, post: Any) -> None:
        people = await post.people(4)
        campaign = await post.launch(*people, rate_per_minute=1)

        async def one_is_sent() -> bool:
            return (ACCEPTED, "") in (await post.lines(campaign)).values()

        await until(one_is_sent, 30, "nothing is sent")
        await post.do("Cancel", campaign)

        assert sorted((await post.ended(campaign)).values()) == [(ACCEPTED, ""), *[(SUPPRESSED, "CANCELLED")] * 3]

    async def test_what_happens_while_the_rate_sleeps_counts_and_no_pause_wins_a_message(self, post: Any) -> None:
        people = await post.people(4)
        campaign = await post.launch(*people, rate_per_minute=1)
        begun = "SELECT count(*) AS n FROM campaign_sends WHERE campaign_id = $1 AND claim_time IS NOT NULL"
        age = "UPDATE campaign_sends SET claim_time = claim_time - interval '61 seconds' WHERE campaign_id = $1"
        counts = []

        async def next_one() -> int:
            (row,) = await post.sql(begun, campaign.campaign_id)
            open_ = [one for one in (await post.lines(campaign)).values() if one[0] in (2, 3)]
            return int(row["n"]) if row["n"] > len(counts) and not open_ else 0

        counts.append(await until(next_one, 30, "nothing is sent"))
        first = next(one for one, (state, _) in (await post.lines(campaign)).items() if state == ACCEPTED)
        leaves, same, fine = [one for one in people if one != first]
        await post.say("Withdraw", leaves)
        request = identity_service_pb2.MergeCustomersRequest(
            customer_id=first, from_customer_id=same, reasons=["SAME_PHONE"]
        )
        manager = post.platform.client("customer", "oem.manager")
        await manager.call("customer.v1.IdentityService/MergeCustomers", request)
        for _ in range(3):
            await post.do("Pause", campaign)
            await post.do("Resume", campaign)
            await post.sql(age, campaign.campaign_id)
            counts.append(await until(next_one, 30, "the minute is over and nothing is sent"))
        ended = await post.ended(campaign)

        assert counts == [1, 2, 3, 4]
        assert ended == {
            first: (ACCEPTED, ""),
            fine: (ACCEPTED, ""),
            leaves: (SUPPRESSED, "WITHDRAWN"),
            same: (SUPPRESSED, "SAME_PERSON"),
        }


class TestDeploy:
    async def test_a_launch_amid_which_the_service_is_stopped_and_started_again_reaches_each_once(
        self, post: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(launching, "AT_ONCE", 1)
        good, strangers = await post.people(3), [str(uuid.uuid4()) for _ in range(40)]
        campaign = await post.launch(*good, *strangers)
        planned = []

        async def more() -> int:
            count = len(await post.lines(campaign))
            return count if count > sum(planned[-1:]) else 0

        for _ in range(2):
            planned.append(await until(more, 30, "nobody is planned"))
            await post.platform.deploy("campaign", post.platform.running("campaign"))
        ended, keys = await post.ended(campaign, 60), await post.keys(campaign)

        assert planned[0] < len(ended), "it was not stopped amid the launch"
        assert ended == dict.fromkeys(good, (ACCEPTED, "")) | dict.fromkeys(strangers, (SUPPRESSED, "UNKNOWN_CUSTOMER"))
        assert [post.provider.accepted[keys[one]] for one in good] == [1, 1, 1]
        told = await post.sql(
            "SELECT count(*) AS n FROM outbox_messages WHERE event_type = 'marque.campaign.v1.CampaignLaunched' AND aggregate_id = $1",
            campaign.campaign_id,
        )
        assert told[0]["n"] == 1


class TestWhyNot:
    async def test_somebody_who_is_not_in_the_audience_is_told_so(self, post: Any) -> None:
        draft = await post.make()
        early = await post.call("ExplainCampaignSend", campaign_id=draft.campaign_id, customer_id=str(uuid.uuid4()))
        campaign = await post.launch(await post.person())
        await post.ended(campaign)
        late = await post.call("ExplainCampaignSend", campaign_id=campaign.campaign_id, customer_id=str(uuid.uuid4()))

        assert (early.reason, late.reason) == ("NOT_LAUNCHED", "NOT_IN_AUDIENCE")


class TestTestMessages:
    async def test_it_arrives_once_marked_and_is_of_no_ledger(self, post: Any) -> None:
        template = await post.make_template()
        lines = await post.sql("SELECT count(*) AS n FROM campaign_sends")
        request = {"template_id": template.template_id, "address": "me@marque.invalid", "values": ["name=王"]}
        sent = await post.call("SendTestMessage", **request, request_id="one-test")
        again = await post.call("SendTestMessage", **request, request_id="one-test")
        message = [one for one in post.provider.messages if one.get("messageId") == sent.test_message_id]

        assert again == sent
        assert [(one["address"], one["subject"], one["text"]) for one in message] == [
            ("me@marque.invalid", "[TEST] News", "Dear 王, news.")
        ]
        assert await post.sql("SELECT count(*) AS n FROM campaign_sends") == lines

    async def test_it_goes_to_nobody_else_by_no_other_channel_and_not_without_end(self, post: Any) -> None:
        template = await post.make_template()
        text = await post.make_template(channel="CHANNEL_SMS", contents=[{"language": "en", "text": "News"}])
        me, own = post.client("oem.marketing", subject=str(uuid.uuid4())), {"address": "me@marque.invalid"}

        async def reason(**request: Any) -> str:
            try:
                await post.call("SendTestMessage", me, **request)
            except RpcFailure as failure:
                return next(iter(failure.fields.values()), failure.reason)
            return ""

        assert await reason(template_id=template.template_id, address="me@elsewhere.example") == "TEST_ADDRESS_FOREIGN"
        assert await reason(template_id=text.template_id, **own) == "TEST_NOT_POSSIBLE"
        asked = [reason(template_id=template.template_id, **own) for _ in range(23)]
        assert sorted(await asyncio.gather(*asked)) == [""] * 20 + ["TEST_MESSAGE_LIMIT"] * 3
