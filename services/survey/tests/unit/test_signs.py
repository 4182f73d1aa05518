"""Signs of gaming at their boundaries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from marque_survey.rules import document, signs


def asked(ratings: int, *, matrix: int = 0, scales: tuple[int, ...] = (10,)) -> document.Document:
    questions: list[dict[str, Any]] = [
        {"code": f"q{at}", "kind": 3, "scale_min": 1, "scale_max": scales[at % len(scales)]} for at in range(ratings)
    ]
    if matrix:
        rows = [{"code": f"r{at}"} for at in range(matrix)]
        questions.append({"code": "m", "kind": 7, "scale_min": 1, "scale_max": 10, "rows": rows})
    questions.append({"code": "words", "kind": 4})
    return document.read({"questions": questions})


def same(ratings: int, number: int = 5) -> dict[str, Any]:
    return {f"q{at}": number for at in range(ratings)}


class TestStraightLine:
    @pytest.mark.parametrize(("ratings", "wanted"), [(4, []), (5, [signs.STRAIGHT_LINE])])
    def test_five_ratings_alike_are_a_line_and_four_are_not(self, ratings: int, wanted: list[str]) -> None:
        assert signs.of_response(asked(ratings), same(ratings), None) == wanted

    def test_one_other_rating_or_another_scale_is_no_line_and_rows_of_a_matrix_count(self) -> None:
        rows = {f"r{at}": 5 for at in range(4)}

        assert signs.of_response(asked(6), {**same(5), "q5": 6}, None) == []
        assert signs.of_response(asked(6, scales=(10, 5)), same(6), None) == []
        assert signs.of_response(asked(1, matrix=4), {**same(1), "m": rows}, None) == [signs.STRAIGHT_LINE]


class TestTooFast:
    @pytest.mark.parametrize(
        ("answers", "seconds", "wanted"),
        [(7, 0.1, []), (8, 7.999, [signs.TOO_FAST]), (8, 8.0, [])],
    )
    def test_eight_answers_take_eight_seconds(self, answers: int, seconds: float, wanted: list[str]) -> None:
        values = {f"q{at}": at % 10 + 1 for at in range(answers)}

        assert signs.of_response(asked(answers), values, timedelta(seconds=seconds)) == wanted

    def test_calls_are_not_measured(self) -> None:
        values = {f"q{at}": at % 10 + 1 for at in range(9)}

        assert signs.of_response(asked(9), values, None) == []


class TestText:
    def test_case_width_marks_and_spaces_do_not_hide_a_copy(self) -> None:
        told = [
            signs.text_hash(asked(0), {"words": words})
            for words in ("服务很好，下次还来！", "服务很好 下次还来", "服务 很好，下次还来。")
        ]

        assert len(set(told)) == 1
        assert told[0] != signs.text_hash(asked(0), {"words": "服务很差，下次不来！"})

    def test_short_words_are_alike_by_chance(self) -> None:
        assert signs.text_hash(asked(0), {"words": "很好！"}) == ""


class TestBurst:
    @pytest.mark.parametrize(
        ("top", "usual", "wanted"), [(7, 0, False), (8, 0, True), (8, 1152, False), (8, 1151, True), (50, 7200, False)]
    )
    def test_eight_within_an_hour_are_one_where_a_fifth_of_that_is_usual(
        self, top: int, usual: int, wanted: bool
    ) -> None:
        assert signs.is_burst(top, usual) is wanted
