"""The grade of a lead: need, confidence and means in points, by rules that are data (`LeadRules` of the contract, as JSON)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NEED, CONFIDENCE, MEANS = "LEAD_FACTOR_NEED", "LEAD_FACTOR_CONFIDENCE", "LEAD_FACTOR_MEANS"
FACTORS = (NEED, CONFIDENCE, MEANS)
MOST = 100
BUY, LEASE, TEST_DRIVE = 1, 2, 5
NEW_CAR = 1


@dataclass(frozen=True, slots=True)
class Band:
    """A grade with its clock: working minutes until the person must be reached, days between contacts."""

    grade: str
    response_minutes: int
    contact_every_days: int


@dataclass(frozen=True, slots=True)
class Grade:
    """The grade of a lead, the points of each factor, and (code, points) of the rules that gave them."""

    band: Band
    need: int
    confidence: int
    means: int
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of whose lead it is."""

    has_name: bool
    has_phone: bool
    has_email: bool
    verified: bool
    owner: bool


def signals(
    *,
    interest: Mapping[str, Any],
    timeframe_days: int | None,
    budget: float | None,
    comments: str,
    source: int,
    place: Mapping[str, Any],
    person: Person,
) -> dict[str, float]:
    """Returns the signals of which something is known."""
    kind = interest.get("kind", 0)
    found: dict[str, float] = {
        "comment_length": len(comments),
        "source": source,
        "buy": kind == BUY,
        "lease": kind == LEASE,
        "test_drive": kind == TEST_DRIVE,
        "new_car": interest.get("condition", 0) == NEW_CAR,
        "phone": person.has_phone,
        "email": person.has_email,
        "verified": person.verified,
        "name": person.has_name,
        "owner": person.owner,
        "place": bool(place.get("postal_code") or place.get("latitude") is not None),
        **{name: bool(interest.get(name)) for name in ("vin", "brand", "model", "trade_in")},
    }
    if timeframe_days is not None:
        found["timeframe_days"] = timeframe_days
    if budget is not None:
        found["budget"] = budget
    return found


def grade(rules: Mapping[str, Any], known: Mapping[str, float]) -> Grade:
    """Grades by the first band whose points are reached; where none is, by the last."""
    points = dict.fromkeys(FACTORS, 0)
    reasons: list[tuple[str, int]] = []
    for rule in rules.get("grade_rules", ()):
        if _fits(rule, known.get(rule["signal"])) and (given := rule.get("points", 0)):
            points[rule["factor"]] += given
            reasons.append((rule["code"], given))
    need, confidence, means = (min(max(points[factor], 0), MOST) for factor in FACTORS)
    return Grade(_band(rules["bands"], need + confidence + means), need, confidence, means, tuple(reasons))


def band_of(rules: Mapping[str, Any], letter: str) -> Band:
    """Returns what a grade means; that of the last band where these rules know the grade no more."""
    found = next((one for one in rules["bands"] if one["grade"] == letter), rules["bands"][-1])
    return _as_band(found)


def _band(bands: Sequence[Mapping[str, Any]], total: int) -> Band:
    return _as_band(next((one for one in bands if total >= one.get("min_points", 0)), bands[-1]))


def _as_band(one: Mapping[str, Any]) -> Band:
    return Band(one["grade"], one["response_minutes"], one["contact_every_days"])


def _fits(rule: Mapping[str, Any], value: float | None) -> bool:
    if value is None:
        return False
    low, high = rule.get("at_least"), rule.get("at_most")
    return (low is None or value >= low) and (high is None or value <= high)
