"""A provider that behaves badly, addresses that reach nobody, and channels that come after the one that did not."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.testing.figures import counted
from servicekit.testing.platform import until
from servicekit.testing.provider import BUSY, DROP, FAIL, FAIL_AFTER, REFUSE, TAKE

PLANNED, ACCEPTED, BOUNCED, FAILED, SUPPRESSED = 1, 4, 6, 7, 9
WORDS = [{"language": "en", "text": "Dear {{ name }}, we call."}]


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

    async def test_one_that_is_down_is_waited_for_and_then_for_as_long_as_it_says(self, post: Any) -> None:
        people = await post.people(2)
        approved = await post.approved(*people)
        provider = post.provider
        provider.manner, provider.retry_after = (lambda message, times: TAKE if times else BUSY), 3_600
        provider.close()
        await post.do("Schedule", approved)

        async def waits() -> bool:
            return set((await post.lines(approved)).values()) == {(PLANNED, reason)}

        reason = "ConnectError"
        await until(waits, 30, "it is not waited for")
        provider.open()
        reason = "HTTP_429"
        await until(waits, 30, "it is not heard")
        rows = await post.sql(
            "SELECT extract(epoch FROM retry_time - update_time) AS seconds FROM campaign_sends WHERE campaign_id = $1",
            approved.campaign_id,
        )
        provider.retry_after = 0
        await post.sql("UPDATE campaign_sends SET retry_time = now() WHERE campaign_id = $1", approved.campaign_id)
        ended, keys = await post.ended(approved), await post.keys(approved)
        provider.manner = lambda message, times: TAKE

        assert all(3_590 <= row["seconds"] <= 3_600 for row in rows)
        assert set(ended.values()) == {(ACCEPTED, "")}
        assert {provider.accepted[key] for key in keys.values()} == {1}

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


class TestStorm:
    async def test_a_campaign_that_fails_for_many_pauses_tells_and_counts_anew_when_resumed(self, post: Any) -> None:
        people, halts = await post.people(3), counted("campaign_halts")
        campaign = await post.launch(*people, rate_per_minute=1)

        async def state() -> tuple[int, str]:
            found = await post.call("GetCampaign", campaign_id=campaign.campaign_id)
            return found.state, found.pause_reason

        async def one_is_sent() -> bool:
            return (ACCEPTED, "") in (await post.lines(campaign)).values()

        await until(one_is_sent, 30, "nothing is sent")
        await post.sql(
            "INSERT INTO campaign_sends (send_id, campaign_id, customer_id, channel, state, reason, claim_time, hand_time, create_time, "
            "update_time) SELECT gen_random_uuid(), $1, gen_random_uuid(), 2, 6 + n % 3, 'TEST', now(), now(), now(), now() "
            "FROM generate_series(1, 50) n",
            campaign.campaign_id,
        )
        await post.sql("UPDATE campaigns SET rate_per_minute = 0 WHERE campaign_id = $1", campaign.campaign_id)

        async def paused() -> bool:
            return (await state())[0] == 6

        await until(paused, 20, "it goes on")
        counts = counted("campaign_halts") - halts
        lines = await post.lines(campaign)
        told = await post.sql(
            "SELECT count(*) AS n FROM outbox_messages WHERE event_type = 'marque.campaign.v1.CampaignHalted' AND aggregate_id = $1",
            campaign.campaign_id,
        )
        halted = await state()
        await post.do("Resume", campaign)
        ended = await post.ended(campaign)

        assert sorted(lines[one] for one in people) == [(1, ""), (1, ""), (ACCEPTED, "")]
        assert (halted, told[0]["n"], counts) == ((6, "FAILURES"), 1, 1)
        assert {ended[one] for one in people} == {(ACCEPTED, "")}
        assert await state() == (7, "")


class TestFurtherChannels:
    async def test_a_campaign_may_go_on_by_every_other_channel(self, post: Any) -> None:
        others = ("POST", "PHONE", "SMS", "PUSH", "MESSAGING")
        further = []
        for name in others:
            words = [{**WORDS[0], "subject": "News"}] if name in ("POST", "PUSH") else WORDS
            template = await post.make_template(channel=f"CHANNEL_{name}", contents=words)
            further.append({"channel": f"CHANNEL_{name}", "template_id": template.template_id})
        campaign = await post.approved(await post.caller(), fallbacks=further)

        assert [one.channel for one in campaign.fallbacks] == [4, 1, 2, 6, 5]

    async def test_whom_the_first_channel_cannot_reach_gets_it_by_the_next_once(self, post: Any) -> None:
        people = [await post.caller(agreed=one) for one in (("EMAIL", "PHONE"), ("PHONE",), ("EMAIL", "PHONE"))]
        mail, phone, back = people
        template = await post.make_template(channel="CHANNEL_PHONE", contents=WORDS)
        further = {"channel": "CHANNEL_PHONE", "template_id": template.template_id}
        campaign = await post.launch(*people, fallbacks=[further])
        await post.comes_to(campaign, mail, (3, ACCEPTED, ""))
        await post.comes_to(campaign, phone, (3, SUPPRESSED, "NEVER_GRANTED"), (1, ACCEPTED, ""))
        await post.comes_to(campaign, back, (3, ACCEPTED, ""))
        report = {
            "send_id": (await post.keys(campaign))[back],
            "state": 6,
            "reason": "BOX_CLOSED",
            "address_gone": True,
        }
        carrier = post.platform.client("campaign", "service")
        for _ in range(2):
            await post.call("RecordDeliveryReports", carrier, reports=[report])

        await post.comes_to(campaign, back, (3, BOUNCED, "BOX_CLOSED"), (1, ACCEPTED, ""))
        assert (await post.task_of(back)).campaign_call.script == "Dear 王小明, we call."
        assert (await post.call("GetCampaign", campaign_id=campaign.campaign_id)).state == 5


class TestUnreachable:
    async def test_what_came_back_is_marked_and_what_arrives_after_all_lifts_it(self, post: Any) -> None:
        person, carrier = await post.person(), post.client("service")
        campaign = await post.launch(person)
        await post.ended(campaign)
        report = {"send_id": (await post.keys(campaign))[person]}
        before = await post.sql("SELECT count(*) AS n FROM bounced_addresses")
        gone = {**report, "state": 6, "reason": "BOX_CLOSED", "address_gone": True}
        first = await post.call("RecordDeliveryReports", carrier, reports=[gone])
        again = await post.call("RecordDeliveryReports", carrier, reports=[gone])
        await post.reads(person, "BOX_CLOSED")
        other = await post.launch(person)

        assert (first.changed_count, again.changed_count) == (1, 0)
        assert (await post.sql("SELECT count(*) AS n FROM bounced_addresses"))[0]["n"] == before[0]["n"] + 1
        assert await post.ended(other) == {person: (SUPPRESSED, "ADDRESS_UNREACHABLE")}
        await post.call("RecordDeliveryReports", carrier, reports=[{**report, "state": 5}])
        await post.reads(person, "")
        assert (await post.sql("SELECT count(*) AS n FROM bounced_addresses"))[0]["n"] == before[0]["n"]
        third = await post.launch(person)
        assert await post.ended(third) == {person: (ACCEPTED, "")}

    async def test_what_came_back_for_another_reason_says_nothing_of_the_address(self, post: Any) -> None:
        person, carrier = await post.person(), post.client("service")
        campaign = await post.launch(person)
        await post.ended(campaign)
        full = {"send_id": (await post.keys(campaign))[person], "state": 6, "reason": "BOX_FULL"}
        await post.call("RecordDeliveryReports", carrier, reports=[full])
        other = await post.launch(person)

        assert await post.ended(other) == {person: (ACCEPTED, "")}
