"""Campaigns in steps on a real database: each run goes through once, whoever pauses, cancels, merges or is killed meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from marque.customer.v1 import identity_service_pb2
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

ACCEPTED, SUPPRESSED = 4, 9
RUNNING = 5
WAITING, OVER = 2, 4
DAY = {"code": "wait", "wait": {"days": 1}}
_WAKE = "UPDATE campaign_runs SET step_time = step_time - interval '3 days', wake_time = now() WHERE campaign_id = $1 AND state = 2"


def send(code: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "send": more}


async def runs(post: Any, campaign: Any) -> dict[str, tuple[int, int, str]]:
    """Step, state and reason of every run, by person."""
    rows = await post.sql(
        "SELECT customer_id::text AS who, step, state, reason FROM campaign_runs WHERE campaign_id = $1",
        campaign.campaign_id,
    )
    return {row["who"]: (row["step"], row["state"], row["reason"]) for row in rows}


async def lines(post: Any, campaign: Any) -> list[tuple[str, int, int, str]]:
    """Person, step, state and reason of every line, in order."""
    rows = await post.sql(
        "SELECT customer_id::text AS who, step, state, reason FROM campaign_sends WHERE campaign_id = $1 ORDER BY 1, 2",
        campaign.campaign_id,
    )
    return [(row["who"], row["step"], row["state"], row["reason"]) for row in rows]


async def stand(post: Any, campaign: Any, *states: int) -> dict[str, tuple[int, int, str]]:
    """Waits until all runs stand so."""

    async def there() -> Any:
        found = await runs(post, campaign)
        return found if found and {one[1] for one in found.values()} <= set(states) else None

    found: dict[str, tuple[int, int, str]] = await until(there, 30, "the runs do not come there")
    return found


class TestSteps:
    async def test_each_goes_through_once_and_the_campaign_ends_with_the_last(self, post: Any) -> None:
        good, quiet = await post.person(), await post.person(agreed=False)
        other = await post.make_template(contents=[{"language": "en", "subject": "Again", "text": "Once more"}])
        steps = [
            send("hello"),
            DAY,
            {"code": "fork", "branch": {"rule": '"hello" in run.sent', "otherwise": "end"}},
            send("again", template_id=other.template_id),
            {"code": "end", "exit": {"reason": "ENOUGH"}},
        ]
        campaign = await post.launch(good, quiet, steps=steps)
        waiting = await stand(post, campaign, WAITING)
        told = await post.call("GetCampaign", campaign_id=campaign.campaign_id)
        why = await post.call("ExplainCampaignSend", campaign_id=campaign.campaign_id, customer_id=good)
        await post.sql(_WAKE, campaign.campaign_id)
        await post.ended(campaign)
        subjects = [
            one["subject"] for one in post.provider.messages if one["messageId"] in (await keys(post, campaign))
        ]

        assert waiting == {good: (1, WAITING, ""), quiet: (1, WAITING, "")}
        assert [(one.step, one.state, one.count) for one in told.run_counts] == [("wait", WAITING, 2)]
        assert [(one.step, one.state) for one in why.runs] == [("wait", WAITING)]
        assert [one.step for one in why.sends] == [1]
        assert await lines(post, campaign) == sorted(
            [(good, 1, ACCEPTED, ""), (good, 4, ACCEPTED, ""), (quiet, 1, SUPPRESSED, "NEVER_GRANTED")]
        )
        assert await runs(post, campaign) == {good: (4, OVER, "ENOUGH"), quiet: (4, OVER, "ENOUGH")}
        assert subjects == ["News", "Again"]

    async def test_paused_nobody_goes_on_and_cancelled_all_end_and_say_why(self, post: Any) -> None:
        person = await post.person()
        campaign = await post.launch(person, steps=[send("one"), DAY, send("two")])
        await stand(post, campaign, WAITING)
        await post.do("Pause", campaign)
        await post.sql(_WAKE, campaign.campaign_id)
        await asyncio.sleep(1.5)  # a sweep and a half
        paused = await runs(post, campaign)
        await post.do("Cancel", campaign)
        ended = await stand(post, campaign, OVER)

        assert paused[person][1] == WAITING
        assert ended == {person: (1, OVER, "CANCELLED")}
        assert await lines(post, campaign) == [(person, 1, ACCEPTED, "")]

    async def test_two_who_become_one_person_meanwhile_go_on_as_one(self, post: Any) -> None:
        one, other = await post.people(2)
        campaign = await post.launch(one, other, steps=[send("one"), DAY, send("two")])
        await stand(post, campaign, WAITING)
        request = identity_service_pb2.MergeCustomersRequest(
            customer_id=one, from_customer_id=other, reasons=["SAME_PHONE"]
        )
        manager = post.platform.client("customer", "oem.manager")
        await manager.call("customer.v1.IdentityService/MergeCustomers", request)

        async def heard() -> bool:
            return bool(await post.sql("SELECT 1 FROM customer_aliases WHERE from_customer_id = $1", uuid.UUID(other)))

        await until(heard, 20, "the merge is not heard")
        await post.sql(_WAKE, campaign.campaign_id)
        await post.ended(campaign)

        assert await runs(post, campaign) == {one: (2, OVER, "DONE"), other: (1, OVER, "SAME_PERSON")}
        assert [(who, step) for who, step, *_ in await lines(post, campaign)] == sorted(
            [(one, 1), (one, 3), (other, 1)]
        )

    async def test_who_fits_the_exit_rule_gets_no_more(self, post: Any) -> None:
        person = await post.person()
        steps = [send("one"), DAY, send("two")]
        campaign = await post.launch(person, steps=steps, exit_rule='"one" in run.clicked')
        await stand(post, campaign, WAITING)
        (line,) = (await post.keys(campaign)).values()
        await post.sql(
            "INSERT INTO campaign_responses (campaign_id, kind, send_id, source_key, occur_time, credited) "
            "VALUES ($1, 2, $2, 'x', now(), true)",
            campaign.campaign_id, line,
        )  # fmt: skip
        await post.sql(_WAKE, campaign.campaign_id)

        assert await stand(post, campaign, OVER) == {person: (2, OVER, "EXIT_RULE")}

    async def test_a_deed_begins_a_run_once_for_each_time(self, post: Any) -> None:
        person = await post.person()
        campaign = await post.launch(trigger=5, audience_list_id="", steps=[send("thanks"), DAY, send("more")])

        async def launched() -> bool:
            return bool((await post.call("GetCampaign", campaign_id=campaign.campaign_id)).state == RUNNING)

        await until(launched, 20, "it is not launched")
        visit = {"customer_id": person, "kind": "INTERACTION_KIND_VISIT", "direction": "INTERACTION_DIRECTION_INBOUND"}
        await post.customer("customer.v1.InteractionService/LogInteraction", {"interaction": visit})
        begun = await stand(post, campaign, WAITING)
        occurrences = await post.sql(
            "SELECT occurrence FROM campaign_runs WHERE campaign_id = $1", campaign.campaign_id
        )
        sent = await lines(post, campaign)
        await post.do("Cancel", campaign)

        assert begun == {person: (1, WAITING, "")}
        assert [row["occurrence"].partition(":")[0] for row in occurrences] == ["interaction"]
        assert sent == [(person, 1, ACCEPTED, "")]

    async def test_a_wait_keeps_the_hour_of_where_each_person_is(self, post: Any) -> None:
        east, nowhere = await post.people(2)
        known = "INSERT INTO audience_people (customer_id, time_zone) VALUES ($1, $2)"
        await post.sql(known, uuid.UUID(east), "Etc/GMT-9")
        wait = {"code": "wait", "wait": {"hours": 1, "local_minute": 600}}
        campaign = await post.launch(east, nowhere, steps=[wait, send("one")], time_zone="Etc/GMT+3")
        await stand(post, campaign, WAITING)
        query = (
            "SELECT customer_id::text AS who, extract(hour FROM wake_time AT TIME ZONE 'UTC')::int AS hour "
            "FROM campaign_runs WHERE campaign_id = $1"
        )

        async def hours() -> dict[str, int]:
            return {row["who"]: row["hour"] for row in await post.sql(query, campaign.campaign_id)}

        before = await hours()
        await post.sql("UPDATE audience_people SET time_zone = 'Etc/GMT-2' WHERE customer_id = $1", uuid.UUID(east))
        await post.sql("UPDATE campaign_runs SET wake_time = now() WHERE campaign_id = $1", campaign.campaign_id)

        async def moved() -> bool:
            return (await hours())[east] == 8

        await until(moved, 20, "the zone of now is not kept")
        assert before == {east: 1, nowhere: 13}
        assert await lines(post, campaign) == []
        await post.do("Cancel", campaign)

    @pytest.mark.parametrize(
        ("fields", "field", "reason"),
        [
            ({"steps": [send("a"), send("a")]}, "campaign.steps[1].code", "STEP_DOUBLE"),
            ({"exit_rule": "true"}, "campaign.exit_rule", "STEPS_MISSING"),
            ({"steps": [send("a")], "subject_kind": 4}, "campaign.subject_kind", "SUBJECT_NOT_ALLOWED"),
            ({"trigger": 5, "due_date": {"date": 1}}, "campaign.due_date", "TRIGGER_DOUBLE"),
            ({"steps": [{"code": "a", "send": {"expire_days": 9}}]}, "campaign.steps[0].send.expire_days", "CALL_NEEDED"),
            (
                {"steps": [{"code": "a", "send": {"channel": 1, "expire_days": 2}}]},
                "campaign.steps[0].send.expire_days", "EXPIRES_BEFORE_DUE",
            ),
            ({"due_date": {"date": 1, "years": 2}}, "campaign.due_date.years", "DATE_MISFIT"),
            ({"time_zone": "Mars/Olympus"}, "campaign.time_zone", "TIME_ZONE_INVALID"),
            ({"recurrence": {"frequency": 1, "until_date": {"year": 2026}}}, "campaign.recurrence.until_date", "DATE_INVALID"),
        ],
    )  # fmt: skip
    async def test_what_makes_no_sense_is_refused_by_its_place(
        self, post: Any, fields: dict[str, Any], field: str, reason: str
    ) -> None:
        with pytest.raises(RpcFailure) as refused:
            await post.make(**fields)

        assert refused.value.fields.get(field) == reason

    async def test_what_was_written_is_read_again(self, post: Any) -> None:
        steps = [
            send("one", channel="CHANNEL_EMAIL", purpose="CONSENT_PURPOSE_SERVICE"),
            {"code": "w", "wait": {"date": "CAMPAIGN_DATE_NEXT_SERVICE", "offset_days": -3, "local_minute": 0}},
            {"code": "f", "branch": {"rule": "run.days > 3", "then": "z"}},
            send("y"),
            {"code": "z", "exit": {}},
        ]
        again = {
            "frequency": "CAMPAIGN_FREQUENCY_WEEKLY",
            "count": 3,
            "until_date": {"year": 2030, "month": 1, "day": 2},
        }
        made = await post.make(steps=steps, exit_rule="run.days > 9", recurrence=again, time_zone="Europe/Berlin")
        read = await post.call("GetCampaign", campaign_id=made.campaign_id)

        assert [one.WhichOneof("kind") for one in read.steps] == ["send", "wait", "branch", "send", "exit"]
        assert (read.steps[0].send.purpose, read.steps[1].wait.HasField("local_minute")) == (1, True)
        assert (read.recurrence.count, read.recurrence.until_date.year, read.time_zone) == (3, 2030, "Europe/Berlin")


async def keys(post: Any, campaign: Any) -> set[str]:
    rows = await post.sql(
        "SELECT send_id::text AS key FROM campaign_sends WHERE campaign_id = $1", campaign.campaign_id
    )
    return {row["key"] for row in rows}
