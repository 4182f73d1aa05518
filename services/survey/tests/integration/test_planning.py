"""Who is asked because of what happened: once, within the quota under any race; scores that are recomputed as they are stored."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2
from marque.vehicle.v1 import repair_order_events_pb2, sale_events_pb2
from marque_survey.rules import document, scores
from marque_survey.rules.scores import NO_SET, Weights
from servicekit import contract
from servicekit.testing.platform import until

BY_STATE = "SELECT state, reason, count(*) AS n FROM invitations WHERE plan_id = $1 GROUP BY 1, 2"


def visit(dealer: str, *, ago: timedelta = timedelta(), **facts: Any) -> Any:
    closed = Timestamp()
    closed.FromDatetime(datetime.now(UTC) - ago)
    told = {"repair_order_id": str(uuid.uuid4()), "customer_id": str(uuid.uuid4()), **facts}
    return repair_order_events_pb2.RepairOrderClosed(dealer_id=dealer, close_time=closed, **told)


async def planned(desk: Any, trigger: int = 2, **plan: Any) -> Any:
    made = await desk.published()
    values = {"name": "P", "questionnaire_id": made.questionnaire_id, "trigger": trigger, "active": True, **plan}
    return await desk.call("CreateSurveyPlan", plan=values)


async def counts(desk: Any, plan: Any) -> dict[tuple[int, str], int]:
    return {(row["state"], row["reason"]): row["n"] for row in await desk.sql(BY_STATE, uuid.UUID(plan.plan_id))}


class TestPlanning:
    async def test_a_quota_of_one_raced_by_a_hundred_reserves_one(self, desk: Any) -> None:
        plan = await planned(desk, dealer_quota=1)
        dealers = [await desk.make_dealer() for _ in range(2)]
        await desk.say(*(visit(dealer) for _ in range(50) for dealer in dealers))
        taken = await desk.sql("SELECT taken FROM survey_quotas WHERE plan_id = $1", uuid.UUID(plan.plan_id))

        assert await counts(desk, plan) == {(1, ""): 2, (7, "OVER_QUOTA"): 98}
        assert [row["taken"] for row in taken] == [1, 1]
        await desk.call("UpdateSurveyPlan", plan={"plan_id": plan.plan_id, "active": False}, update_mask="active")

    async def test_a_quota_is_filled_to_its_last_place_over_many_batches_and_not_more_where_it_is_lowered(
        self, desk: Any
    ) -> None:
        plan = await planned(desk, dealer_quota=7)
        dealers = [await desk.make_dealer() for _ in range(3)]
        for size in (2, 4, 9):
            await desk.say(*(visit(dealer) for _ in range(size) for dealer in dealers))
        filled = await counts(desk, plan)
        await desk.call(
            "UpdateSurveyPlan", plan={"plan_id": plan.plan_id, "dealer_quota": 5}, update_mask="dealerQuota"
        )
        await desk.say(*(visit(dealers[0]) for _ in range(4)))
        taken = await desk.sql("SELECT taken FROM survey_quotas WHERE plan_id = $1", uuid.UUID(plan.plan_id))

        assert filled == {(1, ""): 21, (7, "OVER_QUOTA"): 24}
        assert await counts(desk, plan) == {(1, ""): 21, (7, "OVER_QUOTA"): 28}
        assert [row["taken"] for row in taken] == [7, 7, 7]
        await desk.call("UpdateSurveyPlan", plan={"plan_id": plan.plan_id, "active": False}, update_mask="active")

    async def test_each_occurrence_asks_once_at_its_time_and_old_news_not_at_all(self, desk: Any) -> None:
        plan = await planned(desk, delay_days=3)
        dealer = await desk.make_dealer()
        one = visit(dealer, ago=timedelta(days=1))
        again = visit(dealer, repair_order_id=one.repair_order_id, customer_id=one.customer_id)
        await desk.say(one, again, visit(dealer, ago=timedelta(days=30)), visit(dealer, customer_id=""))
        rows = await desk.sql("SELECT * FROM invitations WHERE plan_id = $1", uuid.UUID(plan.plan_id))

        assert [str(row["customer_id"]) for row in rows] == [one.customer_id]
        assert abs(rows[0]["due_time"] - datetime.now(UTC) - timedelta(days=2)) < timedelta(minutes=5)
        await desk.call("UpdateSurveyPlan", plan={"plan_id": plan.plan_id, "active": False}, update_mask="active")

    async def test_a_sale_is_asked_about_by_the_dealer_s_clock_counted_from_delivery(self, desk: Any) -> None:
        plan = await planned(desk, trigger=1, delay_days=3)
        today = datetime.now(UTC).date()
        day = date_pb2.Date(year=today.year, month=today.month, day=today.day)
        sale = sale_events_pb2.SaleRecorded(
            sale_id=str(uuid.uuid4()),
            dealer_id=await desk.make_dealer(),
            customer_id=str(uuid.uuid4()),
            delivery_date=day,
        )
        await desk.say(sale)
        (row,) = await desk.sql("SELECT due_time FROM invitations WHERE plan_id = $1", uuid.UUID(plan.plan_id))

        wanted = datetime(today.year, today.month, today.day, 2, tzinfo=UTC) + timedelta(days=3)  # ten in Shanghai
        assert row["due_time"] == wanted

    async def test_a_plan_by_call_puts_them_into_the_queue_with_the_car_s_model_and_the_adviser(
        self, desk: Any
    ) -> None:
        plan = await planned(desk, delay_days=3, way=2, call_attempts=5)
        adviser = str(uuid.uuid4())
        one = visit(await desk.make_dealer(), model="Marque One", adviser_staff_id=adviser)
        await desk.say(one)
        (row,) = await desk.sql("SELECT * FROM invitations WHERE plan_id = $1", uuid.UUID(plan.plan_id))
        found = await desk.call("ListCallTasks", invitation_id=str(row["invitation_id"]))
        due = await desk.call("ListCallTasks", invitation_id=str(row["invitation_id"]), queue="CALL_QUEUE_DUE")
        (task,) = found.call_tasks

        assert (row["channel"], row["due_time"], row["model"], str(row["adviser_staff_id"])) == (
            3,
            None,
            "Marque One",
            adviser,
        )
        assert (task.attempt_limit, task.customer_id, list(due.call_tasks)) == (5, one.customer_id, [])
        assert abs(task.due_time.ToDatetime(UTC) - datetime.now(UTC) - timedelta(days=3)) < timedelta(minutes=5)
        await desk.call("UpdateSurveyPlan", plan={"plan_id": plan.plan_id, "active": False}, update_mask="active")


class TestScores:
    async def test_what_is_stored_is_what_is_computed_again_for_every_set_of_weights(self, desk: Any) -> None:
        made = await desk.published()
        dealers = [await desk.make_dealer() for _ in range(3)]
        tokens = [(await desk.invited(dealer=dealers[at % 3], made=made)) for at in range(9)]
        for at, (_, token) in enumerate(tokens):
            await desk.answered(token, nps=at + 1, advice=10 - at, **({"work": at + 1} if at % 2 else {}))
        weights = {"kind": "CSI", "market": "CN", "effective_date": {"year": 2026, "month": 1, "day": 1},
                   "weights": [{"factor": "ADVISOR", "weight": 60}, {"factor": "QUALITY", "weight": 40}]}  # fmt: skip
        added = await desk.call("CreateWeightSet", weight_set=weights)
        stored_by_it = "SELECT 1 FROM survey_scores WHERE weight_set_id = $1"
        await until(lambda: desk.sql(stored_by_it, uuid.UUID(added.weight_set_id)), 20, "nothing was scored")

        sets = [
            Weights(one.weight_set_id, one.kind, one.market, {two.factor: two.weight for two in one.weights}, one.minimum_percent)
            for one in (await desk.call("ListWeightSets")).weight_sets
        ]  # fmt: skip
        assert len(sets) == 6
        asked = "SELECT document::text AS d FROM questionnaire_versions WHERE questionnaire_id = $1"
        (kept,) = await desk.sql(asked, uuid.UUID(made.questionnaire_id))
        read = document.read(orjson.loads(kept["d"]))
        for invitation, _ in tokens:
            response = await desk.call("GetSurveyResponse", invitation_id=invitation)
            answers = {
                one.question_code: {"number": one.number} if one.HasField("number") else {"text": one.text}
                for one in response.answers
            }
            stored = {(one.measure, one.weight_set_id or NO_SET): one.value for one in response.scores}
            assert stored == pytest.approx(scores.scores(read, answers, sets))
            assert (4, added.weight_set_id) in stored

        ranked = await desk.call("RankDealers", measure=4, weight_set_id=added.weight_set_id, minimum_count=3)
        whole = await desk.call("GetSurveyResults", measure=1, questionnaire_id=made.questionnaire_id)
        own = await desk.call(
            "GetSurveyResults", desk.client("dealer.manager", dealers=[dealers[0]]), measure=1, grouping=1
        )
        assert [one.rank for one in ranked.dealers] == sorted(one.rank for one in ranked.dealers)
        assert {one.dealer_id for one in ranked.dealers} == set(dealers)
        assert (whole.results[0].count, whole.results[0].value) == (9, pytest.approx(100 * (1 - 6) / 9))
        assert [(one.group, one.count) for one in own.results] == [(dealers[0], 3)]

    async def test_weights_of_a_day_are_never_changed(self, desk: Any) -> None:
        weights = {"kind": "SSI", "market": "CN", "effective_date": {"year": 2015, "month": 1, "day": 1},
                   "weights": [{"factor": "DELIVERY", "weight": 1}]}  # fmt: skip
        with pytest.raises(Exception, match="WEIGHT_SET_EXISTS"):
            await desk.call("CreateWeightSet", weight_set=weights)


async def test_erasing_a_person_takes_their_words_and_leaves_the_numbers(desk: Any) -> None:
    invitation, token = await desk.invited()
    await desk.answered(token, nps=2)
    person = str(
        (await desk.sql("SELECT customer_id FROM invitations WHERE invitation_id = $1", uuid.UUID(invitation)))[0][0]
    )
    service = "marque.survey.v1.SurveyPersonalDataService"
    for _ in range(2):
        request = json_format.ParseDict(
            {"customer_id": person, "erasure_id": str(uuid.uuid4())},
            contract.methods(service)["ErasePersonalData"].input(),
        )
        await desk.client("service").call("survey.v1.SurveyPersonalDataService/ErasePersonalData", request)
    response = await desk.call("GetSurveyResponse", invitation_id=invitation)

    assert (response.invitation.customer_id, list(response.answers)) == ("", [])
    assert [one.value for one in response.scores] == [-100.0]
