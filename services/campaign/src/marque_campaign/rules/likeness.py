"""What is known of people by which those who responded are told from those who did not, and the model that was learned of it. Pure.

Each thing that is known is cut into bands (a number up to some ends, one of some words, anything else, not known), and each band has a
weight: how much likelier a response is there, as a difference of log odds. The sum of weights says how alike somebody is. So what was
learned can be read, and the database can rank everybody by it. Names, addresses and free text are never among it.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

NUMBER, WORD = "number", "word"
FEWEST = 30
"""With fewer who responded, or who did not, nothing is said."""
FEWEST_TOLD = 10
"""A band with fewer people is not shown: it would tell about somebody."""
CHANCE = 0.5


class TooFew(Exception):
    """Of too few people is it known whether they respond: `responders` of `people`."""

    def __init__(self, responders: int, people: int) -> None:
        super().__init__(f"{responders} of {people}")
        self.responders, self.people = responders, people


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that is known of people, and what it is called."""

    name: str
    kind: str
    english: str
    chinese: str


FEATURES: tuple[Feature, ...] = (
    Feature("kind", WORD, "Kind of customer", "客户类型"),
    Feature("language", WORD, "Language", "语言"),
    Feature("market", WORD, "Country", "国家"),
    Feature("interests", NUMBER, "Number of interests", "兴趣数量"),
    Feature("visits", NUMBER, "Workshop visits", "进厂次数"),
    Feature("visit_days", NUMBER, "Days since the last visit", "距上次进厂天数"),
    Feature("purchases", NUMBER, "Cars bought", "购车次数"),
    Feature("purchase_days", NUMBER, "Days since the last purchase", "距上次购车天数"),
    Feature("score", NUMBER, "Last survey score", "最近调查得分"),
    Feature("cars", NUMBER, "Cars owned", "拥有车辆数"),
    Feature("car_days", NUMBER, "Days since the newest car was sold", "最新车辆售出天数"),
    Feature("electric", WORD, "Drives an electric car", "拥有电动车"),
)


@dataclass(frozen=True, slots=True)
class Band:
    """A part of what can be known: `above` < number ≤ `upto` (None: no end), a `word`, `other` words, or not known (`unknown`).

    `count` people were in it when it was learned, of whom `responders` responded.
    """

    weight: float
    count: int
    responders: int
    above: float | None = None
    upto: float | None = None
    word: str | None = None
    other: bool = False
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Learned:
    """The bands of one feature, and by how much the ranking of people not learned from (AUC) is worse without it."""

    name: str
    kind: str
    bands: tuple[Band, ...]
    importance: float

    def band_of(self, value: Any) -> Band | None:
        """Returns the band of a value; None where nobody was in such a one."""
        rest = None
        for one in self.bands:
            if one.unknown:
                if value is None:
                    return one
            elif value is None:
                continue
            elif one.other:
                rest = one
            elif self.kind == WORD:
                if one.word == value:
                    return one
            elif one.upto is None or value <= one.upto:  # bands of numbers stand in their order
                return one
        return None if value is None else rest


@dataclass(frozen=True, slots=True)
class Bin:
    """Calibration: of `count` people to whom about `expected` was given, `observed` responded."""

    expected: float
    observed: float
    count: int


@dataclass(frozen=True, slots=True)
class Model:
    """What was learned. `bias` is the log odds of somebody whose bands weigh nothing; `auc` was measured on people not learned from."""

    bias: float
    features: tuple[Learned, ...]
    responders: int
    people: int
    auc: float
    auc_low: float
    auc_high: float
    bins: tuple[Bin, ...]

    @property
    def says_something(self) -> bool:
        """Whether it ranks people better than chance, as far as can be told."""
        return self.auc_low > CHANCE

    def score(self, values: Mapping[str, Any]) -> float:
        """Returns the log odds of somebody."""
        found = (one.band_of(values[one.name]) for one in self.features)
        return self.bias + sum(band.weight for band in found if band is not None)

    def share(self, values: Mapping[str, Any]) -> float:
        """Returns how likely a response of somebody is."""
        return 1 / (1 + math.exp(-self.score(values)))

    def document(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Profile:
    """What was learned of a campaign, of which kind of response; `left_out`: how many it reached who are not profiled."""

    campaign_id: uuid.UUID
    kind: int
    model: Model
    left_out: int


def read(document: Mapping[str, Any]) -> Model:
    """Returns a model of its document. Raises KeyError, TypeError for any other."""
    features = (
        Learned(one["name"], one["kind"], tuple(Band(**band) for band in one["bands"]), one["importance"])
        for one in document["features"]
    )
    plain = {name: document[name] for name in ("bias", "responders", "people", "auc", "auc_low", "auc_high")}
    return Model(features=tuple(features), bins=tuple(Bin(**one) for one in document["bins"]), **plain)


def interval(auc: float, responders: int, others: int) -> tuple[float, float]:
    """Returns the interval of 95 % of an AUC (Hanley and McNeil, Radiology 143, 1982)."""
    one, two = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    spread = auc * (1 - auc) + (responders - 1) * (one - auc * auc) + (others - 1) * (two - auc * auc)
    reach = 1.96 * math.sqrt(max(spread, 0.0) / (responders * others))
    return max(0.0, auc - reach), min(1.0, auc + reach)


def enough(labels: Sequence[int]) -> None:
    """Raises TooFew where too few people responded, or too few did not."""
    responders = sum(labels)
    if min(responders, len(labels) - responders) < FEWEST:
        raise TooFew(responders, len(labels))


def telling(model: Model) -> Iterable[Learned]:
    """Returns the features, those first without which the ranking would be worst."""
    return sorted(model.features, key=lambda one: (-one.importance, one.name))
