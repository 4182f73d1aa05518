"""Ladders, the tasks of teams, what makes customers whole, macros and saved views."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SOON = "2100-01-01T00:00:00Z"


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return str(failure.value.reason)


async def wrong(work: Any) -> dict[str, str]:
    with pytest.raises(RpcFailure) as failure:
        await work
    return dict(failure.value.fields)


async def task(desk: Any, case: Any, client: Any = None, **given: Any) -> Any:
    told = {"case_id": case.case_id, "kind": 1, "purpose": "INSPECT_CAR", "due_time": SOON, **given}
    return await desk.call("AddCaseTask", client, task=told)


async def tick(desk: Any, key: str) -> None:
    """Lets the due work of a key run now, and waits until it has."""
    await desk.sql("UPDATE due_work SET due_time = now() WHERE key = $1", key)

    async def ran() -> bool:
        return not await desk.sql("SELECT 1 FROM due_work WHERE key = $1 AND due_time <= now()", key)

    await until(ran, 15, "the due work did not run")


@pytest.fixture
def tier() -> str:
    return f"T{uuid.uuid4().hex[:8].upper()}"


async def put_ladder(desk: Any, tier: str, *steps: tuple[int, int, int]) -> None:
    policy = await desk.call("GetCasePolicy")
    ladder = [{"clock": clock, "percent": percent, "escalation": to} for clock, percent, to in steps]
    line = {"customer_tier": tier, "first_response_minutes": 60, "resolution_minutes": 600, "ladder": ladder}
    rest = {"first_response_minutes": 60, "next_update_minutes": 960, "resolution_minutes": 4800}
    put = await desk.call("PutCasePolicy", policy={"lines": [rest, line]})
    assert put.version == policy.version + 1
    assert [(one.clock, one.percent, one.escalation) for one in put.lines[1].ladder] == list(steps)


class TestLadder:
    async def test_a_case_climbs_step_by_step_and_each_step_is_taken_once(self, desk: Any, tier: str) -> None:
        await put_ladder(desk, tier, (1, 50, 1), (1, 100, 2), (3, 90, 3))
        moment = datetime.now(UTC) - timedelta(minutes=40)
        case = await desk.make(customer_tier=tier)
        late = await desk.call(
            "CreateCase",
            case={"kind": 1, "customer_tier": tier, "channel": 6},
            description="A letter of the night",
            receive_time=moment.isoformat(),
        )
        steps = "SELECT clock, percent, due_time - start_time AS after FROM case_steps WHERE case_id = $1 ORDER BY 1, 2"
        found = [(row["clock"], row["percent"], row["after"]) for row in await desk.sql(steps, case.case_id)]
        assert found == [(1, 50, timedelta(minutes=30)), (1, 100, timedelta(hours=1)), (3, 90, timedelta(hours=9))]

        async def taken() -> bool:
            return (await desk.call("GetCase", case_id=late.case_id)).escalation == 1

        await until(taken, 15, "the step at half of the time is due and was not taken")
        assert (await desk.call("GetCase", case_id=case.case_id)).escalation == 0
        await tick(desk, late.case_id)
        assert (await desk.entries(late.case_id)).count("LADDER") == 1
        await desk.sql("UPDATE case_clocks SET due_time = now() WHERE case_id = $1 AND kind = 1", late.case_id)
        await desk.sql("UPDATE case_steps SET due_time = now() WHERE case_id = $1 AND clock = 1", late.case_id)
        await tick(desk, late.case_id)
        assert await desk.entries(late.case_id) == [
            "RECEIVED",
            "LADDER",
            "ESCALATED",
            "BREACHED",
            "LADDER",
            "ESCALATED",
        ]
        told = await desk.do("Acknowledge", late)
        assert told.escalation == 2
        left = await desk.sql(
            "SELECT 1 FROM case_steps WHERE case_id = $1 AND clock = 1 AND due_time IS NOT NULL", late.case_id
        )
        assert not left, "a clock that is met has no step before it"

    async def test_a_ladder_of_a_clock_that_is_not_promised_is_refused(self, desk: Any) -> None:
        step = {"clock": 2, "percent": 50, "escalation": 1}
        line = {"first_response_minutes": 60, "ladder": [step]}

        assert await wrong(desk.call("PutCasePolicy", policy={"lines": [line]})) == {
            "policy.lines[0].ladder[0]": "LADDER_STEP"
        }

    @pytest.mark.parametrize("days", [-1, 32])
    async def test_a_receipt_to_come_or_too_long_ago_is_refused(self, desk: Any, days: int) -> None:
        moment = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        made = desk.call("CreateCase", case={"kind": 1}, description="When?", receive_time=moment)

        assert await wrong(made) == {"receive_time": "TIME_INVALID"}


class TestTasks:
    async def test_a_case_with_open_work_is_resolved_only_with_a_reason(self, desk: Any) -> None:
        case = await desk.handled(kind=2)
        first, second = [await task(desk, case) for _ in range(2)]
        assert (await desk.call("GetCase", case_id=case.case_id)).open_task_count == 2
        assert await refused(desk.do("Resolve", case, resolution="Told.")) == "CASE_TASKS_OPEN"
        done = await desk.call("FinishCaseTask", task_id=first.task_id, reason="FOUND")
        assert (done.state, done.finish_reason) == (2, "FOUND")
        assert await refused(desk.call("FinishCaseTask", task_id=first.task_id)) == "CASE_TASK_FINISHED"
        resolved = await desk.do("Resolve", case, resolution="Told.", open_tasks_reason="NOT_NEEDED")
        (_, left) = (await desk.call("ListCaseTasks", case_id=case.case_id)).tasks
        assert (resolved.open_task_count, left.task_id, left.state) == (0, second.task_id, 3)
        assert await refused(task(desk, case)) == "CASE_STATE"

    async def test_a_dealer_does_a_task_of_a_case_that_it_does_not_see(self, desk: Any) -> None:
        owner_dealer, helper = [await desk.make_dealer() for _ in range(2)]
        helpers = await desk.make_staff(helper)
        case = await desk.make(dealer_id=owner_dealer)
        made = await task(desk, case, dealer_id=helper, owner_staff_id=helpers)
        there, elsewhere = (
            desk.client("dealer.care", dealers=[helper]),
            desk.client("dealer.care", dealers=[str(uuid.uuid4())]),
        )
        assert [one.task_id for one in (await desk.call("ListCaseTasks", there, open=True)).tasks] == [made.task_id]
        assert not (await desk.call("ListCaseTasks", elsewhere)).tasks
        hidden = desk.call("GetCase", there, case_id=case.case_id)
        assert await refused(hidden) == "CASE_NOT_FOUND"
        stranger = desk.call("FinishCaseTask", elsewhere, task_id=made.task_id)
        assert await refused(stranger) == "CASE_TASK_NOT_FOUND"
        assert (await desk.call("FinishCaseTask", there, task_id=made.task_id)).state == 2

        other = {
            "task_id": (await task(desk, case, dealer_id=helper)).task_id,
            "owner_staff_id": await desk.make_staff(owner_dealer),
        }
        assert await wrong(desk.call("MoveCaseTask", **other)) == {"owner_staff_id": "STAFF_NOT_FOUND"}

    async def test_what_makes_a_customer_whole_comes_after_the_decision_and_is_told_late_once(self, desk: Any) -> None:
        case = await desk.handled(kind=2)
        recovery = {"kind": 2, "purpose": "APOLOGY"}
        assert await refused(task(desk, case, **recovery)) == "CASE_STATE"
        await desk.do("Resolve", case, resolution="Told.")
        await desk.do("Close", case)
        made = await task(desk, case, **recovery)
        assert await wrong(task(desk, case, **recovery, due_time="2001-01-01T00:00:00Z")) == {
            "task.due_time": "TIME_INVALID"
        }
        await desk.sql("UPDATE case_tasks SET due_time = now() - interval '1 minute' WHERE task_id = $1", made.task_id)
        for _ in range(2):
            await desk.sql(
                "INSERT INTO due_work (kind, key, due_time) VALUES ('case-task', $1, now()) ON CONFLICT (kind, key) "
                "DO UPDATE SET due_time = now()",
                made.task_id,
            )
            await tick(desk, made.task_id)
        (late,) = (await desk.call("ListCaseTasks", case_id=case.case_id, late=True, kind=2)).tasks
        assert late.HasField("late_time")
        assert await desk.events(made.task_id) == ["CaseTaskLate"]

        moved = await desk.call("MoveCaseTask", task_id=made.task_id, due_time=SOON)
        assert not moved.HasField("late_time")
        assert (await desk.call("FinishCaseTask", task_id=made.task_id)).state == 2
        assert (await desk.call("GetCase", case_id=case.case_id)).state == 9

    async def test_of_two_at_once_one_finishes_and_the_count_holds(self, desk: Any) -> None:
        case = await desk.make()
        tasks = [await task(desk, case) for _ in range(3)]
        calls = [desk.call("FinishCaseTask", task_id=one.task_id) for one in tasks for _ in range(2)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        done = [one for one in found if not isinstance(one, BaseException)]

        assert len(done) == 3
        assert (await desk.call("GetCase", case_id=case.case_id)).open_task_count == 0

    async def test_open_work_goes_on_where_its_case_is_merged(self, desk: Any) -> None:
        early, late = await desk.make(description="One"), await desk.make(description="Two")
        made = await task(desk, late)
        kept = await desk.call("MergeCase", case_id=late.case_id, into_case_id=early.case_id)

        assert kept.open_task_count == 1
        assert [one.task_id for one in (await desk.call("ListCaseTasks", case_id=early.case_id)).tasks] == [
            made.task_id
        ]


class TestMacros:
    async def test_a_macro_does_all_of_its_verbs_or_none_and_its_guards_hold(self, desk: Any) -> None:
        code = f"M{uuid.uuid4().hex[:8].upper()}"
        actions = [{"verb": "CASE_VERB_NOTE", "text": "Seen"}, {"verb": "CASE_VERB_ACKNOWLEDGE"}]
        made = await desk.call(
            "PutCaseMacro", macro={"macro_code": code, "names": {"zh-CN": "收到"}, "actions": actions}
        )
        fresh, known = await desk.make(description="One"), await desk.make(description="Two")
        await desk.do("Acknowledge", known)
        ids = [fresh.case_id, known.case_id]
        ran = await desk.call("RunCaseActions", case_ids=ids, macro_code=code)
        assert [(one.done, one.refused_action, one.reason) for one in ran.outcomes] == [
            (True, 0, ""),
            (False, 2, "CASE_STATE"),
        ]
        notes = [len((await desk.call("ListCaseNotes", case_id=one)).notes) for one in ids]
        assert notes == [1, 0]

        look = desk.client("oem.region", region="EAST")
        with pytest.raises(RpcFailure) as failure:
            await desk.call("RunCaseActions", look, case_ids=ids, macro_code=code)
        assert failure.value.code == "PERMISSION_DENIED"
        await desk.call(
            "PutCaseMacro", macro={"macro_code": code, "actions": actions, "retired": True, "etag": made.etag}
        )
        assert await refused(desk.call("RunCaseActions", case_ids=ids, macro_code=code)) == "CASE_MACRO_NOT_FOUND"
        assert await wrong(desk.call("RunCaseActions", case_ids=ids)) == {"actions": "ACTIONS_MISSING"}
        bad = {"macro_code": code, "actions": [{"verb": "CASE_VERB_PROPOSE"}]}
        assert await wrong(desk.call("PutCaseMacro", macro=bad)) == {"macro.actions[0].text": "ACTION_INCOMPLETE"}


class TestViews:
    async def test_a_view_shows_what_it_says_and_nobody_more_than_they_may_see(self, desk: Any) -> None:
        mine, other = [await desk.make_dealer() for _ in range(2)]
        cases = [await desk.make(dealer_id=one, fault_codes=["P0420"]) for one in (mine, other)]
        await desk.make(dealer_id=mine, description="Without a code")
        care, there = [desk.client("dealer.care", dealers=[mine], subject=f"s{uuid.uuid4().hex}") for _ in range(2)]
        shown = {
            "name": "Catalyst",
            "shared": True,
            "filter": {"fault_code": "P0420", "open": True, "received_days": 7},
        }
        view = await desk.call("PutCaseView", care, view=shown)
        for client in (care, there):
            listed = await desk.call("ListCases", client, view_id=view.view_id)
            assert [one.case_id for one in listed.cases] == [cases[0].case_id]
        assert not (await desk.call("ListCases", care, view_id=view.view_id, severity="CASE_SEVERITY_LOW")).cases
        stranger = desk.client("dealer.care", dealers=[other])
        assert await refused(desk.call("ListCases", stranger, view_id=view.view_id)) == "CASE_VIEW_NOT_FOUND"
        assert await refused(desk.call("RemoveCaseView", there, view_id=view.view_id)) == "CASE_VIEW_NOT_FOUND"
        names = [(one.name, one.own) for one in (await desk.call("ListCaseViews", there)).views]
        assert names == [("Catalyst", False)]
        again = {"view_id": view.view_id, "name": "Catalyst", "filter": {"fault_code": "P0430"}, "etag": view.etag}
        assert not (await desk.call("PutCaseView", care, view=again)).shared
        assert await refused(desk.call("PutCaseView", care, view=again)) == "ETAG_MISMATCH"
        await desk.call("RemoveCaseView", care, view_id=view.view_id)
        assert not (await desk.call("ListCaseViews", there)).views

    async def test_what_is_late_and_what_is_mine_is_listed(self, desk: Any) -> None:
        dealer, subject = await desk.make_dealer(), f"s{uuid.uuid4().hex}"
        case, _ = (
            await desk.make(dealer_id=dealer, description="One"),
            await desk.make(dealer_id=dealer, description="Two"),
        )
        await desk.sql("UPDATE cases SET due_time = now() - interval '1 minute' WHERE case_id = $1", case.case_id)
        listed = (await desk.call("ListCases", dealer_id=dealer, late=True)).cases
        assert [one.case_id for one in listed] == [case.case_id]
        nobody = desk.client("oem.agent", subject=subject)
        assert not (await desk.call("ListCases", nobody, dealer_id=dealer, mine=True)).cases
