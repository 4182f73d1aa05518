"""Scores by hand, for every published set of weights; rankings that are fair."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_survey.rules import kinds, ranking, scores
from marque_survey.rules.document import read
from marque_survey.rules.scores import NO_SET, Weights

CN = Weights("cn", "CSI", "CN", {"QUALITY": 24, "FACILITY": 21, "PICKUP": 21, "ADVISOR": 18, "INITIATION": 17})
IN = Weights("in", "CSI", "CN", {"QUALITY": 43, "PICKUP": 17, "ADVISOR": 14, "FACILITY": 14, "INITIATION": 11})
STEPS = tuple(CN.factors)


def rating(code: str, low: int, high: int, **more: Any) -> dict[str, Any]:
    return {"code": code, "kind": 3, "texts": {"en": code}, "scale_min": low, "scale_max": high, **more}


DOCUMENT = read(
    {
        "languages": ["en"], "titles": {"en": "T"}, "index": "CSI", "market": "CN",
        "questions": [
            rating("nps", 0, 10, measure=1),
            rating("effort", 1, 7, measure=3),
            {"code": "glad", "kind": 1, "texts": {"en": "g"}, "measure": 2, "options": [
                {"code": f"o{score}", "texts": {"en": "o"}, "score": score} for score in range(1, 6)]},
            *(rating(step.lower(), 1, 10, factor=step) for step in STEPS),
            rating("quality_too", 1, 5, factor="QUALITY", show_if="answers.quality <= 3"),
        ],
    }
)  # fmt: skip


def number(value: int) -> dict[str, int]:
    return {"number": value}


class TestMeasures:
    @pytest.mark.parametrize(("value", "score"), [(0, -100), (6, -100), (7, 0), (8, 0), (9, 100), (10, 100)])
    def test_promoters_begin_at_nine_and_detractors_end_at_six(self, value: int, score: float) -> None:
        assert scores.scores(DOCUMENT, {"nps": number(value)}, []) == {(kinds.NPS, NO_SET): score}

    @pytest.mark.parametrize(("choice", "score"), [("o1", 0), ("o3", 0), ("o4", 100), ("o5", 100)])
    def test_the_two_best_answers_are_satisfied(self, choice: str, score: float) -> None:
        assert scores.scores(DOCUMENT, {"glad": {"choices": [choice]}}, []) == {(kinds.CSAT, NO_SET): score}


class TestIndex:
    @pytest.mark.parametrize(("value", "index"), [(1, 0.0), (10, 1000.0)])
    def test_all_best_is_a_thousand_and_all_worst_is_none_though_the_weights_sum_to_101(
        self, value: int, index: float
    ) -> None:
        answers = {step.lower(): number(value) for step in STEPS} | {"quality_too": number(1)}
        assert sum(CN.factors.values()) == 101
        assert scores.scores(DOCUMENT, answers, [CN])[kinds.INDEX, "cn"] == index

    def test_what_was_not_answered_does_not_count_and_too_little_gives_none(self) -> None:
        half = {"quality": number(10), "facility": number(1), "pickup": number(10)}  # 66 of 101
        little = {"quality": number(10), "facility": number(1)}  # 45 of 101
        assert scores.scores(DOCUMENT, half, [CN]) == {(kinds.INDEX, "cn"): pytest.approx(1000 * 45 / 66, abs=1e-6)}
        assert scores.scores(DOCUMENT, little, [CN]) == {}

    def test_weights_of_another_index_or_market_give_none(self) -> None:
        answers = {step.lower(): number(5) for step in STEPS}
        others = [Weights("x", "SSI", "CN", CN.factors), Weights("y", "CSI", "US", CN.factors)]
        assert scores.scores(DOCUMENT, answers, others) == {}

    @settings(max_examples=50)
    @given(st.dictionaries(st.sampled_from(STEPS), st.integers(1, 10)), st.integers(1, 5) | st.none())
    def test_the_index_is_the_weighted_mean_of_the_steps_on_a_thousand_points(
        self, told: dict[str, int], again: int | None
    ) -> None:
        answers = {step.lower(): number(value) for step, value in told.items()}
        shares = {step: [(value - 1) / 9] for step, value in told.items()}
        if again is not None:
            answers["quality_too"] = number(again)  # shown after a bad quality alone
            if told.get("QUALITY", 10) <= 3:
                shares["QUALITY"].append((again - 1) / 4)
        for weights in (CN, IN):
            weight = sum(weights.factors[step] for step in shares)
            found = scores.scores(DOCUMENT, answers, [weights]).get((kinds.INDEX, weights.weight_set_id))
            if weight * 2 < sum(weights.factors.values()) or not weight:
                assert found is None
            else:
                total = sum(weights.factors[step] * sum(values) / len(values) for step, values in shares.items())
                assert found == pytest.approx(1000 * total / weight, abs=1e-5)


_groups = st.lists(
    st.tuples(st.integers(1, 200), st.floats(0, 1000), st.floats(1, 10_000)), min_size=1, max_size=12
).map(lambda rows: [ranking.Group(f"d{at:02}", *row) for at, row in enumerate(rows)])


class TestRanking:
    @settings(max_examples=50)
    @given(_groups)
    def test_who_has_few_is_not_ranked_and_the_others_in_order_between_their_mean_and_that_of_all(
        self, groups: list[ranking.Group]
    ) -> None:
        places = ranking.rank(groups)
        ranked = [place for place in places if place.rank]
        total = sum(place.group.count for place in ranked)
        middle = sum(place.group.count * place.group.mean for place in ranked) / total if total else 0

        assert {place.group.key for place in ranked} == {one.key for one in groups if one.count >= ranking.FEW}
        assert [place.fair for place in ranked] == sorted((place.fair for place in ranked), reverse=True)
        assert [place.tier for place in ranked] == sorted(place.tier for place in ranked)
        for place in ranked:
            low, high = sorted((place.group.mean, middle))
            assert low - 1e-6 <= place.fair <= high + 1e-6
            assert place.low <= place.fair <= place.high

    def test_ten_lucky_answers_do_not_beat_five_hundred_good_ones(self) -> None:
        small = ranking.Group("small", 10, 100.0, 900.0)
        large = ranking.Group("large", 500, 90.0, 2500.0)
        rest = [ranking.Group(f"r{at}", 300, 60.0 + at, 3600.0) for at in range(8)]

        places = {place.group.key: place for place in ranking.rank([small, large, *rest])}
        assert places["large"].rank == 1
        assert places["small"].fair < places["small"].group.mean

    def test_dealers_that_cannot_be_told_apart_share_the_first_tier(self) -> None:
        same = [ranking.Group(f"d{at}", 20, 70.0 + at / 10, 900.0) for at in range(5)]
        apart = [ranking.Group("far", 400, 20.0, 900.0), ranking.Group("top", 400, 95.0, 100.0)]

        assert {place.tier for place in ranking.rank(same)} == {1}
        assert {place.group.key: place.tier for place in ranking.rank(apart)} == {"top": 1, "far": 2}
