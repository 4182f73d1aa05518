"""Promises of time: stored as computed, broken once; hours and policies that change while they run."""

from __future__ import annotations

import uuid
from datetime import UTC
from typing import Any

from marque_complaint.repository import clocks as rows
from marque_complaint.rules import clocks as rules
from marque_complaint.rules import hours as working
from servicekit.testing.figures import counted
from servicekit.testing.platform import until

CLOCKS = "SELECT * FROM case_clocks WHERE case_id = $1 ORDER BY kind"


async def breaches(desk: Any, case_id: str) -> int:
    return (await desk.events(case_id)).count("CaseBreached")


class Reader:
    """A plain reader of the service's database, as the service's own reads have."""

    def __init__(self, desk: Any) -> None:
        self._desk = desk

    async def fetch(self, query: str, *arguments: Any) -> Any:
        return await self._desk.sql(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        return next(iter(await self._desk.sql(query, *arguments)), None)


async def recomputed(desk: Any, case_id: str) -> dict[int, Any]:
    """When the clocks of a case of no dealer are due, computed anew from its history alone."""
    history = await rows.read_history(Reader(desk), uuid.UUID(case_id))
    return {kind: clock.due for kind, clock in rules.clocks(history, working.maker_calendar("", {})).items()}


class TestStoredAsComputed:
    async def test_after_every_verb_the_stored_due_times_are_those_of_the_history(self, desk: Any) -> None:
        case = await desk.handled()
        steps: list[tuple[str, dict[str, Any]]] = [
            ("Wait", {"waiting": "CASE_WAITING_PARTS"}),
            ("Resume", {}),
            ("Assess", {"severity": "CASE_SEVERITY_SAFETY"}),
            ("Investigate", {}),
            ("Wait", {"waiting": "CASE_WAITING_CUSTOMER"}),
            ("Propose", {"proposal": "New pads"}),
            ("Answer", {"accepted": True}),
            ("Resolve", {"resolution": "Done"}),
            ("Reopen", {"reason": "FAULT_BACK"}),
        ]
        for verb, values in steps:
            told = await desk.do(verb, case, **values)
            stored = {row["kind"]: row["due_time"] for row in await desk.sql(CLOCKS, case.case_id)}
            assert stored == await recomputed(desk, case.case_id), verb
            unmet = [row["due_time"] for row in await desk.sql(CLOCKS, case.case_id) if not row["met_time"]]
            earliest = min((due for due in unmet if due), default=None)
            assert (told.due_time.ToDatetime(UTC) if told.HasField("due_time") else None) == earliest, verb

    async def test_a_policy_that_changes_holds_for_what_comes_and_not_for_what_runs(self, desk: Any) -> None:
        before = await desk.make()
        policy = await desk.call("GetCasePolicy")
        line = {"first_response_minutes": 7, "next_update_minutes": 8, "resolution_minutes": 9}
        rest = [{"severity": 4, "first_response_minutes": 5, "resolution_minutes": 6, "breach_escalates": True}]
        put = await desk.call("PutCasePolicy", policy={"lines": [line, *rest], "etag": policy.etag})
        after = await desk.make()

        minutes = {
            case.case_id: [row["target_minutes"] for row in await desk.sql(CLOCKS, case.case_id)]
            for case in (before, after)
        }
        assert put.version == policy.version + 1
        assert minutes == {before.case_id: [60, 4800], after.case_id: [7, 9]}
        assert (await desk.call("GetCasePolicy", version=policy.version)).lines == policy.lines

    async def test_a_case_tells_what_has_passed_and_what_is_left(self, desk: Any) -> None:
        case = await desk.make()
        await desk.sql(
            "UPDATE case_entries SET occur_time = occur_time - interval '30 minutes' WHERE case_id = $1", case.case_id
        )
        (first, *_) = (await desk.call("GetCase", case_id=case.case_id)).clocks

        assert (first.kind, first.elapsed_minutes, first.remaining_minutes) == (1, 30, first.target_minutes - 30)


class TestHours:
    async def test_a_dealer_whose_hours_nobody_was_asked_for_holds_its_clocks_and_says_so(self, desk: Any) -> None:
        dealer = await desk.make_dealer()
        await desk.sql("DELETE FROM known_calendars WHERE dealer_id = $1", dealer)
        case = await desk.make(dealer_id=dealer)

        found = await desk.sql(CLOCKS, case.case_id)
        assert {(row["due_time"], row["held_reason"]) for row in found} == {(None, "CALENDAR_AWAITED")}
        assert (
            await desk.sql("SELECT stale_time IS NOT NULL AS wanted FROM known_calendars WHERE dealer_id = $1", dealer)
        )[0]["wanted"]

    async def test_a_calendar_with_no_open_hour_holds_the_clocks_and_says_so(self, desk: Any) -> None:
        dealer = await desk.make_dealer()
        await desk.sql("UPDATE known_calendars SET version = 3 WHERE dealer_id = $1", dealer)
        case = await desk.make(dealer_id=dealer)

        found = await desk.sql(CLOCKS, case.case_id)
        assert {(row["due_time"], row["held_reason"]) for row in found} == {(None, "CALENDAR_NEVER_OPENS")}


def ended(outcome: str) -> float:
    """How many clocks ended so, as it is counted."""
    return sum(
        counted("case_clocks", clock=clock, outcome=outcome)
        for clock in ("FIRST_RESPONSE", "NEXT_UPDATE", "RESOLUTION")
    )


class TestBreach:
    async def test_a_broken_promise_is_told_once_and_takes_a_grave_case_up(self, desk: Any) -> None:
        case = await desk.make(description="The brakes did not work.")
        before = {outcome: ended(outcome) for outcome in ("kept", "breached")}
        await desk.do("Acknowledge", case)
        assert ended("kept") - before["kept"] == 1, "the first answer came in time"
        await desk.sql("UPDATE cases SET escalation = 0 WHERE case_id = $1", case.case_id)
        await desk.make_due(case.case_id)
        await until(lambda: breaches(desk, case.case_id), 10, "nothing was told")
        told = await desk.call("GetCase", case_id=case.case_id)

        assert told.escalation > 0
        assert (await desk.entries(case.case_id)).count("BREACHED") == await breaches(desk, case.case_id)
        marked = [row for row in await desk.sql(CLOCKS, case.case_id) if row["breach_time"]]
        assert len(marked) == await breaches(desk, case.case_id)
        assert ended("breached") - before["breached"] == len(marked)

    async def test_a_verb_that_comes_before_the_timer_tells_it_and_the_timer_does_not_again(self, desk: Any) -> None:
        case = await desk.make()
        await desk.sql(
            "UPDATE case_clocks SET due_time = now() - interval '1 second' WHERE case_id = $1 AND kind = 1",
            case.case_id,
        )
        await desk.do("Acknowledge", case)
        await desk.sql("UPDATE due_work SET due_time = now() WHERE key = $1", case.case_id)
        await until(lambda: _ticked(desk, case.case_id), 10, "the timer did not run")

        assert (await desk.entries(case.case_id))[:3] == ["RECEIVED", "BREACHED", "ACKNOWLEDGED"]
        assert await breaches(desk, case.case_id) == 1


async def _ticked(desk: Any, case_id: str) -> bool:
    rows = await desk.sql("SELECT 1 FROM due_work WHERE key = $1 AND due_time <= now()", case_id)
    return not rows
