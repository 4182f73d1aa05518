"""Follow-up calls: permitted as the agent dials, answered by the rules of the page, given up in time, checked by somebody else."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf import json_format
from servicekit import contract
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

OPEN, TAKEN, DONE, GIVEN_UP = 1, 2, 3, 4
COMPLETED, CALL_BACK, NO_ANSWER, BUSY, REFUSED = 1, 2, 3, 4, 5
PERMITS = "SELECT state FROM contact_permits WHERE customer_id = $1"


def zone_at(hour: int) -> str:
    """A zone in which it is this hour now."""
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/UTC"


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as caught:
        await work
    return str(caught.value.reason)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def asked(call_desk: Any) -> Any:
    return await call_desk.published()


@pytest.fixture
def agent(call_desk: Any) -> Any:
    return call_desk.client("oem.agent", subject="agent-one")


class TestCalling:
    async def test_a_call_is_taken_permitted_answered_and_scored_like_a_page(
        self, call_desk: Any, asked: Any, agent: Any
    ) -> None:
        customer, number = await call_desk.person(zone=zone_at(12))
        task = await call_desk.task(asked, customer)
        due = await call_desk.call("ListCallTasks", agent, queue="CALL_QUEUE_DUE", page_size=1000)
        early = await refused(call_desk.call("DialCallTask", agent, call_task_id=task.call_task_id))
        dialled = await call_desk.dialled(agent, task)
        mine = await call_desk.call("ListCallTasks", agent, queue="CALL_QUEUE_MINE")
        script = await call_desk.call("GetCallTask", agent, call_task_id=task.call_task_id, language="en")
        answer = {"question_code": "nps", "number": 9}
        kept = await call_desk.call("SaveCallAnswer", agent, call_task_id=task.call_task_id, answer=answer, sequence=1)
        ended = await call_desk.call("EndCall", agent, call_task_id=task.call_task_id, outcome=COMPLETED)
        response = await call_desk.call("GetSurveyResponse", invitation_id=task.invitation_id)
        permits = await call_desk.platform.sql("customer", PERMITS, uuid.UUID(customer))

        assert (early, dialled.phone_number, dialled.attempt_count) == ("CALL_TASK_NOT_YOURS", number, 1)
        assert task.call_task_id in {one.call_task_id for one in due.call_tasks}
        assert [one.call_task_id for one in mine.call_tasks] == [task.call_task_id]
        assert not any(one.phone_number for one in (*due.call_tasks, *mine.call_tasks, script.call_task))
        assert (script.language, script.document.titles["en"], script.shown[0]) == ("en", "After your visit", "nps")
        assert [one.question_code for one in kept.answers] == ["nps"]
        assert (ended.state, ended.reached) == (DONE, True)
        assert [(one.measure, one.value) for one in response.scores] == [(1, 100.0)]
        assert (await call_desk.events(task.invitation_id))[:2] == ["SurveyInvited", "SurveyAnswered"]
        assert [row["state"] for row in permits] == [3]

    async def test_what_is_missing_keeps_the_call_open(self, call_desk: Any, asked: Any, agent: Any) -> None:
        customer, _ = await call_desk.person(zone=zone_at(12))
        task = await call_desk.task(asked, customer)
        await call_desk.dialled(agent, task)
        one = {"call_task_id": task.call_task_id}
        with pytest.raises(RpcFailure) as caught:
            await call_desk.call("EndCall", agent, **one, outcome=COMPLETED)
        wrong = {"question_code": "nps", "number": 11}
        with pytest.raises(RpcFailure) as invalid:
            await call_desk.call("SaveCallAnswer", agent, **one, answer=wrong, sequence=1)
        later = datetime.now(UTC) + timedelta(days=40)
        for when in ({}, {"call_back_time": later.isoformat()}):
            with pytest.raises(RpcFailure) as never:
                await call_desk.call("EndCall", agent, **one, outcome=CALL_BACK, **when)
            assert never.value.fields == {"call_back_time": "CALL_BACK_TIME"}

        assert (caught.value.reason, caught.value.fields) == ("SURVEY_INCOMPLETE", {"nps": "ANSWER_MISSING"})
        assert invalid.value.fields == {"answer": "ANSWER_INVALID"}
        assert (await call_desk.call("EndCall", agent, **one, outcome=BUSY)).state == OPEN

    async def test_of_agents_who_take_at_once_one_has_it_and_a_dial_that_is_sent_again_is_one_call(
        self, call_desk: Any, asked: Any
    ) -> None:
        customer, number = await call_desk.person(zone=zone_at(12))
        task = await call_desk.task(asked, customer)
        agents = [call_desk.client("oem.agent", subject=f"racer-{at}") for at in range(8)]
        one = {"call_task_id": task.call_task_id}
        taken = await asyncio.gather(
            *(call_desk.call("TakeCallTask", who, **one) for who in agents), return_exceptions=True
        )
        (winner,) = [who for who, told in zip(agents, taken, strict=True) if not isinstance(told, BaseException)]
        dials = await asyncio.gather(
            *(call_desk.call("DialCallTask", winner, **one, request_id="once") for _ in range(6)),
            return_exceptions=True,
        )
        again = await call_desk.call("DialCallTask", winner, **one, request_id="once")
        other = await refused(call_desk.call("DialCallTask", winner, **one, request_id="twice"))
        script = await call_desk.call("GetCallTask", **one)

        assert {getattr(told, "reason", "") for told in taken if isinstance(told, BaseException)} == {"CALL_TASK_TAKEN"}
        assert {told.phone_number for told in dials if not isinstance(told, BaseException)} <= {number}
        assert (again.phone_number, other) == (number, "CALL_UNDER_WAY")
        assert [(call.number, call.outcome) for call in script.call_task.attempts] == [(1, 0)]


class TestPermits:
    async def test_at_night_nobody_is_called_and_the_task_waits_for_the_morning(
        self, call_desk: Any, asked: Any, agent: Any
    ) -> None:
        customer, _ = await call_desk.person(zone=zone_at(2))
        task = await call_desk.task(asked, customer)
        told = await call_desk.dialled(agent, task)

        assert (told.phone_number, told.reason, told.state) == ("", "QUIET_HOURS", OPEN)
        wait = told.due_time.ToDatetime(UTC) - datetime.now(UTC)
        assert timedelta(hours=4) < wait < timedelta(hours=7)
        assert told.attempt_count == 0

    async def test_who_never_agreed_or_took_it_back_before_the_dial_is_not_called_at_all(
        self, call_desk: Any, asked: Any, agent: Any
    ) -> None:
        stranger, _ = await call_desk.person(zone=zone_at(12), agrees=False)
        customer, _ = await call_desk.person(zone=zone_at(12))
        tasks = [await call_desk.task(asked, one) for one in (stranger, customer)]
        entry = {"purpose": "CONSENT_PURPOSE_RESEARCH", "channel": "CHANNEL_PHONE", "text_version": "t", "source": "test",
                 "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"}}  # fmt: skip
        await call_desk.ask("ConsentService", "WithdrawConsent", customer_id=customer, entry=entry)
        told = [await call_desk.dialled(agent, task) for task in tasks]

        assert [(one.phone_number, one.state, one.reason) for one in told] == [
            ("", GIVEN_UP, "NEVER_GRANTED"),
            ("", GIVEN_UP, "WITHDRAWN"),
        ]
        assert [await call_desk.state(task) for task in tasks] == [(7, "NEVER_GRANTED"), (7, "WITHDRAWN")]
        assert (
            await refused(call_desk.call("TakeCallTask", agent, call_task_id=tasks[0].call_task_id))
            == "CALL_TASK_ENDED"
        )


class TestInVain:
    async def test_after_three_calls_in_vain_it_is_given_up_and_who_refuses_is_not_called_again(
        self, call_desk: Any, asked: Any, agent: Any
    ) -> None:
        customer, _ = await call_desk.person(zone=zone_at(12))
        tasks = [await call_desk.task(asked, customer) for _ in range(2)]
        states = []
        for outcome in (NO_ANSWER, BUSY, NO_ANSWER):
            await call_desk.dialled(agent, tasks[0])
            states.append(
                (await call_desk.call("EndCall", agent, call_task_id=tasks[0].call_task_id, outcome=outcome)).state
            )
        await call_desk.dialled(agent, tasks[1])
        no = await call_desk.call("EndCall", agent, call_task_id=tasks[1].call_task_id, outcome=REFUSED)

        assert states == [OPEN, OPEN, GIVEN_UP]
        assert (no.state, no.reason, no.reached) == (GIVEN_UP, "REFUSED", True)
        assert [await call_desk.state(task) for task in tasks] == [(6, "UNREACHED"), (6, "REFUSED")]

    async def test_a_link_that_stays_unanswered_is_followed_by_a_task_which_a_late_answer_by_the_link_ends(
        self, call_desk: Any, asked: Any
    ) -> None:
        plan = {"name": "P", "questionnaire_id": asked.questionnaire_id, "trigger": 1, "way": 3, "call_attempts": 5}
        held = await call_desk.call("CreateSurveyPlan", plan=plan)
        over = datetime.now(UTC) - timedelta(minutes=1)
        rows = {"plan_id": uuid.UUID(held.plan_id), "channel": 1, "expire_time": over, "occurrence": "sale:x"}
        invitation, token = await call_desk.invited(made=asked, **rows)

        async def queued() -> Any:
            return (await call_desk.call("ListCallTasks", invitation_id=invitation, queue="CALL_QUEUE_ALL")).call_tasks

        (task,) = await until(queued, 30, "nobody is to be called")
        await call_desk.answered(token, nps=9)
        (after,) = await queued()

        assert (task.state, task.attempt_limit) == (OPEN, 5)
        assert (after.state, after.reason, after.reached) == (DONE, "ANSWERED_BY_LINK", False)
        assert await call_desk.state(task) == (5, "")

    async def test_what_nobody_does_in_time_is_given_up(self, call_desk: Any, asked: Any) -> None:
        customer, _ = await call_desk.person()
        task = await call_desk.task(asked, customer)
        late = "UPDATE survey_calls SET expire_time = now() - interval '1 second' WHERE call_task_id = $1"
        await call_desk.sql(late, uuid.UUID(task.call_task_id))

        async def over() -> bool:
            return await call_desk.state(task) == (7, "NOT_CALLED")

        await until(over, 30, "the task is not given up")


class TestChecking:
    async def test_a_sample_is_checked_by_somebody_else_and_makes_the_agent_s_score(
        self, call_desk: Any, asked: Any
    ) -> None:
        dealer = await call_desk.make_dealer()
        care = call_desk.client("dealer.care", dealers=[dealer], subject="care")
        lead = call_desk.client("dealer.manager", dealers=[dealer], subject="lead")
        customer, number = await call_desk.person(zone=zone_at(12))
        task = await call_desk.task(asked, customer, dealer_id=dealer)
        one = {"call_task_id": task.call_task_id}
        await call_desk.sql(
            "UPDATE survey_calls SET check_permille = 1000 WHERE call_task_id = $1", uuid.UUID(task.call_task_id)
        )
        await call_desk.dialled(care, task)
        await call_desk.call("SaveCallAnswer", care, **one, answer={"question_code": "nps", "number": 10}, sequence=1)
        await call_desk.call("EndCall", care, **one, outcome=COMPLETED)
        waiting = await call_desk.call("ListCallTasks", lead, queue="CALL_QUEUE_TO_CHECK")
        with pytest.raises(RpcFailure) as peeking:
            await call_desk.call("ListCallTasks", care, queue="CALL_QUEUE_TO_CHECK")
        dialled = await call_desk.call("DialCallTask", lead, **one)
        with pytest.raises(RpcFailure) as unknown:
            await call_desk.call("CheckCallTask", lead, **one, verdict=2, check_faults=["nobody"])
        found = await call_desk.call("CheckCallTask", lead, **one, verdict=2, check_faults=["nps"])
        again = await refused(call_desk.call("CheckCallTask", lead, **one, verdict=1))
        figures = await call_desk.call("GetCallFigures", lead, grouping="CALL_GROUPING_AGENT")

        assert [one.call_task_id for one in waiting.call_tasks] == [task.call_task_id]
        assert peeking.value.reason == "PERMISSION_DENIED"
        assert (dialled.phone_number, dialled.agent_id == task.agent_id) == (number, False)
        assert unknown.value.fields == {"check_faults[0]": "QUESTION_UNKNOWN"}
        assert (found.verdict, list(found.check_faults), again) == (2, ["nps"], "CALL_NOT_TO_CHECK")
        (mine,) = figures.figures
        assert (mine.tasks, mine.reached, mine.completed, mine.checked, mine.confirmed) == (1, 1, 1, 1, 0)
        assert (mine.reach.value, mine.quality.value) == (1.0, 0.0)
        assert mine.reach.low < 1.0 < mine.quality.high + 1.0

    async def test_who_called_does_not_check_the_call(self, call_desk: Any, asked: Any) -> None:
        customer, _ = await call_desk.person(zone=zone_at(12))
        task = await call_desk.task(asked, customer)
        one = {"call_task_id": task.call_task_id}
        await call_desk.sql(
            "UPDATE survey_calls SET check_permille = 1000 WHERE call_task_id = $1", uuid.UUID(task.call_task_id)
        )
        await call_desk.dialled(call_desk.manager, task)
        await call_desk.call("SaveCallAnswer", **one, answer={"question_code": "nps", "number": 10}, sequence=1)
        await call_desk.call("EndCall", **one, outcome=COMPLETED)

        assert await refused(call_desk.call("CheckCallTask", **one, verdict=1)) == "CALL_OWN_CHECK"


class TestSight:
    async def test_where_dealers_were_not_to_learn_who_answers_the_maker_alone_calls(self, call_desk: Any) -> None:
        dealer = await call_desk.make_dealer()
        made = await call_desk.published(anonymous=True)
        customer, _ = await call_desk.person()
        task = await call_desk.task(made, customer, dealer_id=dealer)
        care = call_desk.client("dealer.care", dealers=[dealer])

        assert not (await call_desk.call("ListCallTasks", care)).call_tasks
        assert (
            await refused(call_desk.call("GetCallTask", care, call_task_id=task.call_task_id)) == "CALL_TASK_NOT_FOUND"
        )
        assert (
            await refused(call_desk.call("TakeCallTask", care, call_task_id=task.call_task_id)) == "CALL_TASK_NOT_FOUND"
        )

    async def test_erasing_a_person_ends_their_task_and_who_leaves_gives_theirs_back(
        self, call_desk: Any, asked: Any, agent: Any
    ) -> None:
        customer, _ = await call_desk.person()
        tasks = [await call_desk.task(asked, one) for one in (customer, (await call_desk.person())[0])]
        await call_desk.call("TakeCallTask", agent, call_task_id=tasks[1].call_task_id)
        held = (await call_desk.call("GetCallTask", call_task_id=tasks[1].call_task_id)).call_task.agent_id
        told = {"customer_id": customer, "erasure_id": str(uuid.uuid4())}
        left = {"from_staff_id": held, "hand_over_id": str(uuid.uuid4())}
        for service, rpc, given in (
            ("SurveyPersonalData", "ErasePersonalData", told),
            ("SurveyHandOver", "HandOver", left),
        ):
            name = f"survey.v1.{service}Service"
            request = json_format.ParseDict(given, contract.methods(f"marque.{name}")[rpc].input())
            await call_desk.client("service").call(f"{name}/{rpc}", request)
        after = [(await call_desk.call("GetCallTask", call_task_id=task.call_task_id)).call_task for task in tasks]

        assert [(one.state, one.reason, one.customer_id == "") for one in after] == [
            (GIVEN_UP, "ERASED", True),
            (OPEN, "", False),
        ]
        assert after[1].agent_id == ""
