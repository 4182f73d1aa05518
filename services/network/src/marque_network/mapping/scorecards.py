"""Between rows and messages of KPIs, scorecard models, values and scores."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from marque.network.v1 import dealer_scorecard_pb2 as pb
from marque.network.v1 import dealer_scorecard_service_pb2 as service_pb
from servicekit.paging import Page, moment, page_key

from marque_network.mapping.parts import Faults, dumps, loads, number, period_message, stamp
from marque_network.rules.periods import Span
from marque_network.rules.readings import LANGUAGE
from marque_network.rules.scores import Score


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the dealers of a region or group did; the scores of those that have one."""

    code: str
    dealers: int
    scores: Sequence[float]


def kpi_values(message: pb.Kpi) -> dict[str, Any]:
    """Returns the columns of a KPI. Raises InvalidArgument."""
    faults = Faults()
    if any(not LANGUAGE.fullmatch(language) for language in message.names):
        faults.add("kpi.names", "LANGUAGE_INVALID", "Give a language tag such as zh-CN.")
    faults.check()
    return {
        "kpi_code": message.kpi_code,
        "names": dict(message.names),
        "unit": message.unit,
        "lower_is_better": message.lower_is_better,
        "summary": message.summary,
    }


def kpi_message(row: Any) -> pb.Kpi:
    """Returns the message of a KPI."""
    message = pb.Kpi(
        kpi_code=row.kpi_code,
        names=row.names,
        unit=row.unit,
        lower_is_better=row.lower_is_better,
        summary=row.summary,
    )
    found: pb.Kpi = stamp(message, row)
    return found


def kpi_page(rows: Sequence[Any], page: Page) -> service_pb.ListKpisResponse:
    """Returns the answer of a list request."""
    shown, token = page.cut(rows, lambda row: (row.kpi_code,))
    return service_pb.ListKpisResponse(kpis=[kpi_message(row) for row in shown], next_page_token=token)


def kpi_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, str)


def model_values(message: pb.ScorecardModel) -> dict[str, Any]:
    """Returns the columns of a model. Raises InvalidArgument."""
    faults = Faults()
    seen: set[str] = set()
    for index, item in enumerate(message.items):
        if item.kpi_code in seen:
            faults.add(f"model.items[{index}].kpi_code", "KPI_REPEATED", "The KPI stands there twice.")
        seen.add(item.kpi_code)
        if item.goal == item.floor:
            faults.add(f"model.items[{index}].goal", "GOAL_INVALID", "Floor and goal must differ.")
    faults.check()
    return {"year": message.year, "items": dumps(message.items), "needed_coverage": message.needed_coverage}


def model_message(row: Any) -> pb.ScorecardModel:
    """Returns the message of a model."""
    items = loads(pb.ScorecardItem, row.items)
    message = pb.ScorecardModel(year=row.year, items=items, needed_coverage=row.needed_coverage)
    found: pb.ScorecardModel = stamp(message, row)
    return found


def value_rows(values: Iterable[pb.KpiValue]) -> list[dict[str, Any]]:
    """Returns the columns of values. Raises InvalidArgument."""
    faults = Faults()
    found, seen = [], set()
    for index, one in enumerate(values):
        period = faults.period(one.period, f"values[{index}].period")
        key = (one.dealer_id.lower(), one.kpi_code, period)
        if key in seen:
            faults.add(f"values[{index}]", "VALUE_REPEATED", "Dealer, KPI and period stand there twice.")
        seen.add(key)
        found.append(
            {
                "dealer_id": uuid.UUID(one.dealer_id),
                "kpi_code": one.kpi_code,
                **period._asdict(),
                "value": one.value,
                "source": one.source,
            }
        )
    faults.check()
    return found


def value_message(row: Any) -> pb.KpiValue:
    """Returns the message of a value."""
    message = pb.KpiValue(
        dealer_id=str(row.dealer_id),
        kpi_code=row.kpi_code,
        period=period_message(row),
        value=row.value,
        source=row.source,
    )
    message.update_time.FromDatetime(row.update_time)
    return message


def value_filters(request: service_pb.ListKpiValuesRequest) -> dict[str, Any]:
    """Returns the filters that a list request sets."""
    found: dict[str, Any] = {name: getattr(request, name) for name in ("kpi_code", "year") if getattr(request, name)}
    return found | ({"dealer_id": uuid.UUID(request.dealer_id)} if request.dealer_id else {})


def value_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, moment, uuid.UUID, str, number, number, number)


def value_page(rows: Sequence[Any], page: Page) -> service_pb.ListKpiValuesResponse:
    """Returns the answer of a list request."""
    shown, token = page.cut(
        rows, lambda row: (row.update_time, str(row.dealer_id), row.kpi_code, row.year, row.quarter, row.month)
    )
    return service_pb.ListKpiValuesResponse(values=[value_message(row) for row in shown], next_page_token=token)


def score_message(dealer: Any, period: Span, score: Score) -> pb.DealerScore:
    """Returns the message of a dealer's score; `dealer` has id and codes."""
    message = pb.DealerScore(
        dealer_id=str(dealer.dealer_id),
        dealer_code=dealer.code,
        region_code=dealer.region_code,
        group_code=dealer.group_code,
        period=period_message(period),
        coverage=score.coverage,
        missing_kpi_codes=[part.item.kpi_code for part in score.parts if part.reached is None],
    )
    if score.score is not None:
        message.score = score.score
    for part in score.parts:
        item = message.items.add(kpi_code=part.item.kpi_code, weight=part.item.weight, score=part.score)
        if part.reached is not None:
            item.value, item.months = part.reached.value, part.reached.months
    return message


def score_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, str, uuid.UUID)


def score_page(rows: Sequence[tuple[Any, Score]], page: Page, period: Span) -> service_pb.ListDealerScoresResponse:
    """Returns the answer of a list request; rows are dealers with their scores."""
    shown, token = page.cut(rows, lambda row: (row[0].code, str(row[0].dealer_id)))
    scores = [score_message(dealer, period, score) for dealer, score in shown]
    return service_pb.ListDealerScoresResponse(scores=scores, next_page_token=token)


def comparison(groups: Iterable[Comparison]) -> service_pb.CompareDealerScoresResponse:
    """Returns the answer of a comparison: the best mean first, those without a score last."""
    answer = service_pb.CompareDealerScoresResponse()
    means = [(sum(one.scores) / len(one.scores) if one.scores else None, one) for one in groups]
    for mean, one in sorted(means, key=lambda pair: (pair[0] is None, -(pair[0] or 0.0), pair[1].code)):
        group = answer.groups.add(code=one.code, dealers=one.dealers, scored=len(one.scores))
        if mean is not None:
            group.mean_score, group.lowest_score, group.highest_score = mean, min(one.scores), max(one.scores)
    return answer
