"""Whether complaints rise: how often the test cries without a cause, how soon it sees one, and what it is given."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_complaint.rules import rising

OFTEN = 0.05  # a rate at which few runs show whether it is kept
RUNS = 100


def ever(told: list[int], sizes: list[float], weigh: Callable[..., rising.Rise | None]) -> bool:
    """Whether a series is signalled when it is looked at each month."""
    for month in range(2, len(told) + 1):
        rise = weigh(told[:month], sizes[:month])
        if rise is not None and rise.stands_out(OFTEN):
            return True
    return False


def most_allowed(runs: int, rate: float) -> float:
    """Four standard deviations above the mean: a right test passes it all but never."""
    return runs * rate + 4 * math.sqrt(runs * rate * (1 - rate))


class TestFalseAlarms:
    @pytest.mark.parametrize("level", [0.4, 3.0, 40.0])
    def test_cars_whose_rate_does_not_change_are_signalled_no_more_often_than_stated(self, level: float) -> None:
        draw = np.random.default_rng(int(level * 10))
        cars = np.linspace(1_000, 9_000, rising.MONTHS)  # the fleet grows, and the complaints with it
        alarms = sum(
            ever(draw.poisson(level * cars / cars.mean()).tolist(), cars.tolist(), rising.by_rate) for _ in range(RUNS)
        )
        assert alarms <= most_allowed(RUNS, OFTEN)

    @pytest.mark.parametrize("share", [0.03, 0.5])
    def test_a_share_that_does_not_change_is_signalled_no_more_often_than_stated(self, share: float) -> None:
        draw = np.random.default_rng(int(share * 100))
        alarms = 0
        for _ in range(RUNS):
            totals = draw.poisson(np.linspace(5, 60, rising.MONTHS))  # all complaints rise: the share does not
            alarms += ever(draw.binomial(totals, share).tolist(), totals.tolist(), rising.by_share)
        assert alarms <= most_allowed(RUNS, OFTEN)


class TestRises:
    def test_a_threefold_rate_is_signalled_within_nine_months_and_its_month_found(self) -> None:
        draw = np.random.default_rng(5)
        cars, begin = [5_000.0] * 33, 24
        found, months = 0, []
        for _ in range(40):
            told = [*draw.poisson(4.0, begin).tolist(), *draw.poisson(12.0, 9).tolist()]
            rise = rising.by_rate(told, cars)
            assert rise is not None
            found += rise.stands_out()
            months.append(rise.month)
        assert found >= 38
        assert abs(float(np.median(months)) - begin) <= 1

    def test_a_share_that_triples_is_signalled(self) -> None:
        rise = rising.by_share([2] * 18 + [7] * 6, [30] * 24)
        assert rise is not None
        assert rise.stands_out()
        assert (rise.month, rise.before_count, rise.after_count) == (18, 36, 42)
        assert rise.after_level == pytest.approx(7 / 30)

    def test_a_fall_is_never_signalled(self) -> None:
        rise = rising.by_rate([30] * 12 + [1] * 12, [1_000.0] * 24)
        assert rise is not None
        assert not rise.stands_out(0.5)

    def test_two_cases_after_silence_are_no_signal(self) -> None:
        rise = rising.by_rate([0] * 40 + [2], [1e6] * 41)
        assert rise is not None
        assert not rise.stands_out(0.9)


class TestInput:
    @settings(max_examples=40)
    @given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=2, max_size=rising.MONTHS))
    def test_whatever_the_numbers_the_answer_is_a_number(self, months: list[tuple[int, int]]) -> None:
        told, rest = [one for one, _ in months], [other for _, other in months]
        rise = rising.by_share(told, [one + other for one, other in months])
        assert (rise is None) == (sum(told) == 0)
        if rise is not None:
            assert math.isfinite(rise.log_evidence)
            assert rise.before_count + rise.after_count == sum(told)
        if sum(rest) and (rated := rising.by_rate(told, rest)) is not None:
            assert math.isfinite(rated.log_evidence)

    @settings(max_examples=25)
    @given(st.lists(st.integers(0, 30), min_size=2, max_size=20), st.integers(1, 9))
    def test_months_without_any_complaint_about_the_car_change_no_share(self, told: list[int], times: int) -> None:
        totals = [3 * one + 1 for one in told]
        plain, longer = (
            rising.by_share(told, totals),
            rising.by_share([*told, *[0] * times], [*totals, *[0] * times]),
        )
        if plain is None or longer is None:
            assert plain is longer
        else:
            assert longer.log_evidence == pytest.approx(plain.log_evidence, abs=1e-9)

    def test_series_of_two_lengths_are_refused(self) -> None:
        with pytest.raises(ValueError, match="same months"):
            rising.by_rate([1, 2], [1.0])
