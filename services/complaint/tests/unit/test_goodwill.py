"""Limits of goodwill: at, below and above, for all that is given for one case together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_complaint.rules import goodwill as rules

LIMITS = [
    {"role": "dealer.manager", "currency": "CNY", "minor": 100_000},
    {"role": "oem.agent", "currency": "CNY", "minor": 20_000},
    {"role": "oem.agent", "currency": "EUR", "minor": 3_000},
]
AMOUNTS = st.integers(1, 10**12)


class TestLimitOf:
    @pytest.mark.parametrize(
        ("roles", "currency", "limit"),
        [
            (["oem.agent"], "CNY", 20_000),
            (["oem.agent", "dealer.manager"], "CNY", 100_000),
            (["oem.agent"], "USD", 0),
            ([], "CNY", 0),
        ],
    )
    def test_the_greatest_of_a_persons_roles_holds_in_its_currency_alone(
        self, roles: list[str], currency: str, limit: int
    ) -> None:
        assert rules.limit_of(LIMITS, roles, currency) == limit


class TestDoubles:
    def test_a_second_limit_of_a_role_in_a_currency_is_found(self) -> None:
        assert rules.doubles([*LIMITS, LIMITS[0]]) == [3]
        assert rules.doubles(LIMITS) == []


class TestAsked:
    @pytest.mark.parametrize(
        ("given", "amount", "state"),
        [(0, 100, rules.APPROVED), (0, 101, rules.WAITING), (60, 40, rules.APPROVED), (60, 41, rules.WAITING)],
    )
    def test_all_that_was_given_counts(self, given: int, amount: int, state: int) -> None:
        assert rules.asked(given, amount, 100) == state

    @given(st.lists(AMOUNTS, max_size=8), st.integers(0, 10**12))
    def test_in_small_pieces_nobody_gives_more_than_their_limit(self, amounts: list[int], limit: int) -> None:
        total = 0
        for amount in amounts:
            if rules.asked(total, amount, limit) == rules.APPROVED:
                total += amount

        assert total <= limit


class TestRefusal:
    @pytest.mark.parametrize(
        ("state", "own", "approved", "amount", "limit", "reason"),
        [
            (rules.WAITING, False, True, 100, 100, ""),
            (rules.WAITING, False, True, 101, 100, "GOODWILL_LIMIT"),
            (rules.WAITING, False, False, 101, 100, ""),
            (rules.WAITING, False, False, 1, 0, "GOODWILL_LIMIT"),
            (rules.WAITING, True, True, 1, 100, "GOODWILL_OWN"),
            (rules.APPROVED, False, True, 1, 100, "GOODWILL_DECIDED"),
            (rules.DECLINED, False, False, 1, 100, "GOODWILL_DECIDED"),
        ],
    )
    def test_who_may_decide(self, state: int, own: bool, approved: bool, amount: int, limit: int, reason: str) -> None:
        assert rules.refusal(state, own=own, approved=approved, given=0, amount=amount, limit=limit) == reason
