"""Who was not seen for long is asked why, each absence once; what they say is told; a visit that was taken back is none."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2
from marque.survey.v1 import survey_events_pb2
from marque.vehicle.v1 import repair_order_events_pb2, sale_events_pb2
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

DAYS = 182
REASON = {
    "code": "reason", "kind": 2, "measure": 4, "texts": {"zh-CN": "为什么不来了？"},
    "options": [{"code": "price", "texts": {"zh-CN": "价格"}}, {"code": "far", "texts": {"zh-CN": "太远"}}],
}  # fmt: skip


def ago(days: float) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime.now(UTC) - timedelta(days=days))
    return found


def visit(dealer: str, vin: str, days: float, customer: str = "") -> Any:
    return repair_order_events_pb2.RepairOrderOpened(
        repair_order_id=str(uuid.uuid4()), vin=vin, dealer_id=dealer, customer_id=customer, open_time=ago(days)
    )


def sale(dealer: str, vin: str, days: int, customer: str) -> Any:
    day = (datetime.now(UTC) - timedelta(days=days)).date()
    told = date_pb2.Date(year=day.year, month=day.month, day=day.day)
    return sale_events_pb2.SaleRecorded(
        sale_id=str(uuid.uuid4()), vin=vin, dealer_id=dealer, customer_id=customer, invoice_date=told
    )


class TestLapsing:
    async def test_each_absence_asks_once_and_nobody_who_came_since_or_was_away_long_before(self, desk: Any) -> None:
        dealer = await desk.make_dealer()
        people = {name: str(uuid.uuid4()) for name in ("gone", "came", "old", "bought", "reversed")}
        wrong = visit(dealer, "REVERSED", 1, people["reversed"])
        await desk.say(
            visit(dealer, "GONE", DAYS + 1, people["gone"]),
            visit(dealer, "CAME", DAYS + 1, people["came"]),
            visit(dealer, "CAME", 10),
            visit(dealer, "OLD", DAYS + 40, people["old"]),
            sale(dealer, "BOUGHT", DAYS + 2, people["bought"]),
            visit(dealer, "REVERSED", DAYS + 3, people["reversed"]),
            wrong,
        )
        taken_back = repair_order_events_pb2.RepairOrderReversed(
            repair_order_id=wrong.repair_order_id, dealer_id=dealer, vin="REVERSED", aggregate_version=2
        )
        await desk.say(taken_back)
        made = await desk.published(questions=[REASON], alarm_rules=[], index="", market="")
        values = {"name": "P", "questionnaire_id": made.questionnaire_id, "trigger": 5, "active": True}
        plan = await desk.call("CreateSurveyPlan", plan=values)
        planned = "SELECT * FROM invitations WHERE plan_id = $1"

        async def asked() -> Any:
            rows = await desk.sql(planned, uuid.UUID(plan.plan_id))
            return {str(row["customer_id"]): row for row in rows} if len(rows) >= 3 else {}

        rows = await until(asked, 30, "nobody was asked")
        await desk.sql("UPDATE survey_plans SET swept_time = NULL WHERE plan_id = $1", uuid.UUID(plan.plan_id))
        swept = "SELECT 1 FROM survey_plans WHERE plan_id = $1 AND swept_time IS NOT NULL"
        await until(lambda: desk.sql(swept, uuid.UUID(plan.plan_id)), 30, "it did not look again")

        assert plan.delay_days == DAYS
        assert set(rows) == {people["gone"], people["bought"], people["reversed"]}
        assert {row["vin"] for row in rows.values()} == {"GONE", "BOUGHT", "REVERSED"}
        assert len(await desk.sql(planned, uuid.UUID(plan.plan_id))) == 3
        assert (await desk.call("GetSurveyPlan", plan_id=plan.plan_id)).etag == plan.etag

    async def test_why_somebody_stays_away_is_told_as_an_event_without_their_words(self, desk: Any) -> None:
        made = await desk.published(questions=[REASON], alarm_rules=[], index="", market="")
        invitation, token = await desk.invited(made=made, trigger=5, vin="LSVAA4180A2123456")
        await desk.save(token, "reason", choices=["far", "price"])
        await desk.call("FinishSurvey", desk.client(), token=token)
        rows = await desk.sql(
            "SELECT payload FROM outbox_messages WHERE aggregate_id = $1 AND event_type LIKE '%LostReasonTold'",
            invitation,
        )
        (told,) = [survey_events_pb2.SurveyLostReasonTold.FromString(row["payload"]) for row in rows]

        assert (list(told.reasons), told.trigger, told.vin) == (["far", "price"], 5, "LSVAA4180A2123456")

    async def test_why_is_asked_as_a_choice(self, desk: Any) -> None:
        with pytest.raises(RpcFailure) as caught:
            await desk.make(questions=[{"code": "reason", "kind": 4, "measure": 4, "texts": {"zh-CN": "为什么？"}}])

        assert "document.questions[0].measure" in str(caught.value.fields)
