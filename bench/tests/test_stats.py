"""Percentiles and medians: the figures that everything else is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import median, percentile

values = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)
shares = st.floats(0, 1)


class TestPercentile:
    @pytest.mark.parametrize(
        ("ordered", "share", "expected"),
        [
            ([7.0], 0.0, 7.0),
            ([7.0], 1.0, 7.0),
            ([1.0, 2.0], 0.5, 1.0),
            ([1.0, 2.0], 0.51, 2.0),
            (list(range(1, 101)), 0.99, 99),
            (list(range(1, 101)), 0.999, 100),
            (list(range(1, 1001)), 0.5, 500),
        ],
    )
    def test_is_the_nearest_rank(self, ordered: list[float], share: float, expected: float) -> None:
        assert percentile(ordered, share) == expected

    @given(values, shares)
    def test_at_least_the_share_of_values_does_not_exceed_it(self, found: list[float], share: float) -> None:
        ordered = sorted(found)
        mark = percentile(ordered, share)
        assert mark in ordered
        assert sum(one <= mark for one in ordered) >= share * len(ordered) - 1e-9

    @given(values, shares, shares)
    def test_grows_with_the_share(self, found: list[float], one: float, other: float) -> None:
        ordered = sorted(found)
        assert percentile(ordered, min(one, other)) <= percentile(ordered, max(one, other))

    def test_no_values_are_refused(self) -> None:
        with pytest.raises(ValueError, match="no values"):
            percentile([], 0.5)

    @pytest.mark.parametrize("share", [-0.01, 1.01, 50])
    def test_a_share_that_is_none_is_refused(self, share: float) -> None:
        with pytest.raises(ValueError, match="share"):
            percentile([1.0], share)


class TestMedian:
    @given(values)
    def test_as_many_values_lie_below_as_above(self, found: list[float]) -> None:
        middle = median(found)
        assert sum(one <= middle for one in found) * 2 >= len(found)
        assert sum(one >= middle for one in found) * 2 >= len(found)

    def test_of_an_even_count_is_the_mean_of_the_two_in_the_middle(self) -> None:
        assert median([4.0, 1.0, 3.0, 2.0]) == 2.5

    def test_no_values_are_refused(self) -> None:
        with pytest.raises(ValueError, match="no values"):
            median([])
