"""From the launch to a final state for everybody, through permits of a real customer service and a provider that behaves badly."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import orjson
from marque.customer.v1 import identity_service_pb2
from marque_campaign.clients import signature
from servicekit.testing.figures import counted
from servicekit.testing.platform import until
from servicekit.testing.provider import BUSY, DROP, FAIL, FAIL_AFTER, REFUSE, TAKE

ACCEPTED, FAILED, UNKNOWN, SUPPRESSED = 4, 7, 8, 9


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


class TestBadProvider:
    async def test_lost_answers_are_asked_again_and_taken_once(self, post: Any) -> None:
        people = await post.people(4)
        approved = await post.approved(*people)
        bad = iter([[DROP], [FAIL_AFTER, FAIL], [BUSY, BUSY], [REFUSE]])
        manners: dict[str, list[str]] = {}
        lines: dict[str, str] = {}

        def manner(message: dict[str, Any], times: int) -> str:
            key = message["messageId"]
            if key not in manners:
                manners[key] = next(bad)
                lines[key] = manners[key][0]
            return manners[key][times] if times < len(manners[key]) else TAKE

        post.provider.manner = manner
        await post.do("Schedule", approved)
        ended = await post.ended(approved)
        keys = await post.keys(approved)
        post.provider.manner = lambda message, times: TAKE

        for person in people:
            key = keys[person]
            if lines[key] == REFUSE:
                assert (ended[person], post.provider.accepted[key]) == ((FAILED, "HTTP_400"), 0)
            else:
                assert (ended[person][0], post.provider.accepted[key]) == (ACCEPTED, 1)

    async def test_reports_come_late_twice_and_in_any_order(self, post: Any) -> None:
        person = await post.person()
        campaign = await post.launch(person)
        await post.ended(campaign)
        key = (await post.keys(campaign))[person]
        service = post.client("service")
        reports = [{"send_id": key, "state": 5}, {"send_id": str(uuid.uuid4()), "state": 6}]
        told = await post.call("RecordDeliveryReports", service, reports=reports)
        again = await post.call("RecordDeliveryReports", service, reports=reports)

        assert (told.changed_count, told.unknown_count) == (1, 1)
        assert (again.changed_count, again.unknown_count) == (0, 1)
        shown = await post.call("ExplainCampaignSend", campaign_id=campaign.campaign_id, customer_id=person)
        assert [one.state for one in shown.sends] == [5]


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
        ended = await post.ended(campaign)
        keys = await post.keys(campaign)

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


class TestWhyNot:
    async def test_somebody_who_is_not_in_the_audience_is_told_so(self, post: Any) -> None:
        draft = await post.make()
        early = await post.call("ExplainCampaignSend", campaign_id=draft.campaign_id, customer_id=str(uuid.uuid4()))
        campaign = await post.launch(await post.person())
        await post.ended(campaign)
        late = await post.call("ExplainCampaignSend", campaign_id=campaign.campaign_id, customer_id=str(uuid.uuid4()))

        assert (early.reason, late.reason) == ("NOT_LAUNCHED", "NOT_IN_AUDIENCE")
