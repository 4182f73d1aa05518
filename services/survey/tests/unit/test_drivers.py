"""What would move an index: arithmetic that adds up, and a regression that finds what was put in."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_survey.rules import document, drivers, scores
from marque_survey.rules.drivers import Fit, Rated
from marque_survey.rules.scores import Weights

STEPS = ["ADVISOR", "FACILITY", "QUALITY"]
WEIGHTS = st.dictionaries(st.sampled_from(STEPS), st.integers(1, 100), min_size=1)
SHARE = st.floats(0, 1)


class TestGain:
    @given(weights=WEIGHTS, data=st.data())
    def test_an_index_at_the_benchmarks_is_the_index_and_all_gains(
        self, weights: dict[str, int], data: st.DataObject
    ) -> None:
        rated = {name: Rated(20, data.draw(SHARE), data.draw(SHARE)) for name in weights}
        found = drivers.drivers(weights, rated, Fit())
        there = {name: max(one.mean, one.benchmark or 0.0) for name, one in rated.items()}
        total = sum(weights.values())
        now = sum(1000 * weights[name] * rated[name].mean for name in weights) / total
        then = sum(1000 * weights[name] * there[name] for name in weights) / total

        assert now + sum(one.gain for one in found) == pytest.approx(then)
        assert [one.gain for one in found] == sorted((one.gain for one in found), reverse=True)

    def test_without_dealers_to_compare_with_nothing_is_promised(self) -> None:
        (one,) = drivers.drivers({"ADVISOR": 10}, {"ADVISOR": Rated(3, 0.5, None)}, Fit())

        assert (one.gain, one.importance.value) == (0.0, 0.0)

    def test_the_steps_are_those_that_the_index_is_made_of(self) -> None:
        asked = [
            {"code": f"q{at}", "kind": 3, "scale_min": 1, "scale_max": 10, "factor": name}
            for at, name in enumerate(STEPS)
        ]
        read = document.read({"questions": asked, "index": "CSI", "market": "CN"})
        values = {"q0": 10, "q1": 1, "q2": 4}
        weights = Weights("s", "CSI", "CN", {"ADVISOR": 1, "FACILITY": 1, "QUALITY": 2})
        given_ = {code: {"number": number} for code, number in values.items()}
        index = scores.scores(read, given_, [weights])[4, "s"]
        steps = scores.steps(read, values)

        assert steps == {"ADVISOR": 1.0, "FACILITY": 0.0, "QUALITY": pytest.approx(1 / 3)}
        assert index == pytest.approx(1000 * (1.0 + 0.0 + 2 / 3) / 4)


class TestFit:
    def test_the_step_that_recommendation_was_made_from_comes_first_with_an_interval_that_leaves_nothing_out(
        self,
    ) -> None:
        dice = random.Random(5)
        rows = []
        for _ in range(400):
            shares = {name: dice.random() for name in STEPS}
            rows.append((shares, 100 * shares["QUALITY"] + 30 * shares["ADVISOR"] + dice.gauss(0, 15)))
        fit = drivers.fit(rows, STEPS)
        told = fit.importance or {}

        assert (fit.count, fit.explained > 0.7) == (400, True)
        assert told["QUALITY"].low > told["ADVISOR"].high > told["ADVISOR"].low > 0
        assert told["FACILITY"].low < 0 < told["FACILITY"].high

    @given(rows=st.lists(st.tuples(st.fixed_dictionaries(dict.fromkeys(STEPS, SHARE)), st.sampled_from([-100.0, 0.0, 100.0])),
                         max_size=60))  # fmt: skip
    def test_whatever_was_answered_gives_numbers_and_few_responses_none(
        self, rows: list[tuple[dict[str, float], float]]
    ) -> None:
        fit = drivers.fit(rows, STEPS)

        assert 0.0 <= fit.explained <= 1.0
        assert (fit.count == 0) == (len(rows) < drivers.LEAST_ROWS)
        for one in (fit.importance or {}).values():
            assert one.low <= one.value <= one.high

    def test_steps_that_everybody_rates_alike_or_that_always_go_together_do_not_break_it(self) -> None:
        dice = random.Random(9)
        rows = []
        for _ in range(100):
            share = dice.random()
            rows.append(({"ADVISOR": share, "FACILITY": share, "QUALITY": 1.0}, 100 * share))
        fit = drivers.fit(rows, STEPS)
        told = fit.importance or {}

        assert told["ADVISOR"].value == pytest.approx(told["FACILITY"].value) == pytest.approx(0.5)
        assert (told["QUALITY"].value, fit.explained) == (0.0, pytest.approx(1.0))
