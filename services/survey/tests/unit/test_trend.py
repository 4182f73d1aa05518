"""Changes are told from chance: rarely where there is none, surely where there is a large one."""

from __future__ import annotations

import random
from statistics import fmean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_survey.rules import trend
from marque_survey.rules.ranking import Group

GROUPS = st.lists(
    st.builds(Group, st.just("m"), st.integers(1, 400), st.floats(-100, 100), st.floats(0, 10_000)), max_size=30
)


def group(told: list[float]) -> Group:
    return Group("m", len(told), fmean(told), variance(told))


def months(dice: random.Random, shares: tuple[float, float], sizes: list[int], shift_at: int = 99) -> list[Group]:
    """Months of recommendations; from `shift_at` on half of the promoters are none."""
    found = []
    for at, size in enumerate(sizes):
        promoters = shares[0] / (2 if at >= shift_at else 1)
        told = [dice.random() for _ in range(size)]
        found.append(group([100.0 if one < promoters else -100.0 if one > 1 - shares[1] else 0.0 for one in told]))
    return found


class TestFalseAlarms:
    @pytest.mark.parametrize("shares", [(0.5, 0.2), (0.8, 0.05), (0.1, 0.7)], ids=["mixed", "praised", "damned"])
    def test_a_year_without_a_change_shows_one_as_rarely_as_is_said(self, shares: tuple[float, float]) -> None:
        dice = random.Random(20_261_122)
        sizes = [dice.randint(trend.LEAST, 60) for _ in range(12)]
        alarms = sum(any(step.changed for step in trend.steps(months(dice, shares, sizes))) for _ in range(300))

        assert alarms <= 300 * 2 * trend.FALSE_ALARMS  # 1 %, and what 300 years leave to chance

    def test_a_large_change_is_found_in_its_month_and_told_once(self) -> None:
        dice, found = random.Random(7), []
        for _ in range(50):
            steps = trend.steps(months(dice, (0.8, 0.05), [60] * 10, shift_at=6))
            found.append([at for at, step in enumerate(steps) if step.changed])

        assert sum(one == [6] for one in found) >= 45


class TestSteps:
    @given(groups=GROUPS)
    def test_every_group_has_a_step_and_few_responses_are_never_compared(self, groups: list[Group]) -> None:
        steps = trend.steps(groups)

        assert len(steps) == len(groups)
        for one, step in zip(groups, steps, strict=True):
            assert 0.0 <= step.p_value <= 1.0
            assert one.count >= trend.LEAST or step == trend.NOTHING
            assert not step.changed or step.p_value <= trend.FALSE_ALARMS

    def test_what_everybody_answers_alike_is_no_change_until_everybody_answers_otherwise(self) -> None:
        same, other = Group("a", 30, 100.0, 0.0), Group("b", 30, 0.0, 0.0)

        assert [step.changed for step in trend.steps([same, same, other, other])] == [False, False, True, False]

    @pytest.mark.parametrize(
        ("t", "freedom", "wanted"), [(2.228, 10, 0.05), (3.169, 10, 0.01), (2.021, 40, 0.05), (4.587, 10, 0.001)]
    )
    def test_the_tail_is_that_of_student_s_table(self, t: float, freedom: int, wanted: float) -> None:
        assert trend.p_value(t, freedom) == pytest.approx(wanted, rel=0.03)
