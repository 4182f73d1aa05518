"""How a response scores. A pure function of the document, the answers and the weights, so that it can be computed again for any weights.

NPS: 100 for 9 and 10, -100 for 0 to 6, else 0; its mean is the net promoter score. CSAT: 100 for one of the two best answers, else 0. CES:
the rating. Index: 1000 × Σ wᵢ (mᵢ - min)/(max - min) ÷ Σ wᵢ over the steps that were answered; where less of all weight was answered than
the set asks for, there is none. Several questions of one measure, or of one step, count by their mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from marque_survey.rules import flow, kinds
from marque_survey.rules.document import Document, Question

NO_SET = "00000000-0000-0000-0000-000000000000"
MINIMUM_PERCENT = 50
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Weights:
    """A set of weights."""

    weight_set_id: str
    kind: str
    market: str
    factors: Mapping[str, int]
    minimum_percent: int = MINIMUM_PERCENT


def scores(document: Document, answers: flow.Answers, sets: Iterable[Weights]) -> dict[tuple[int, str], float]:
    """Returns (measure, weight set) → value of what was answered; the set is NO_SET but for an index."""
    values = flow.counted(document, answers)
    found: dict[tuple[int, str], float] = {}
    for measure, score in ((kinds.NPS, _nps), (kinds.CSAT, _csat), (kinds.CES, _ces)):
        told = [
            one
            for question in document.questions
            if question.measure == measure and question.code in values
            if (one := score(question, values[question.code])) is not None
        ]
        if told:
            found[measure, NO_SET] = round(fmean(told), _DECIMALS)
    for weights in sets:
        if (index := _index(document, values, weights)) is not None:
            found[kinds.INDEX, weights.weight_set_id] = index
    return found


def _nps(question: Question, value: Any) -> float | None:
    return 100.0 if value >= 9 else -100.0 if value <= 6 else 0.0


def _csat(question: Question, value: Any) -> float | None:
    number = _number(question, value)
    if number is None:
        return None
    best = sorted(_numbers(question))[-2:]
    return 100.0 if number in best else 0.0


def _ces(question: Question, value: Any) -> float | None:
    return float(value)


def _numbers(question: Question) -> set[int]:
    if question.kind == kinds.RATING:
        return set(range(question.scale[0], question.scale[1] + 1))
    return {option.score for option in question.options if option.score}


def _number(question: Question, value: Any) -> int | None:
    """What an answer counts on its scale; None for a choice that counts nothing."""
    if question.kind == kinds.RATING:
        return int(value)
    return next((option.score for option in question.options if option.code == value and option.score), None)


def _share(question: Question, value: Any) -> float | None:
    """How far up its scale an answer is, 0 to 1."""
    number, scale = _number(question, value), _numbers(question)
    if number is None:
        return None
    return (number - min(scale)) / (max(scale) - min(scale))


def _index(document: Document, values: Mapping[str, Any], weights: Weights) -> float | None:
    if (weights.kind, weights.market) != (document.index, document.market):
        return None
    told = {factor: share for factor, share in steps(document, values).items() if factor in weights.factors}
    answered = sum(weights.factors[factor] for factor in told)
    if not answered or answered * 100 < weights.minimum_percent * sum(weights.factors.values()):
        return None
    total = sum(weights.factors[factor] * share for factor, share in sorted(told.items()))
    return round(1000 * total / answered, _DECIMALS)


def steps(document: Document, values: Mapping[str, Any]) -> dict[str, float]:
    """Returns how far up its scale each step was rated, 0 to 1: the mean of its questions that were answered."""
    found: dict[str, list[float]] = {}
    for question in document.questions:
        asked = question.factor and question.code in values
        if asked and (share := _share(question, values[question.code])) is not None:
            found.setdefault(question.factor, []).append(share)
    return {factor: fmean(shares) for factor, shares in found.items()}
