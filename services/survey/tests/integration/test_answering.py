"""Answers by link: kept as they are given, ended once, scored and judged; guessed, used and expired links change nothing."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure

ANSWERS = "SELECT question_code, value::text AS value FROM survey_answers WHERE invitation_id = $1 ORDER BY 1"
STATE = "SELECT state, late, version FROM invitations WHERE invitation_id = $1"


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as caught:
        await work
    return str(caught.value.reason)


class TestSaving:
    async def test_an_answer_is_kept_and_the_page_is_resumed_with_what_it_leads_to(self, desk: Any) -> None:
        _, token = await desk.invited()
        first = await desk.call("GetSurveyPage", desk.client(), token=token, languages="de, en;q=0.5")
        after = await desk.save(token, "nps", number=2)
        again = await desk.call("GetSurveyPage", desk.client(), token=token)

        assert (first.state, first.language, list(first.answers)) == (1, "en", [])
        assert "why" not in first.shown
        assert "why" in after.shown
        assert [(one.answer.question_code, one.answer.number) for one in again.answers] == [("nps", 2)]
        assert [question.show_if for question in again.document.questions if question.show_if] == ["(answers.nps <= 6)"]
        assert not any(question.factor or question.measure for question in again.document.questions)
        assert not again.document.alarm_rules

    async def test_the_same_forty_times_and_what_is_older_change_nothing(self, desk: Any) -> None:
        invitation, token = await desk.invited()
        await desk.save(token, "nps", number=7, sequence=5)
        version = (await desk.sql(STATE, uuid.UUID(invitation)))[0]["version"]
        await asyncio.gather(*(desk.save(token, "nps", number=7, sequence=5) for _ in range(40)))
        await desk.save(token, "nps", number=1, sequence=4)
        row = (await desk.sql(STATE, uuid.UUID(invitation)))[0]
        other = await desk.save(token, "nps", number=9, submission="another tab", sequence=1)

        assert row["version"] == version
        assert [one.answer.number for one in other.answers] == [9]

    async def test_what_is_no_answer_is_refused_and_an_answer_can_be_taken_back(self, desk: Any) -> None:
        invitation, token = await desk.invited()
        await desk.save(token, "nps", number=7)
        for code, value in (("nps", {"number": 11}), ("clean", {"choices": ["x"]}), ("clean", {"text": "good"})):
            with pytest.raises(RpcFailure) as caught:
                await desk.save(token, code, **value)
            assert caught.value.fields == {"answer": "ANSWER_INVALID"}
        with pytest.raises(RpcFailure) as caught:
            await desk.save(token, "nobody", number=1)
        assert caught.value.fields == {"answer.question_code": "QUESTION_UNKNOWN"}
        back = await desk.save(token, "nps", sequence=2)

        assert not back.answers
        assert [row["value"] for row in await desk.sql(ANSWERS, uuid.UUID(invitation))] == ["{}"]


class TestFinishing:
    async def test_it_ends_once_with_events_scores_and_without_what_was_not_shown(self, desk: Any) -> None:
        invitation, token = await desk.invited(dealer=await desk.make_dealer())
        await desk.save(token, "nps", number=3)
        await desk.save(token, "why", text="<script>alert(1)</script>")
        await desk.save(token, "nps", number=9, sequence=2)
        done = await asyncio.gather(*(desk.call("FinishSurvey", desk.client(), token=token) for _ in range(8)))
        response = await desk.call("GetSurveyResponse", invitation_id=invitation)

        assert {page.state for page in done} == {2}
        assert await desk.events(invitation) == ["SurveyAnswered", "SurveyScored"]
        assert [one.question_code for one in response.answers] == ["nps"]
        assert [(one.measure, one.value) for one in response.scores] == [(1, 100.0)]
        assert await refused(desk.save(token, "nps", number=1, sequence=9)) == "SURVEY_FINISHED"

    async def test_what_is_missing_is_named_by_question(self, desk: Any) -> None:
        _, token = await desk.invited()
        await desk.save(token, "nps", number=0)
        with pytest.raises(RpcFailure) as caught:
            await desk.call("FinishSurvey", desk.client(), token=token)

        assert (caught.value.reason, caught.value.fields) == ("SURVEY_INCOMPLETE", {"why": "ANSWER_MISSING"})

    async def test_an_alarm_is_raised_once_and_listed_where_it_belongs(self, desk: Any) -> None:
        dealer, other = await desk.make_dealer(), await desk.make_dealer()
        invitation, token = await desk.invited(dealer=dealer)
        await desk.answered(token, nps=2)
        lists = {
            name: await desk.call("ListSurveyAlarms", desk.client("dealer.manager", dealers=[name]))
            for name in (dealer, other)
        }

        assert (await desk.events(invitation))[-1] == "SurveyAlarmed"
        assert [(one.invitation_id, list(one.rules)) for one in lists[dealer].alarms] == [(invitation, ["LOW_NPS"])]
        assert not lists[other].alarms


class TestLinks:
    async def test_a_link_that_was_not_made_here_is_unknown_whatever_is_wrong_with_it(self, desk: Any) -> None:
        invitation, token = await desk.invited()
        flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
        wrong = [token[:-1], token + "A", flipped, "x", "测" * 46, token.swapcase(), desk.token(uuid.uuid4())]
        for one in wrong:
            assert await refused(desk.call("GetSurveyPage", desk.client(), token=one)) == "SURVEY_LINK_UNKNOWN", one
            assert await refused(desk.save(one, "nps", number=1)) == "SURVEY_LINK_UNKNOWN"
        assert not await desk.sql(ANSWERS, uuid.UUID(invitation))

    async def test_looking_changes_nothing(self, desk: Any) -> None:
        invitation, token = await desk.invited()
        before = await desk.sql("SELECT * FROM invitations WHERE invitation_id = $1", uuid.UUID(invitation))
        for _ in range(5):
            await desk.call("GetSurveyPage", desk.client(), token=token)

        assert await desk.sql("SELECT * FROM invitations WHERE invitation_id = $1", uuid.UUID(invitation)) == before

    async def test_after_its_time_nothing_begins_but_what_had_begun_is_kept_and_marked(self, desk: Any) -> None:
        over = datetime.now(UTC) - timedelta(minutes=1)
        _, fresh = await desk.invited(expire_time=over)
        begun, token = await desk.invited(expire_time=over, first_answer_time=over - timedelta(hours=1), state=4)
        ancient = {"expire_time": over - timedelta(days=40), "first_answer_time": over - timedelta(days=41)}
        _, gone = await desk.invited(**ancient, state=4)
        await desk.answered(token)

        assert (await desk.call("GetSurveyPage", desk.client(), token=fresh)).state == 3
        assert await refused(desk.save(fresh, "nps", number=1)) == "SURVEY_LINK_EXPIRED"
        assert await refused(desk.save(gone, "nps", number=1)) == "SURVEY_LINK_EXPIRED"
        row = (await desk.sql(STATE, uuid.UUID(begun)))[0]
        assert (row["state"], row["late"]) == (5, True)

    async def test_a_version_that_changes_while_the_page_is_open_is_not_the_one_that_is_answered(
        self, desk: Any
    ) -> None:
        made = await desk.published()
        _, token = await desk.invited(made=made)
        await desk.save(token, "nps", number=8)
        document = {"languages": ["en"], "titles": {"en": "Other"}, "questions": []}
        for_update = {"questionnaire_id": made.questionnaire_id, "document": document}
        await desk.call("UpdateQuestionnaire", questionnaire=for_update, update_mask="document")
        done = await desk.call("FinishSurvey", desk.client(), token=token)

        assert done.document.titles["en"] == "After your visit"


class TestPromised:
    async def test_where_dealers_were_not_to_learn_it_they_do_not_and_the_maker_does(self, desk: Any) -> None:
        dealer = await desk.make_dealer()
        made = await desk.published(anonymous=True)
        invitation, token = await desk.invited(dealer=dealer, made=made, vin="LSVAA4180A2123456")
        await desk.answered(token, nps=1)
        manager = desk.client("dealer.manager", dealers=[dealer])
        seen = await desk.call("GetSurveyResponse", manager, invitation_id=invitation)
        whole = await desk.call("GetInvitation", invitation_id=invitation)
        found = await desk.call("ListInvitations", manager, customer_id=whole.customer_id)
        rows = await desk.sql("SELECT payload FROM outbox_messages WHERE aggregate_id = $1", invitation)

        assert (seen.invitation.customer_id, seen.invitation.vin) == ("", "")
        assert [one.question_code for one in seen.answers] == ["nps", "why"]
        assert whole.customer_id
        assert not found.invitations
        assert not any(whole.customer_id.encode() in row["payload"] for row in rows)
