"""The events of surveys, made from their rows; `aggregate_version` is set as they are emitted. Ids and facts, no words of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from marque.survey.v1 import survey_events_pb2 as told
from marque.survey.v1.survey_answer_pb2 import SurveyScore
from tradekit import vin as vins

from marque_survey.models import Invitation
from marque_survey.rules.scores import NO_SET


def _moment(value: datetime | None) -> Timestamp | None:
    if value is None:
        return None
    made = Timestamp()
    made.FromDatetime(value)
    return made


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _facts(row: Invitation) -> dict[str, Any]:
    return {
        "invitation_id": str(row.invitation_id),
        "customer_id": "" if row.anonymous else _text(row.customer_id),
        "dealer_id": _text(row.dealer_id),
        "questionnaire_id": str(row.questionnaire_id),
        "questionnaire_number": row.questionnaire_number,
        "plan_id": _text(row.plan_id),
        "trigger": row.trigger,
    }


def survey_invited(row: Invitation) -> told.SurveyInvited:
    """Tells that a link was handed over."""
    return told.SurveyInvited(**_facts(row), expire_time=_moment(row.expire_time))


def survey_answered(row: Invitation) -> told.SurveyAnswered:
    """Tells that it was answered to the end."""
    return told.SurveyAnswered(**_facts(row), finish_time=_moment(row.finish_time), late=row.late)


def survey_scored(row: Invitation, scores: Mapping[tuple[int, str], float]) -> told.SurveyScored:
    """Tells how it scores."""
    return told.SurveyScored(**_facts(row), scores=_scores(scores))


def survey_score_snapshot(row: Invitation, scores: Mapping[tuple[int, str], float]) -> told.SurveyScoreSnapshot:
    """Tells again how it scores."""
    made = told.SurveyScoreSnapshot(**_facts(row), scores=_scores(scores), finish_time=_moment(row.finish_time))
    made.aggregate_version = row.version
    return made


def _scores(scores: Mapping[tuple[int, str], float]) -> list[SurveyScore]:
    return [
        SurveyScore(measure=measure, weight_set_id="" if weights == NO_SET else weights, value=value)  # type: ignore[arg-type]
        for (measure, weights), value in sorted(scores.items())
    ]


def survey_alarmed(row: Invitation) -> told.SurveyAlarmed:
    """Tells that somebody must look at once."""
    return told.SurveyAlarmed(**_facts(row), rules=row.alarms, about_handling=row.about_handling, vin=_car(row))


def survey_lost_reason_told(row: Invitation, reasons: Sequence[str]) -> told.SurveyLostReasonTold:
    """Tells why somebody stays away."""
    return told.SurveyLostReasonTold(**_facts(row), reasons=reasons, vin=_car(row))


def _car(row: Invitation) -> str:
    return row.vin if not row.anonymous and _is_whole(row.vin) else ""


def _is_whole(vin: str) -> bool:
    try:
        return vins.normalise(vin) == vin
    except vins.VinError:
        return False
