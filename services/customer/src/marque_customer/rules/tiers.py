"""The tier of a customer and what to do next for them, by rules as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tradekit.money import digits

MOST_ACTIONS = 10
PROMISE_DAYS, RENEWAL_DAYS = 3, 60


class Worth(NamedTuple):
    """What a tier goes by: visits within their window, cars now, spend within its window in the smallest unit of the rules' currency."""

    visits: int
    cars: int
    spend_minor: int


def tier_of(rules: Mapping[str, Any], worth: Worth) -> tuple[str, list[dict[str, Any]]]:
    """Returns the first tier whose conditions are all reached, and what speaks for it; empty where there is none.

    A tier without any condition takes everybody who has or had a car.
    """
    spend = worth.spend_minor / 10 ** digits(rules["currency_code"])
    known = {"spend": spend, "visits": float(worth.visits), "cars": float(worth.cars)}
    for tier in rules.get("tiers", ()):
        wanted = {name: float(tier.get(f"min_{name}", 0)) for name in known}
        if all(known[name] >= least for name, least in wanted.items()):
            # How much was spent is commercial: the reason names the condition, not the sum.
            return tier["tier"], [
                {"code": name, "value": least if name == "spend" else known[name]}
                for name, least in wanted.items()
                if least
            ]
    return "", []


def next_actions(rules: Sequence[Mapping[str, Any]], signals: Mapping[str, float]) -> list[dict[str, Any]]:
    """Returns what to do next, in the order of the rules, each code once; a signal of which nothing is known fits no rule."""
    found: dict[str, dict[str, Any]] = {}
    for rule in rules:
        value = signals.get(rule["signal"])
        # A rule without a bound would fire for everybody: nothing at all is no reason.
        if value is not None and value > 0 and value >= float(rule.get("at_least", 0)):
            found.setdefault(rule["code"], {"code": rule["code"], "reason": {"code": rule["signal"], "value": value}})
    return list(found.values())[:MOST_ACTIONS]
