"""Cases that have to do with each other: sent again, merged, split, with a problem behind, and many at once."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return str(failure.value.reason)


async def wrong(work: Any) -> set[str]:
    with pytest.raises(RpcFailure) as failure:
        await work
    return set(failure.value.fields.values())


class TestSentAgain:
    async def test_forty_at_once_are_one_case(self, desk: Any) -> None:
        owner = desk.client("owner", customer=str(uuid.uuid4()))

        async def sent() -> Any:
            """They wait for one another with a connection each; who finds none left in time is told so and sends again."""
            for _ in range(10):
                try:
                    return await desk.make(owner, kind=1, description="Nobody calls me back.")
                except RpcFailure as failure:
                    if failure.code != "UNAVAILABLE":
                        raise
            raise AssertionError("never taken")

        made = await asyncio.gather(*(sent() for _ in range(40)))

        assert len({one.case_id for one in made}) == 1
        case = await desk.call("GetCase", case_id=made[0].case_id)
        assert case.repeat_count == 39
        assert (await desk.entries(case.case_id)).count("REPEATED") == 10
        assert await desk.events(case.case_id) == ["CaseReceived"]

    async def test_another_person_or_a_closed_case_makes_a_new_one(self, desk: Any) -> None:
        customer = str(uuid.uuid4())
        first = await desk.make(desk.client("owner", customer=customer))
        other = await desk.make(desk.client("owner", customer=str(uuid.uuid4())))
        await desk.sql("UPDATE cases SET state = 9, close_time = now() WHERE case_id = $1", first.case_id)
        later = await desk.make(desk.client("owner", customer=customer))

        assert len({first.case_id, other.case_id, later.case_id}) == 3


class TestMergeCase:
    async def test_the_later_goes_on_in_the_earlier_with_its_words_and_dangers(self, desk: Any) -> None:
        owner = desk.client("owner", customer=str(uuid.uuid4()))
        early = await desk.make(owner, description="Noise.")
        late = await desk.make(owner, description="The brakes failed and it caught fire.")
        assert await refused(desk.call("MergeCase", case_id=early.case_id, into_case_id=late.case_id)) == "CASE_OLDER"
        kept = await desk.call("MergeCase", case_id=late.case_id, into_case_id=early.case_id)

        assert (kept.case_id, kept.severity, kept.escalation) == (early.case_id, 4, 3)
        assert set(kept.safety_signs) == {"FIRE", "BRAKES"}
        assert (await desk.events(early.case_id))[-2:] == ["SafetyCaseFlagged", "CaseEscalated"]
        gone = await desk.call("GetCase", case_id=late.case_id)
        assert (gone.state, gone.merged_into_case_id) == (9, early.case_id)
        assert not [clock for clock in gone.clocks if not clock.HasField("met_time")]
        thread = (await desk.call("ListCaseMessages", owner, case_id=early.case_id)).messages
        assert [one.text for one in thread] == ["Noise.", "The brakes failed and it caught fire."]
        written = await desk.call("AddCaseMessage", owner, case_id=late.case_id, text="Hello?")
        assert written.case_id == early.case_id
        followed = await desk.call("TrackCase", tracking_code=gone.tracking_code)
        assert followed.state == kept.state

    async def test_reopened_it_stands_alone_again(self, desk: Any) -> None:
        early, late = await desk.make(), await desk.make()
        await desk.call("MergeCase", case_id=late.case_id, into_case_id=early.case_id)
        alone = await desk.do("Reopen", late, reason="ANOTHER_MATTER")

        assert (alone.state, alone.merged_into_case_id) == (4, "")

    async def test_of_two_people_none_reads_the_others_words(self, desk: Any) -> None:
        one, two = [await desk.make(desk.client("owner", customer=str(uuid.uuid4()))) for _ in range(2)]
        wrong = desk.call("MergeCase", case_id=two.case_id, into_case_id=one.case_id)
        assert await refused(wrong) == "CASE_MERGE_PERSONS"
        itself = desk.call("MergeCase", case_id=one.case_id, into_case_id=one.case_id)
        assert await refused(itself) == "CASE_MERGE_ITSELF"

    async def test_merged_both_ways_at_once_one_stays(self, desk: Any) -> None:
        cases = [await desk.make() for _ in range(2)]
        await desk.sql("UPDATE cases SET receive_time = now() WHERE case_id = ANY($1)", [one.case_id for one in cases])
        ways = [(cases[0], cases[1]), (cases[1], cases[0])]
        tried = [desk.call("MergeCase", case_id=a.case_id, into_case_id=b.case_id) for a, b in ways]
        await asyncio.gather(*tried, return_exceptions=True)

        states = [(await desk.call("GetCase", case_id=one.case_id)).state for one in cases]
        assert sorted(states) == [1, 9]


class TestSplitCase:
    async def test_a_second_matter_has_its_own_clocks_and_the_same_person(self, desk: Any) -> None:
        owner = desk.client("owner", customer=str(uuid.uuid4()))
        first = await desk.make(owner, vin="LVSHFFAL8KS000001")
        second = await desk.call("SplitCase", case_id=first.case_id, kind=2, description="When is the service due?")

        assert (second.split_from_case_id, second.kind, second.state) == (first.case_id, 2, 1)
        assert (second.customer_id, second.vin) == (first.customer_id, first.vin)
        assert await desk.events(second.case_id) == ["CaseReceived"]
        alike = (await desk.call("ListSimilarCases", case_id=second.case_id)).cases
        assert [(one.case.case_id, list(one.reasons)) for one in alike] == [
            (first.case_id, ["SAME_CAR", "SAME_PERSON"])
        ]


class TestParent:
    async def test_a_problem_has_its_cases_and_none_behind_itself(self, desk: Any) -> None:
        problem, one, two = [await desk.make() for _ in range(3)]
        for case in (one, two):
            given = {"case_id": case.case_id, "parent_case_id": problem.case_id}
            await desk.call("UpdateCase", case=given, update_mask="parentCaseId")
        listed = (await desk.call("ListCases", parent_case_id=problem.case_id)).cases
        assert {case.case_id for case in listed} == {one.case_id, two.case_id}

        for case, parent in ((problem, one), (one, two), (two, two)):
            given = {"case_id": case.case_id, "parent_case_id": parent.case_id}
            wrong = desk.call("UpdateCase", case=given, update_mask="parentCaseId")
            assert await refused(wrong) == "CASE_PARENT_NOT_ALLOWED"


class TestRunCaseActions:
    ACTIONS = ({"verb": "CASE_VERB_ACKNOWLEDGE"}, {"verb": "CASE_VERB_ASSESS", "severity": "CASE_SEVERITY_LOW"})

    async def test_what_is_refused_is_named_and_undone_and_the_others_are_done(self, desk: Any) -> None:
        good, half, hidden = await desk.make(), await desk.make(), str(uuid.uuid4())
        await desk.do("Acknowledge", half)
        closing = [{"verb": "CASE_VERB_NOTE", "text": "Bulk."}, *self.ACTIONS]
        ids = [half.case_id, hidden, good.case_id]
        request = {"case_ids": ids, "actions": closing, "request_id": uuid.uuid4().hex}
        first = await desk.call("RunCaseActions", **request)
        again = await desk.call("RunCaseActions", **request)

        assert first == again
        told = [(one.case_id, one.done, one.refused_action, one.reason, one.state) for one in first.outcomes]
        assert told == [
            (half.case_id, False, 2, "CASE_STATE", 2),
            (hidden, False, 1, "CASE_NOT_FOUND", 0),
            (good.case_id, True, 0, "", 3),
        ]
        assert first.done_count == 1
        assert await desk.events(half.case_id) == ["CaseReceived", "CaseAcknowledged"]
        assert await desk.events(good.case_id) == ["CaseReceived", "CaseAcknowledged"]
        assert not (await desk.call("ListCaseNotes", case_id=half.case_id)).notes
        audits = "SELECT count(*) AS n FROM audit_records WHERE resource_id = $1 AND action = 'acknowledge'"
        assert [(await desk.sql(audits, one.case_id))[0]["n"] for one in (half, good)] == [1, 1]

    async def test_each_verb_needs_its_own_permission_and_what_it_takes(self, desk: Any) -> None:
        case = await desk.make(dealer_id=await desk.make_dealer())
        region = desk.client("oem.region", region="nowhere")
        closing = desk.call("RunCaseActions", region, case_ids=[case.case_id], actions=[{"verb": "CASE_VERB_CLOSE"}])
        assert await refused(closing) == "PERMISSION_DENIED"
        silent = desk.call("RunCaseActions", case_ids=[case.case_id], actions=[{"verb": "CASE_VERB_TELL"}])
        assert await wrong(silent) == {"ACTION_INCOMPLETE"}
