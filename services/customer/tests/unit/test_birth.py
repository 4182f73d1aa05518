"""Days of birth as numbers."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules import birth

TODAY = date(2026, 5, 1)


class TestNumber:
    @given(st.dates(date(1900, 1, 1), TODAY))
    def test_round_trip(self, day):
        made = birth.number(day.year, day.month, day.day, TODAY)
        assert birth.parts(made) == (day.year, day.month, day.day)
        assert birth.from_text(day.isoformat(), TODAY) == made

    @pytest.mark.parametrize(
        ("parts", "good"),
        [
            ((0, 2, 29), True),
            ((0, 2, 30), False),
            ((2001, 2, 29), False),
            ((1899, 12, 31), False),
            ((1900, 1, 1), True),
            ((2026, 5, 1), True),
            ((2026, 5, 2), False),
            ((2000, 0, 0), False),
        ],
    )
    def test_boundaries(self, parts, good):
        if good:
            assert birth.parts(birth.number(*parts, TODAY)) == parts
        else:
            with pytest.raises(ValueError):
                birth.number(*parts, TODAY)

    @pytest.mark.parametrize("text", ["", "2001", "2001-1-1", "--2-29", "x-01-01", "2001-02-29", "0000-00-00"])
    def test_other_texts_are_refused(self, text):
        with pytest.raises(ValueError):
            birth.from_text(text, TODAY)

    def test_birthday_without_a_year(self):
        assert birth.parts(birth.from_text("--02-29", TODAY)) == (0, 2, 29)
