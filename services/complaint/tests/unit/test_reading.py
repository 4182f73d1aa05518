"""Texts of import rows, VINs as they are told, tracking codes, search documents, signs of danger."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_complaint.rules import documents, safety, tracking, vins
from marque_complaint.rules.reading import Texts
from tradekit import search


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "found"),
        [("2024-04-29", date(2024, 4, 29)), ("20240429", date(2024, 4, 29)), ("", None), ("2024-02-30", None)],
    )
    def test_a_day_is_read_in_both_writings(self, text: str, found: date | None) -> None:
        texts = Texts()

        assert texts.day("receive_date", text) == found
        assert bool(texts.violations) == (text == "2024-02-30")

    @pytest.mark.parametrize(
        ("text", "found", "wrong"), [("2019.0", 2019, 0), ("9999", 0, 0), ("", 0, 0), ("1,000", 0, 1), ("99", 0, 1)]
    )
    def test_a_year_is_read_as_spreadsheets_and_authorities_write_it(self, text: str, found: int, wrong: int) -> None:
        texts = Texts()

        assert (texts.year("model_year", text), len(texts.violations)) == (found, wrong)

    @given(st.text(max_size=20))
    def test_whatever_stands_there_is_read_or_named_and_never_repeated(self, text: str) -> None:
        texts = Texts()
        texts.day("a", text)
        texts.number("b", text, 100)
        texts.year("c", text)
        texts.mark("d", text)
        said = " ".join(one.description for one in texts.violations)

        assert {one.field for one in texts.violations} <= {"a", "b", "c", "d"}
        assert len(text.strip()) < 12 or text not in said


class TestVins:
    @pytest.mark.parametrize(
        ("typed", "kept", "problem"),
        [
            ("1m8gdm9a-xkp042788", "1M8GDM9AXKP042788", ""),
            ("1M8GDM9A0KP042788", "1M8GDM9A0KP042788", "VIN_CHECK_DIGIT"),
            ("1FTEW1E40KK", "1FTEW1E40KK", "VIN_LENGTH"),
            ("", "", ""),
        ],
    )
    def test_it_is_kept_as_told_and_what_is_wrong_is_said(self, typed: str, kept: str, problem: str) -> None:
        assert vins.tidy(typed) == kept
        assert vins.problem(kept) == problem


class TestTrackingCodes:
    def test_a_code_is_found_again_however_it_is_typed(self) -> None:
        code = tracking.new_code()

        assert tracking.tidy(f" {code[:5].lower()}-{code[5:]} ") == code
        assert len({tracking.new_code() for _ in range(1000)}) == 1000


class TestDocuments:
    @given(
        st.lists(
            st.sampled_from(["变速箱顿挫刹车异响发动机漏油", "brake", "noise", "12", "4096", "ab"]),
            min_size=1,
            max_size=6,
        )
    )
    def test_every_word_that_was_told_finds_the_case(self, words: list[str]) -> None:
        text, tokens = documents.build([" ".join(words)], vin="", codes=())
        for word in words:
            asked = search.query(word)
            assert set(asked.tokens) <= set(tokens), word
            assert all(pattern.strip("%") in text for pattern in asked.patterns), word


class TestSafety:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("The engine caught fire on the highway.", ["FIRE"]),
            ("There was no fire and nobody was injured.", []),
            ("THE BRAKES DID NOT WORK AND I CRASHED.", ["CRASH", "BRAKES"]),
            ("车辆行驶中突然自燃", ["FIRE"]),
            ("没有起火", []),
            ("高速上刹車失靈", ["BRAKES"]),
            ("方向盘锁死，撞上护栏，人员受伤", ["CRASH", "INJURY", "STEERING"]),
            ("The radio shows a wrong time.", []),
            ("座椅皮质有味道", []),
        ],
    )
    def test_words_that_mean_danger_are_signs_unless_they_are_denied(self, text: str, found: list[str]) -> None:
        assert safety.signs([text]) == found

    def test_marks_count_without_words(self) -> None:
        assert safety.signs([""], fire=True, deaths=1) == ["FIRE", "INJURY"]

    @given(st.text(max_size=300))
    def test_no_text_breaks_it(self, text: str) -> None:
        assert safety.signs([text]) == safety.signs([text])

    def test_a_long_text_without_an_end_is_read_in_time(self) -> None:
        for piece in ("brakes ", "door driving ", "no ", "刹车", "fire department is not "):
            safety.signs([piece * 4000])
