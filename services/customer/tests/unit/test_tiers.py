"""Tiers and next actions by rules as data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules.tiers import MOST_ACTIONS, Worth, next_actions, tier_of

RULES = {
    "currency_code": "CNY",
    "tiers": [
        {"tier": "GOLD", "min_spend": "300000", "min_cars": 1},
        {"tier": "SILVER", "min_visits": 4},
        {"tier": "MEMBER", "min_cars": 1},
    ],
}


class TestTier:
    @pytest.mark.parametrize(
        ("worth", "wanted"),
        [
            (Worth(0, 0, 0), ""),
            (Worth(0, 1, 0), "MEMBER"),
            (Worth(3, 1, 29_999_999), "MEMBER"),
            (Worth(4, 0, 0), "SILVER"),
            (Worth(0, 1, 30_000_000), "GOLD"),
            (Worth(0, 0, 30_000_000), ""),
        ],
    )
    def test_first_tier_whose_conditions_are_all_reached_holds(self, worth, wanted):
        assert tier_of(RULES, worth)[0] == wanted

    def test_reasons_name_what_the_tier_asks_and_never_the_sum_spent(self):
        assert tier_of(RULES, Worth(9, 2, 31_234_567))[1] == [
            {"code": "spend", "value": 300000.0},
            {"code": "cars", "value": 2.0},
        ]

    def test_currency_without_cents_is_counted_in_whole_units(self):
        yen = {"currency_code": "JPY", "tiers": [{"tier": "GOLD", "min_spend": "100"}]}
        assert [tier_of(yen, Worth(0, 0, spend))[0] for spend in (99, 100)] == ["", "GOLD"]

    @given(*(st.integers(0, 10) for _ in range(2)), st.integers(0, 10**9), st.integers(0, 10**9))
    def test_who_spends_more_is_in_no_worse_tier(self, visits, cars, spend, more):
        order = ["GOLD", "SILVER", "MEMBER", ""]
        before, after = (tier_of(RULES, Worth(visits, cars, sum_))[0] for sum_ in (spend, spend + more))
        assert order.index(after) <= order.index(before)


class TestNextActions:
    def test_rules_give_the_order_and_unknown_or_empty_signals_give_nothing(self):
        rules = [
            {"code": "A", "signal": "unheard"},
            {"code": "B", "signal": "leads_open", "at_least": 2},
            {"code": "C", "signal": "at_risk"},
            {"code": "C", "signal": "lost"},
        ]
        found = next_actions(rules, {"leads_open": 2, "at_risk": 1, "lost": 1})
        assert [(one["code"], one["reason"]["code"]) for one in found] == [("B", "leads_open"), ("C", "at_risk")]
        assert next_actions(rules, {"leads_open": 1, "at_risk": 0}) == []

    def test_no_more_than_ten_are_shown(self):
        rules = [{"code": f"R{number}", "signal": "cars"} for number in range(20)]
        assert len(next_actions(rules, {"cars": 1})) == MOST_ACTIONS
