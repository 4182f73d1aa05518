"""Calls of campaigns as tasks of a real customer service, by themselves and as a step."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf import json_format
from marque.customer.v1 import identity_service_pb2
from marque.type.v1 import personal_data_pb2
from marque_campaign.usecases import triggering
from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.testing.client import RpcFailure
from servicekit.testing.contact_gate import MIDNIGHT
from servicekit.testing.platform import until

PLANNED, ACCEPTED, DELIVERED, BOUNCED, FAILED, SUPPRESSED = 1, 4, 5, 6, 7, 9
TASKS = "customer.v1.TaskService"
WORDS = [{"language": "en", "text": "Dear {{ name }}, we call."}]
# What came of a call says which way a person goes.
BY_OUTCOME = ("reached", "not_reached", "refused", "call_later")


async def calls(post: Any, *people: str, **fields: Any) -> Any:
    template = await post.make_template(channel="CHANNEL_PHONE", contents=WORDS)
    return await post.launch(*people, channel="CHANNEL_PHONE", template_id=template.template_id, **fields)


async def task_is(post: Any, task: Any, state: int) -> None:
    """Waits until a task stands so."""

    async def there() -> bool:
        found = await post.customer(f"{TASKS}/GetTask", {"task_id": task.task_id})
        return bool(found.state == state)

    await until(there, 20, f"the task is not {state}")


async def end(post: Any, task: Any, outcome: str, **more: Any) -> Any:
    request = {"task_id": task.task_id, "call_outcome": f"CAMPAIGN_CALL_OUTCOME_{outcome}", **more}
    return await post.customer(f"{TASKS}/CompleteTask", request)


class TestCalls:
    async def test_each_becomes_one_task_and_what_came_of_it_settles_the_line(self, post: Any) -> None:
        reached, vain, wrong, enough = [await post.caller() for _ in range(4)]
        never = await post.caller(agreed=())
        campaign = await calls(post, reached, vain, wrong, enough, never)
        tasks = {one: await post.task_of(one) for one in (reached, vain, wrong, enough)}
        keys = await post.keys(campaign)
        said = tasks[reached]
        assert said.campaign_call.script == "Dear 王小明, we call."
        assert (said.title, said.campaign_call.send_id, said.dealer_id) == ("News", keys[reached], "")

        for person, outcome in (
            (reached, "REACHED"),
            (vain, "NOT_REACHED"),
            (wrong, "WRONG_NUMBER"),
            (enough, "NOT_AGAIN"),
        ):
            await end(post, tasks[person], outcome)
        await post.comes_to(campaign, reached, (1, DELIVERED, ""))
        await post.comes_to(campaign, vain, (1, FAILED, "NOT_REACHED"), (1, 1, ""))
        await post.comes_to(campaign, wrong, (1, BOUNCED, "WRONG_NUMBER"))
        await post.comes_to(campaign, enough, (1, DELIVERED, "NOT_AGAIN"))
        await post.comes_to(campaign, never, (1, SUPPRESSED, "NEVER_GRANTED"))
        (again,) = await post.sql(
            "SELECT occurrence, retry_time - now() AS wait FROM campaign_sends WHERE campaign_id = $1 AND state = 1",
            uuid.UUID(campaign.campaign_id),
        )
        assert again["occurrence"] == "~call2"
        assert 10_000 < again["wait"].total_seconds() <= 10_800

        check = {"customer_id": enough, "purpose": 2, "channel": 1, "controller_kind": 1}
        assert not (await post.customer("customer.v1.ConsentService/CheckConsent", check)).allowed

        await post.reads(wrong, "WRONG_NUMBER", kind=1)
        other = await calls(post, wrong)
        assert await post.ended(other) == {wrong: (SUPPRESSED, "ADDRESS_UNREACHABLE")}

    async def test_nobody_is_called_at_night_nor_where_nobody_knows_whether_it_is_night(self, post: Any) -> None:
        asleep, nowhere = [await post.caller() for _ in range(2)]
        query = "UPDATE customers SET time_zone = $2 WHERE customer_id = $1"
        for person, zone in ((asleep, MIDNIGHT), (nowhere, "")):
            await post.platform.sql("customer", query, uuid.UUID(person), zone)
        campaign = await calls(post, asleep, nowhere)

        await post.comes_to(campaign, asleep, (1, PLANNED, "QUIET_HOURS"))
        await post.comes_to(campaign, nowhere, (1, SUPPRESSED, "ZONE_UNKNOWN"))
        why = await post.call("ExplainCampaignSend", campaign_id=campaign.campaign_id, customer_id=nowhere)
        assert [(one.state, one.reason) for one in why.sends] == [(SUPPRESSED, "ZONE_UNKNOWN")]
        await post.do("Cancel", campaign)

    async def test_those_of_a_campaign_that_is_called_off_are_not_to_be_made(self, post: Any) -> None:
        person = await post.caller()
        campaign = await calls(post, person)
        task = await post.task_of(person)
        await post.comes_to(campaign, person, (1, ACCEPTED, ""))
        running = await post.call("GetCampaign", campaign_id=campaign.campaign_id)
        await post.do("Cancel", running)
        await post.comes_to(campaign, person, (1, FAILED, "CALL_CANCELLED"))

        assert running.state == 5
        assert (await post.customer(f"{TASKS}/GetTask", {"task_id": task.task_id})).state == 3

    async def test_asked_for_again_a_line_has_one_task(self, post: Any) -> None:
        person = await post.caller()
        campaign = await calls(post, person)
        task = await post.task_of(person)
        await post.comes_to(campaign, person, (1, ACCEPTED, ""))
        # Who handed it over died before it could say so, and the permit's time is over.
        await post.sql(
            "UPDATE campaign_sends SET state = 3, lease = gen_random_uuid(), lease_time = now() WHERE send_id = $1",
            uuid.UUID(task.campaign_call.send_id),
        )
        await post.platform.sql(
            "customer",
            "UPDATE contact_permits SET state = 2, spend_time = now() - interval '1 minute', end_time = NULL "
            "WHERE customer_id = $1",
            uuid.UUID(person),
        )
        await post.comes_to(campaign, person, (1, ACCEPTED, ""))

        assert (await post.task_of(person)).task_id == task.task_id


async def calling_steps(post: Any, *people: str, step: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A campaign of mails that calls first, and of which each run ends as the call did."""
    template = await post.make_template(channel="CHANNEL_PHONE", contents=WORDS)
    call = {"template_id": template.template_id, "channel": "CHANNEL_PHONE", **(step or {})}
    forks = [{"code": f"by_{one}", "branch": {"rule": f'"call" in run.{one}', "then": one}} for one in BY_OUTCOME]
    exits = [{"code": one, "exit": {"reason": one.upper()}} for one in ("none", *BY_OUTCOME)]
    return await post.launch(*people, steps=[{"code": "call", "send": call}, *forks, *exits], **fields)


async def runs_come_to(post: Any, campaign: Any, wanted: dict[str, tuple[int, str]]) -> None:
    """Waits until runs stand so: state and reason by person."""
    query = "SELECT customer_id::text AS who, state, reason FROM campaign_runs WHERE campaign_id = $1"

    async def there() -> bool:
        rows = await post.sql(query, uuid.UUID(campaign.campaign_id))
        return {row["who"]: (row["state"], row["reason"]) for row in rows} == wanted

    await until(there, 20, f"the runs are not {wanted}")


async def until_running(post: Any, campaign: Any) -> None:
    """Waits until a campaign is launched."""

    async def launched() -> bool:
        return bool((await post.call("GetCampaign", campaign_id=campaign.campaign_id)).state == 5)

    await until(launched, 20, "it is not launched")


class TestCallsInSteps:
    async def test_the_run_waits_for_what_came_of_the_call_and_goes_the_way_of_it(self, post: Any) -> None:
        outcomes = {
            "REACHED": "REACHED",
            "NOT_AGAIN": "REFUSED",
            "WRONG_NUMBER": "NOT_REACHED",
            "CALL_LATER": "CALL_LATER",
        }
        people = {outcome: await post.caller() for outcome in outcomes}
        campaign = await calling_steps(post, *people.values(), most_calls=1)
        tasks = {outcome: await post.task_of(person) for outcome, person in people.items()}
        for person in people.values():
            await post.comes_to(campaign, person, (1, ACCEPTED, ""))
        await runs_come_to(post, campaign, dict.fromkeys(people.values(), (3, "")))
        before = await post.call("GetCampaign", campaign_id=campaign.campaign_id)
        for outcome, task in tasks.items():
            await end(post, task, outcome)
        await runs_come_to(post, campaign, {people[one]: (4, reason) for one, reason in outcomes.items()})

        assert before.state == 5
        await post.ended(campaign)

    async def test_who_asks_to_be_called_later_is_called_when_they_said(self, post: Any) -> None:
        person = await post.caller()
        campaign = await calling_steps(post, person, most_calls=2)
        first = await post.task_of(person)
        await post.comes_to(campaign, person, (1, ACCEPTED, ""))
        asked = (now() + timedelta(days=4)).replace(microsecond=0)
        with pytest.raises(RpcFailure) as refused:
            await end(post, first, "REACHED", call_again_time=asked.isoformat())
        await end(post, first, "CALL_LATER", call_again_time=asked.isoformat())
        await post.comes_to(campaign, person, (1, DELIVERED, "CALL_LATER"), (1, PLANNED, ""))
        (again,) = await post.sql(
            "SELECT send_id, retry_time FROM campaign_sends WHERE campaign_id = $1 AND state = 1",
            uuid.UUID(campaign.campaign_id),
        )
        await runs_come_to(post, campaign, {person: (3, "")})
        await post.sql("UPDATE campaign_sends SET retry_time = now() WHERE send_id = $1", again["send_id"])
        await post.comes_to(campaign, person, (1, DELIVERED, "CALL_LATER"), (1, ACCEPTED, ""))
        second = (await post.customer(f"{TASKS}/ListTasks", {"customer_id": person, "state": 1})).tasks[0]
        await end(post, second, "REACHED")

        assert refused.value.fields == {"call_again_time": "CALL_AGAIN_TIME_INVALID"}
        assert again["retry_time"] == asked
        await runs_come_to(post, campaign, {person: (4, "REACHED")})

    async def test_a_call_that_is_not_to_be_made_any_more_is_no_task_any_more(self, post: Any) -> None:
        left, late, unwilling, erased = [await post.caller() for _ in range(4)]
        await post.sql("INSERT INTO audience_people (customer_id) VALUES ($1)", uuid.UUID(left))
        campaign = await calling_steps(
            post,
            left,
            late,
            unwilling,
            erased,
            step={"expire_days": 7},
            most_calls=2,
            exit_rule='person.stage == "LOST"',
        )
        tasks = {one: await post.task_of(one) for one in (left, late, unwilling, erased)}
        for person in tasks:
            await post.comes_to(campaign, person, (1, ACCEPTED, ""))
        erasure = personal_data_pb2.ErasePersonalDataRequest(customer_id=erased, erasure_id=str(uuid.uuid4()))
        service = post.platform.client("campaign", "service")
        await service.call("campaign.v1.CampaignPersonalDataService/ErasePersonalData", erasure)
        await post.sql("UPDATE audience_people SET stage = 'LOST' WHERE customer_id = $1", uuid.UUID(left))
        await post.sql(
            "UPDATE campaign_sends SET hand_time = hand_time - interval '7 days' WHERE send_id = $1",
            uuid.UUID(tasks[late].campaign_call.send_id),
        )
        entry = {
            "purpose": "CONSENT_PURPOSE_MARKETING",
            "channel": "CHANNEL_PHONE",
            "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"},
            "source": "test",
        }
        withdrawal = {"customer_id": unwilling, "entry": entry}
        await post.customer("customer.v1.ConsentService/WithdrawConsent", withdrawal)
        answered = await post.customer(f"{TASKS}/GetTask", {"task_id": tasks[unwilling].task_id})

        assert (answered.state, answered.campaign_call.outcome) == (3, 6)  # before anybody could hear of it
        await post.comes_to(campaign, left, (1, FAILED, "CALL_WITHDRAWN"))
        await post.comes_to(campaign, late, (1, FAILED, "CALL_EXPIRED"))
        await post.comes_to(campaign, unwilling, (1, FAILED, "CALL_CANCELLED"))
        ends = {left: (4, "EXIT_RULE"), late: (4, "NOT_REACHED"), unwilling: (4, "NOT_REACHED")}
        query = "SELECT customer_id::text AS who FROM campaign_runs WHERE campaign_id = $1 AND reason = 'ERASED'"
        (nobody,) = await post.sql(query, uuid.UUID(campaign.campaign_id))
        await runs_come_to(post, campaign, {**ends, nobody["who"]: (4, "ERASED")})
        for task in tasks.values():
            await task_is(post, task, 3)
        await post.ended(campaign)

    async def test_two_who_become_one_are_called_once_and_a_deed_taken_back_calls_nobody(self, post: Any) -> None:
        one, other, comer = [await post.caller() for _ in range(3)]
        campaign = await calling_steps(post, one, other)
        visits = await calling_steps(post, trigger=5, audience_list_id="")
        tasks = {who: await post.task_of(who) for who in (one, other)}
        for person in tasks:
            await post.comes_to(campaign, person, (1, ACCEPTED, ""))
        await until_running(post, visits)
        visit = {"customer_id": comer, "kind": "INTERACTION_KIND_VISIT", "direction": "INTERACTION_DIRECTION_INBOUND"}
        came = await post.customer("customer.v1.InteractionService/LogInteraction", {"interaction": visit})
        await post.comes_to(visits, comer, (1, ACCEPTED, ""))
        merge = {"customer_id": one, "from_customer_id": other, "reasons": ["SAME_PHONE"]}
        request = json_format.ParseDict(merge, identity_service_pb2.MergeCustomersRequest())
        await post.platform.client("customer", "oem.manager").call(
            "customer.v1.IdentityService/MergeCustomers", request
        )
        database = Database(post.platform.databases["campaign"])
        undone = UnitOfWork(database, Call(SYSTEM, "undone"))
        await triggering.undone(undone, key=f"interaction:{came.interaction_id}", customer_id=uuid.UUID(comer))
        await database.engine.dispose()

        await post.comes_to(campaign, other, (1, FAILED, "CALL_WITHDRAWN"))
        await post.comes_to(visits, comer, (1, FAILED, "CALL_WITHDRAWN"))
        await runs_come_to(post, campaign, {one: (3, ""), other: (4, "SAME_PERSON")})
        await runs_come_to(post, visits, {comer: (4, "TAKEN_BACK")})
        await end(post, tasks[one], "REACHED")
        await runs_come_to(post, campaign, {one: (4, "REACHED"), other: (4, "SAME_PERSON")})
        await post.do("Cancel", visits)
