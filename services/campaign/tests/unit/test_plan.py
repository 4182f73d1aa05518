"""What was planned and spent: months, sums, and what one of something cost."""

from __future__ import annotations

import random
import uuid
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import plan

AMOUNTS = st.integers(0, 10**12)
FIGURES = st.builds(plan.Figures, *([AMOUNTS] * 8))
KEYS = st.tuples(st.sampled_from(["2026-01", "2026-02"]), st.integers(0, 3), st.sampled_from(["CAMPAIGN", "FAIR"]))


class TestMonths:
    @pytest.mark.parametrize(
        ("first", "last", "months", "after"),
        [
            ("2026-01", "2026-01", 1, date(2026, 2, 1)),
            ("2026-11", "2026-12", 2, date(2027, 1, 1)),
            ("2025-12", "2026-11", 12, date(2026, 12, 1)),
            ("2024-01", "2026-12", 36, date(2027, 1, 1)),
        ],
    )
    def test_a_span_reaches_to_the_end_of_its_last_month(self, first: str, last: str, months: int, after: date) -> None:
        assert plan.months_between(first, last) == months
        assert plan.span(first, last)[1] == after

    def test_a_span_the_other_way_round_has_no_month(self) -> None:
        assert plan.months_between("2026-02", "2026-01") == 0

    @given(st.dates(date(1999, 1, 1), date(2089, 12, 31)))
    def test_a_day_lies_in_its_month_and_in_no_other(self, day: date) -> None:
        month = plan.month_of(day)
        first, after = plan.span(month, month)

        assert first <= day < after
        assert plan.month_of(first) == month != plan.month_of(after)


class TestLeads:
    """A lead came (1), went to dealers (2, 3), was taken from them (4); a republication says of it what holds after each."""

    DEALERS: tuple[uuid.UUID | None, ...] = (None, uuid.UUID(int=2), uuid.UUID(int=3), None)
    TOLD = tuple(
        {
            "lead_id": uuid.UUID(int=1),
            "dealer_id": dealer,
            "heard_version": version,
            "source": source,
            "create_time": came,
        }
        for version, dealer in enumerate(DEALERS, 1)
        for source, came in ((4, 7), *(((None, None),) if version > 1 else ()))
    )

    @given(st.lists(st.sampled_from(TOLD), min_size=1), st.randoms(use_true_random=False))
    def test_in_whatever_order_it_is_told_the_newest_says_who_has_it_and_where_it_came_from_stands(
        self, told: list[dict[str, Any]], rng: random.Random
    ) -> None:
        (found,) = plan.leads_of(told)
        newest = max(one["heard_version"] for one in told)
        known = any(one["create_time"] for one in told)
        rng.shuffle(told)

        assert plan.leads_of(told) == [found]
        assert (found["heard_version"], found["dealer_id"]) == (newest, self.DEALERS[newest - 1])
        assert (found["source"], found["create_time"]) == ((4, 7) if known else (None, None))


class TestSums:
    @given(st.lists(st.tuples(KEYS, FIGURES), max_size=20))
    def test_lines_add_up_to_the_total_and_nothing_is_lost(self, parts: list[tuple[plan.Key, plan.Figures]]) -> None:
        lines, total = plan.added_up(parts)

        assert list(lines) == sorted({key for key, _ in parts})
        assert plan.added_up(lines.items()) == (lines, total)
        assert total.spent == sum(one.spent for _, one in parts)

    def test_a_cost_needs_something_that_was_had_for_it(self) -> None:
        one = plan.Figures(spent=1000, sales=3, revenue=1500, valued=1000)

        assert (one.cost_per(one.sales), one.cost_per(0)) == (333, None)
        assert one.return_on_investment == 0.5
        assert plan.Figures(spent=1000, revenue=0).return_on_investment is None
