"""Between results, rankings, alarms, weights and their messages."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import orjson
from google.type import date_pb2
from marque.survey.v1 import survey_result_service_pb2 as rpc
from servicekit import fields
from servicekit.errors import FieldViolation, InvalidArgument

from marque_survey.rules import kinds
from marque_survey.rules.drivers import Driver
from marque_survey.rules.ranking import Group, Place
from marque_survey.rules.scores import MINIMUM_PERCENT, NO_SET
from marque_survey.rules.themes import Keyword, Theme
from marque_survey.rules.trend import Step


def filters(request: Any) -> dict[str, Any]:
    """Returns what a request for results narrows by. Raises InvalidArgument."""
    if (request.measure == kinds.INDEX) is not bool(request.weight_set_id):
        raise InvalidArgument.of(
            "weight_set_id", "WEIGHT_SET_MISSING", "An index, and nothing else, goes by a set of weights."
        )
    return {
        "measure": request.measure,
        "weight_set_id": uuid.UUID(request.weight_set_id or NO_SET),
        "questionnaire_id": fields.uuid_or_none(request.questionnaire_id),
        "dealer_id": fields.uuid_or_none(getattr(request, "dealer_id", "")),
        "finish_time_from": fields.as_moment(request, "finish_time_from"),
        "finish_time_to": fields.as_moment(request, "finish_time_to"),
        "region_code": getattr(request, "region_code", ""),
        "model": getattr(request, "model", ""),
    }


def result(group: Group, step: Step) -> rpc.SurveyResult:
    """Returns the result of a group; `step` says how it differs from those before it."""
    low, high = group.interval
    return rpc.SurveyResult(
        group=group.key,
        count=group.count,
        value=group.mean,
        low=low,
        high=high,
        signed_count=group.signed,
        change=step.change,
        changed=step.changed,
        p_value=step.p_value,
    )


def driver(one: Driver) -> rpc.SurveyDriver:
    """Returns a step, and what it would move."""
    benchmark = one.rated.mean if one.rated.benchmark is None else one.rated.benchmark
    return rpc.SurveyDriver(
        factor=one.factor,
        count=one.rated.count,
        mean=100 * one.rated.mean,
        benchmark=100 * benchmark,
        weight=one.weight,
        gain=one.gain,
        importance=one.importance.value,
        importance_low=one.importance.low,
        importance_high=one.importance.high,
    )


def themes(count: int, keywords: Iterable[Keyword], found: Iterable[Theme]) -> rpc.GetSurveyThemesResponse:
    """Returns what texts are about."""
    made = rpc.GetSurveyThemesResponse(text_count=count)
    for one in keywords:
        made.keywords.add(word=one.word, count=one.count, score_with=one.with_it, score_without=one.without)
    for theme in found:
        made.themes.add(words=theme.words, count=theme.count, score=theme.score)
    return made


def ranked(place: Place) -> rpc.RankedDealer:
    """Returns a dealer's place."""
    return rpc.RankedDealer(
        dealer_id=place.group.key,
        rank=place.rank,
        tier=place.tier,
        count=place.group.count,
        value=place.group.mean,
        fair_value=place.fair,
        low=place.low,
        high=place.high,
    )


def alarm(row: Any) -> rpc.SurveyAlarm:
    """Returns an alarm."""
    made = rpc.SurveyAlarm(
        invitation_id=str(row["invitation_id"]),
        rules=row["rules"],
        dealer_id=fields.text(row["dealer_id"]),
        about_handling=row["about_handling"],
        case_id=fields.text(row["case_id"]),
    )
    fields.set_moment(made, "raise_time", row["raise_time"])
    return made


def new_set(message: rpc.WeightSet) -> dict[str, Any]:
    """Returns the columns of a set of weights. Raises InvalidArgument."""
    factors = {one.factor: one.weight for one in message.weights}
    if len(factors) < len(message.weights):
        raise InvalidArgument(
            violations=[FieldViolation("weight_set.weights", "WEIGHT_INVALID", "A step is given twice.")]
        )
    return {
        "kind": message.kind,
        "market": message.market,
        "effective_date": fields.as_day(message, "effective_date", "weight_set.effective_date"),
        "factors": factors,
        "minimum_percent": message.minimum_percent or MINIMUM_PERCENT,
        "source": message.source.strip(),
    }


def set_message(row: Any) -> rpc.WeightSet:
    """Returns a set of weights, from a read row or the columns of a model."""
    factors = row["factors"] if isinstance(row["factors"], dict) else orjson.loads(row["factors"])
    day = row["effective_date"]
    made = rpc.WeightSet(
        weight_set_id=str(row["weight_set_id"]),
        kind=row["kind"],
        market=row["market"],
        effective_date=date_pb2.Date(year=day.year, month=day.month, day=day.day),
        minimum_percent=row["minimum_percent"],
        source=row["source"],
    )
    for factor, weight in factors.items():
        made.weights.add(factor=factor, weight=weight)
    fields.set_moment(made, "create_time", row["create_time"])
    return made
