"""Cases from the first word to the close, over the service's own door."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure

ACCEPTED_WAY = [
    "RECEIVED",
    "ACKNOWLEDGED",
    "ASSESSED",
    "ASSIGNED",
    "INVESTIGATING",
    "PROPOSED",
    "ACCEPTED",
    "RESOLVED",
    "CLOSED",
]


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return str(failure.value.reason)


class TestCreateCase:
    async def test_a_case_is_taken_whatever_is_missing(self, desk: Any) -> None:
        made = await desk.make(customer_id=str(uuid.uuid4()), vin="1m8gdm9a-xkp04278")

        assert (made.state, made.customer_id, made.vin, made.vin_problem) == (1, "", "1M8GDM9AXKP04278", "VIN_LENGTH")
        assert len(made.tracking_code) == 14
        assert await desk.events(made.case_id) == ["CaseReceived"]

    async def test_danger_is_flagged_at_once_and_goes_to_the_top(self, desk: Any) -> None:
        made = await desk.make(description="高速行驶中刹车失灵，后来自燃了")

        assert set(made.safety_signs) == {"FIRE", "BRAKES"}
        assert (made.severity, made.escalation) == (4, 3)
        assert await desk.events(made.case_id) == ["CaseReceived", "SafetyCaseFlagged", "CaseEscalated"]

    async def test_a_customer_reads_their_own_words_in_the_thread_and_no_note(self, desk: Any) -> None:
        customer = str(uuid.uuid4())
        owner = desk.client("owner", customer=customer)
        made = await desk.make(owner, description="<script>alert(1)</script> 异响", customer_tier="GOLD")
        await desk.call("AddCaseNote", case_id=made.case_id, text="A known one.")
        await desk.call("AddCaseMessage", case_id=made.case_id, text="We look into it.")

        thread = (await desk.call("ListCaseMessages", owner, case_id=made.case_id)).messages
        assert [(one.author, one.text) for one in thread] == [
            (1, "<script>alert(1)</script> 异响"),
            (2, "We look into it."),
        ]
        assert (made.customer_id, made.channel, made.customer_tier) == (customer, 3, "")
        assert await refused(desk.call("ListCaseNotes", owner, case_id=made.case_id)) == "PERMISSION_DENIED"

    async def test_a_request_that_is_sent_again_makes_one_case(self, desk: Any) -> None:
        request = {"case": {"kind": 2}, "description": "How late?", "request_id": uuid.uuid4().hex}
        first, again = [await desk.call("CreateCase", **request) for _ in range(2)]

        assert first.case_id == again.case_id

    async def test_a_dealer_names_no_other_dealer(self, desk: Any) -> None:
        mine, other = await desk.make_dealer(), await desk.make_dealer()
        care = desk.client("dealer.care", dealers=[mine])

        assert (await desk.make(care)).dealer_id == mine
        assert await refused(desk.make(care, dealer_id=other)) == "DEALER_NOT_FOUND"


class TestTheWayOfAComplaint:
    async def test_it_is_decided_with_the_customer(self, desk: Any) -> None:
        case = await desk.handled()
        await desk.do("Investigate", case)
        await desk.do("Propose", case, proposal="New pads, free of charge.")
        assert await refused(desk.do("Resolve", case, resolution="Done")) == "CASE_STATE"
        await desk.do("Answer", case, accepted=True)
        await desk.do("Resolve", case, resolution="Pads replaced.", remedy="REPAIRED", cause="PART")
        closed = await desk.do("Close", case)

        assert (closed.state, closed.remedy, closed.cause) == (9, "REPAIRED", "PART")
        assert await desk.entries(case.case_id) == ACCEPTED_WAY
        assert await desk.events(case.case_id) == [
            "CaseReceived", "CaseAcknowledged", "CaseAssigned", "CaseResolved", "CaseClosed",
        ]  # fmt: skip

    async def test_who_declines_is_told_what_else_is_open_before_anything_is_resolved(self, desk: Any) -> None:
        case = await desk.handled()
        await desk.do("Investigate", case)
        await desk.do("Propose", case, proposal="A voucher.")
        await desk.do("Answer", case, accepted=False)
        assert await refused(desk.do("Resolve", case, resolution="Over")) == "CASE_OPTIONS_NOT_TOLD"

        await desk.do("Investigate", case)
        await desk.do("Propose", case, proposal="Two vouchers.")
        await desk.do("Answer", case, accepted=False, further_options="The arbitration board of the trade.")
        resolved = await desk.do("Resolve", case, resolution="Left to the board.")

        thread = (await desk.call("ListCaseMessages", case_id=case.case_id)).messages
        assert resolved.state == 8
        assert "The arbitration board of the trade." in [one.text for one in thread]

    async def test_nobody_decides_what_nobody_works_on(self, desk: Any) -> None:
        case = await desk.make()
        await desk.do("Acknowledge", case)
        await desk.do("Assess", case, severity="CASE_SEVERITY_LOW")

        assert await refused(desk.do("Investigate", case)) == "CASE_HANDLER_MISSING"

    async def test_a_question_needs_no_consent(self, desk: Any) -> None:
        case = await desk.handled(kind="CASE_KIND_INQUIRY")

        assert (await desk.do("Resolve", case, resolution="At nine.")).state == 8

    async def test_of_two_agents_who_resolve_at_once_one_is_told_to_read_again(self, desk: Any) -> None:
        case = await desk.handled(kind="CASE_KIND_INQUIRY")
        answers = await asyncio.gather(
            *(desk.do("Resolve", case, resolution=f"Answer {n}", etag=case.etag) for n in range(2)),
            return_exceptions=True,
        )

        failed = [one for one in answers if isinstance(one, RpcFailure)]
        assert [one.reason for one in failed] == ["ETAG_MISMATCH"]
        assert (await desk.entries(case.case_id)).count("RESOLVED") == 1

    async def test_a_closed_case_is_opened_again_with_a_reason(self, desk: Any) -> None:
        case = await desk.handled(kind="CASE_KIND_INQUIRY")
        await desk.do("Resolve", case, resolution="At nine.")
        await desk.do("Close", case)
        opened = await desk.do("Reopen", case, reason="NOT_DONE")

        assert (opened.state, opened.reopen_count, opened.HasField("close_time")) == (4, 1, False)
        entries = (await desk.call("ListCaseEntries", case_id=case.case_id)).entries
        assert (entries[-1].action, entries[-1].from_state, entries[-1].reason) == ("REOPENED", 9, "NOT_DONE")


class TestSight:
    async def test_a_dealer_sees_its_own_cases_and_others_are_as_if_they_were_not(self, desk: Any) -> None:
        mine, other = await desk.make_dealer(), await desk.make_dealer()
        case = await desk.make(dealer_id=other)
        care = desk.client("dealer.care", dealers=[mine])

        assert await refused(desk.call("GetCase", care, case_id=case.case_id)) == "CASE_NOT_FOUND"
        assert await refused(desk.do("Acknowledge", case, care)) == "CASE_NOT_FOUND"
        assert not (await desk.call("ListCases", care)).cases

    async def test_who_answers_stations_sees_technical_cases_alone(self, desk: Any) -> None:
        technical, complaint = await desk.make(kind="CASE_KIND_TECHNICAL"), await desk.make()
        engineer = desk.client("oem.technical")

        assert (await desk.call("GetCase", engineer, case_id=technical.case_id)).case_id == technical.case_id
        assert await refused(desk.call("GetCase", engineer, case_id=complaint.case_id)) == "CASE_NOT_FOUND"

    async def test_anybody_with_the_code_learns_how_far_it_is_and_nothing_else(self, desk: Any) -> None:
        case = await desk.make()
        code = case.tracking_code
        told = await desk.call("TrackCase", desk.client(), tracking_code=f"{code[:4].lower()}-{code[4:]}")

        assert (told.kind, told.state, told.waits_for_customer) == (1, 1, False)
        assert await refused(desk.call("TrackCase", desk.client(), tracking_code="NOBODYS")) == "CASE_NOT_FOUND"


class TestFinding:
    async def test_words_of_both_scripts_a_vin_ending_and_the_code_find_a_case(self, desk: Any) -> None:
        word = f"xq{uuid.uuid4().hex[:10]}"
        case = await desk.make(description=f"变速箱顿挫 {word}", vin="1M8GDM9AXKP042788")

        for query in (word, f"变速箱 {word}", "顿挫", "042788", case.tracking_code):
            found = (await desk.call("SearchCases", query=query)).cases
            assert case.case_id in [one.case_id for one in found], query

    async def test_a_list_narrows_and_pages_without_loss(self, desk: Any) -> None:
        dealer = await desk.make_dealer()
        made = [await desk.make(dealer_id=dealer, components=["BRAKES:PADS"] if n % 2 else []) for n in range(5)]
        seen, token = [], ""
        while True:
            page = await desk.call(
                "ListCases", dealer_id=dealer, page_size=2, page_token=token, order_by="receive_time"
            )
            seen += [one.case_id for one in page.cases]
            token = page.next_page_token
            if not token:
                break

        assert seen == [one.case_id for one in made]
        some = (await desk.call("ListCases", dealer_id=dealer, component="BRAKES", open=True)).cases
        assert {one.case_id for one in some} == {one.case_id for one in made[1::2]}
