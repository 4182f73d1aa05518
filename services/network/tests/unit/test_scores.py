from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from marque_network.rules.periods import Span
from marque_network.rules.scores import LAST, MEAN, SUM, Item, earned, reached, score

YEAR = Span(2026, 0, 0)
numbers = st.floats(-1e6, 1e6)


@st.composite
def items(draw: st.DrawFn) -> Item:
    floor, goal = draw(numbers), draw(numbers)
    assume(abs(goal - floor) > 1e-3)
    return Item(draw(st.text("abc", min_size=1, max_size=3)), draw(st.floats(0.01, 100)), floor, goal, SUM)


models = st.lists(items(), min_size=1, max_size=6, unique_by=lambda item: item.kpi_code)


class TestScore:
    @given(models, st.data())
    def test_it_lies_between_the_worst_and_the_best_part(self, model: list[Item], data: st.DataObject) -> None:
        values = {item.kpi_code: {YEAR: data.draw(numbers)} for item in model if data.draw(st.booleans())}
        found = score(model, YEAR, values, needed_coverage=1e-9)
        parts = [part.score for part in found.parts if part.reached is not None]
        if not parts:
            assert found.score is None
        else:
            assert found.score is not None
            assert min(parts) - 1e-6 <= found.score <= max(parts) + 1e-6
        known = sum(item.weight for item in model if item.kpi_code in values)
        assert found.coverage == pytest.approx(known / sum(item.weight for item in model))

    @given(models)
    def test_goals_earn_all_and_floors_nothing(self, model: list[Item]) -> None:
        for wanted, name in ((100.0, "goal"), (0.0, "floor")):
            values = {item.kpi_code: {YEAR: getattr(item, name)} for item in model}
            assert score(model, YEAR, values).score == pytest.approx(wanted, abs=1e-6)

    @given(models, st.floats(0.1, 50))
    def test_only_the_proportion_of_weights_counts(self, model: list[Item], factor: float) -> None:
        values = {item.kpi_code: {YEAR: (item.floor + item.goal) / 3} for item in model}
        scaled = [Item(i.kpi_code, i.weight * factor, i.floor, i.goal, i.summary) for i in model]
        assert score(model, YEAR, values).score == pytest.approx(score(scaled, YEAR, values).score)

    @pytest.mark.parametrize(
        ("needed", "given_weight", "is_scored"), [(0.0, 50, True), (0.0, 49, False), (0.3, 30, True)]
    )
    def test_too_little_gives_no_score(self, needed: float, given_weight: int, is_scored: bool) -> None:
        model = [Item("a", given_weight, 0, 1, SUM), Item("b", 100 - given_weight, 0, 1, SUM)]
        assert (score(model, YEAR, {"a": {YEAR: 1.0}}, needed).score is not None) is is_scored

    @pytest.mark.parametrize(("value", "points"), [(50, 0), (60, 0), (0, 100), (-5, 100), (25, 50)])
    def test_less_is_better_where_the_goal_lies_below_the_floor(self, value: float, points: float) -> None:
        assert earned(Item("complaints", 1, 50, 0, SUM), value) == points


class TestReached:
    MONTHS = ((1, 10.0), (2, 20.0), (12, 60.0))

    @pytest.mark.parametrize(("summary", "value"), [(SUM, 90.0), (MEAN, 30.0), (LAST, 60.0)])
    def test_a_year_is_made_of_the_months_that_are_known(self, summary: int, value: float) -> None:
        values = {Span(2026, 0, month): found for month, found in self.MONTHS}
        found = reached(YEAR, summary, values)
        assert found is not None
        assert (found.value, found.months) == (value, 3)

    def test_a_value_of_its_own_goes_before_its_months(self) -> None:
        values = {Span(2026, 0, 1): 1.0, Span(2026, 1, 0): 5.0}
        found = reached(Span(2026, 1, 0), SUM, values)
        assert found is not None
        assert (found.value, found.months) == (5.0, 0)
        assert reached(Span(2026, 2, 0), SUM, values) is None
