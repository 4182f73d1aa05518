"""Articles: the version in force, the places of templates, languages."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_complaint.rules import knowledge as rules

DAYS = st.dates(date(2020, 1, 1), date(2030, 1, 1))
TEXTS = [{"language": "zh-CN", "body": "\u4f60\u597d"}, {"language": "en", "body": "hello"}]


class TestInForce:
    @pytest.mark.parametrize(
        ("day", "number"),
        [(date(2025, 12, 31), 0), (date(2026, 1, 1), 1), (date(2026, 3, 1), 3), (date(2026, 6, 1), 2)],
    )
    def test_the_latest_that_has_begun_holds(self, day: date, number: int) -> None:
        versions = [(1, date(2026, 1, 1)), (2, date(2026, 6, 1)), (3, date(2026, 3, 1))]
        assert rules.in_force(versions, day) == number

    @given(st.lists(DAYS, max_size=6), DAYS, DAYS)
    def test_what_is_written_for_later_changes_nothing_before(self, starts: list[date], later: date, day: date) -> None:
        versions = list(enumerate(starts, 1))
        if day < later:
            assert rules.in_force([*versions, (len(starts) + 1, later)], day) == rules.in_force(versions, day)


class TestTemplates:
    def test_places_are_filled_once_and_what_a_customer_wrote_opens_none(self) -> None:
        case = {
            "tracking_code": "ABC", "make": "", "model": "M", "vin": "LVSHFFAL8KS000001", "subject": "{vin_ending}",
            "receive_time": datetime(2026, 1, 2, tzinfo=UTC),
        }  # fmt: skip
        assert (
            rules.fill("{tracking_code} {make}{model} {subject} {receive_date}", case)
            == "ABC M {vin_ending} 2026-01-02"
        )

    def test_a_place_that_nothing_fills_is_named(self) -> None:
        assert rules.unknown_places("{name} {tracking_code} {__class__}") == ["__class__", "name"]


class TestTold:
    @pytest.mark.parametrize(
        ("language", "bodies"),
        [
            ("en", ["hello"]),
            ("en-GB", ["hello"]),
            ("zh", ["\u4f60\u597d"]),
            ("fr", ["\u4f60\u597d"]),
            ("", ["\u4f60\u597d", "hello"]),
        ],
    )
    def test_the_nearest_language_is_read_and_else_the_first(self, language: str, bodies: list[str]) -> None:
        assert [text["body"] for text in rules.told(TEXTS, language)] == bodies
