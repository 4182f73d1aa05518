"""Results by region, model, adviser and wave, what changed, what would move an index; signs of gaming are shown and remove nothing."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

CHINA_CSI = "5e1f0000-0000-4000-8000-000000000004"
_MANY = """
WITH made AS (
    INSERT INTO invitations (invitation_id, version, create_time, update_time, questionnaire_id, questionnaire_number, dealer_id, trigger,
        state, channel, finish_time)
    SELECT gen_random_uuid(), 1, now(), now(), $1::uuid, 1, $2::uuid, 4, 5, 2, $3::timestamptz + n * interval '1 minute'
    FROM generate_series(1, $4::integer) n RETURNING invitation_id, finish_time),
rows AS (SELECT invitation_id, finish_time, row_number() OVER (ORDER BY invitation_id) AS n FROM made)
INSERT INTO survey_scores (invitation_id, measure, weight_set_id, value, questionnaire_id, dealer_id, finish_time)
SELECT invitation_id, 1, '00000000-0000-0000-0000-000000000000', CASE WHEN n % 10 < $5::integer THEN 100 ELSE -100 END, $1::uuid, $2::uuid,
    finish_time FROM rows"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def asked(desk: Any) -> Any:
    return await desk.published()


class TestGroups:
    async def test_by_region_model_adviser_and_wave_and_narrowed_by_them(self, desk: Any, asked: Any) -> None:
        questionnaire = {"questionnaire_id": asked.questionnaire_id}
        north, south = await desk.make_dealer(region="N"), await desk.make_dealer(region="S")
        adviser = uuid.uuid4()
        await desk.answered((await desk.invited(north, asked, model="Marque One", adviser_staff_id=adviser))[1], nps=10)
        started = await asyncio.gather(
            *(desk.call("StartSurveyWave", **questionnaire, name="Spring") for _ in range(3))
        )
        waves = await desk.call("ListSurveyWaves", **questionnaire, page_size=2)
        await desk.answered((await desk.invited(south, asked, model="Marque Two", wave=3))[1], nps=2)

        async def by(grouping: int, **narrow: Any) -> dict[str, tuple[int, float]]:
            found = await desk.call("GetSurveyResults", measure=1, grouping=grouping, **questionnaire, **narrow)
            return {one.group: (one.count, one.value) for one in found.results}

        assert await by(4) == {"N": (1, 100.0), "S": (1, -100.0)}
        assert await by(2) == {"Marque One": (1, 100.0), "Marque Two": (1, -100.0)}
        assert await by(5) == {"": (1, -100.0), str(adviser): (1, 100.0)}
        assert await by(6) == {"0": (1, 100.0), "3": (1, -100.0)}
        assert await by(0, region_code="N") == await by(0, model="Marque One") == {"": (1, 100.0)}
        assert sorted(one.number for one in started) == [1, 2, 3]
        assert ([one.number for one in waves.waves], bool(waves.next_page_token)) == ([3, 2], True)

    async def test_a_dealer_s_region_and_wave_do_not_widen_what_a_dealer_sees(self, desk: Any, asked: Any) -> None:
        own, other = await desk.make_dealer(region="W"), await desk.make_dealer(region="W")
        for dealer in (own, other):
            await desk.answered((await desk.invited(dealer, asked))[1], nps=9)
        manager = desk.client("dealer.manager", dealers=[own])
        found = await desk.call("GetSurveyResults", manager, measure=1, grouping=4, region_code="W")

        assert [(one.group, one.count) for one in found.results] == [("W", 1)]


class TestChange:
    async def test_the_month_in_which_recommendation_fell_stands_out_and_no_other(self, desk: Any) -> None:
        made, dealer = await desk.published(), await desk.make_dealer()
        for month, promoters in ((1, 8), (2, 8), (3, 7), (4, 3), (5, 3)):
            start, ids = datetime(2026, month, 3, tzinfo=UTC), (uuid.UUID(made.questionnaire_id), uuid.UUID(dealer))
            await desk.sql(_MANY, *ids, start, 60, promoters)
        found = await desk.call("GetSurveyResults", measure=1, grouping=3, questionnaire_id=made.questionnaire_id)

        assert [one.group for one in found.results if one.changed] == ["2026-04"]
        (fell,) = [one for one in found.results if one.changed]
        assert fell.change < -60
        assert fell.p_value < 0.001
        assert not (await desk.call("GetSurveyResults", measure=1, grouping=1, dealer_id=dealer)).results[0].changed


class TestDrivers:
    async def test_the_step_behind_the_best_dealers_comes_first_with_its_points(self, desk: Any, asked: Any) -> None:
        made = await desk.published()
        dealers = [await desk.make_dealer() for _ in range(4)]
        rows = [(dealer, factor, share) for at, dealer in enumerate(dealers) for factor, share in
                (("ADVISOR", 0.9), ("QUALITY", 0.5 + at / 10))]  # fmt: skip
        for dealer, factor, share in rows:
            await desk.sql(
                "WITH asked AS (INSERT INTO invitations (invitation_id, version, create_time, update_time, questionnaire_id, "
                "questionnaire_number, trigger, state, channel) SELECT gen_random_uuid(), 1, now(), now(), $1::uuid, 1, 4, 3, 2 "
                "FROM generate_series(1, 10) RETURNING invitation_id) INSERT INTO survey_factors "
                "SELECT invitation_id, $3::text, $4::float8, $1::uuid, $2::uuid, now() FROM asked",
                uuid.UUID(made.questionnaire_id), uuid.UUID(dealer), factor, share,
            )  # fmt: skip
        told = {"weight_set_id": CHINA_CSI, "questionnaire_id": made.questionnaire_id}
        found = await desk.call("GetSurveyDrivers", desk.client("dealer.manager", dealers=[dealers[0]]), **told)
        with pytest.raises(RpcFailure) as caught:
            await desk.call("GetSurveyDrivers", **{**told, "weight_set_id": str(uuid.uuid4())})

        quality, advisor = found.drivers
        assert (quality.factor, quality.count, advisor.gain) == ("QUALITY", 10, 0.0)
        # Three of four dealers are below 0.725 of (0.5, 0.6, 0.7, 0.8): 24 of 101 parts of the index, 0.225 behind.
        assert (quality.benchmark, quality.gain) == (pytest.approx(72.5), pytest.approx(1000 * 24 / 101 * 0.225))
        assert (found.regression_count, caught.value.reason) == (0, "WEIGHT_SET_NOT_FOUND")

    async def test_steps_of_a_response_are_kept_as_it_ends(self, desk: Any, asked: Any) -> None:
        invitation, token = await desk.invited(made=asked)
        await desk.answered(token, advice=10, work=1)
        kept = await desk.sql(
            "SELECT factor, share FROM survey_factors WHERE invitation_id = $1", uuid.UUID(invitation)
        )

        assert {row["factor"]: row["share"] for row in kept} == {"ADVISOR": 1.0, "QUALITY": 0.0}


class TestThemes:
    async def test_words_of_several_are_told_to_who_sees_them_with_how_these_recommend(self, desk: Any) -> None:
        made = await desk.published()
        own, other = await desk.make_dealer(), await desk.make_dealer()
        for at in range(4):
            _, token = await desk.invited(own if at < 3 else other, made)
            await desk.save(token, "nps", number=at)
            await desk.save(token, "why", text=f"变速箱异响，第{at}次了")
            await desk.call("FinishSurvey", desk.client(), token=token)
        told = {"questionnaire_id": made.questionnaire_id}
        mine = await desk.call("GetSurveyThemes", desk.client("dealer.manager", dealers=[own]), **told)
        none = await desk.call("GetSurveyThemes", desk.client("dealer.manager", dealers=[other]), **told)
        by_question = await desk.call("GetSurveyThemes", **told, question_code="liked")

        assert mine.text_count == 3
        assert {one.word: (one.count, one.score_with) for one in mine.keywords} == {
            "变速箱": (3, -100.0),
            "异响": (3, -100.0),
        }
        assert (none.text_count, list(none.keywords)) == (1, [])
        assert by_question.text_count == 0


class TestSigns:
    async def test_a_burst_and_copied_words_are_marked_and_count_all_the_same(self, desk: Any, asked: Any) -> None:
        dealer = await desk.make_dealer()
        invited = [await desk.invited(dealer, asked) for _ in range(8)]
        for _, token in invited:
            await desk.answered(token, nps=10)
        for at in range(3):
            _, token = await desk.invited(dealer, asked)
            await desk.save(token, "nps", number=2)
            await desk.save(token, "why", text=f"等了三个小时{'。' * at} 没有人理我")
            await desk.call("FinishSurvey", desk.client(), token=token)

        async def marked() -> bool:
            rows = await desk.sql("SELECT signs FROM invitations WHERE dealer_id = $1", uuid.UUID(dealer))
            return sum("TOP_BURST" in row["signs"] for row in rows) == 8

        await until(marked, 20, "the burst is not marked")
        found = (await desk.call("GetSurveyResults", measure=1, dealer_id=dealer)).results[0]
        listed = await desk.call("ListInvitations", desk.client("dealer.manager", dealers=[dealer]), dealer_id=dealer)

        assert (found.count, found.signed_count) == (11, 9)
        assert sorted(sign for one in listed.invitations for sign in one.signs) == ["COPIED_TEXT"] + ["TOP_BURST"] * 8
