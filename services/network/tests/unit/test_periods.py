from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_network.rules.periods import Span, read

spans = st.builds(Span, st.integers(2000, 2099), st.just(0), st.integers(0, 12)) | st.builds(
    Span, st.integers(2000, 2099), st.integers(1, 4), st.just(0)
)


class TestPeriods:
    @given(spans)
    def test_a_period_is_read_as_it_is_written(self, span: Span) -> None:
        assert read(str(span)) == span
        assert span.is_valid

    @pytest.mark.parametrize(
        "text", ["", "26", "2026-0", "2026-13", "2026-Q5", "2026-1", "1999", "2026-05-01", "２０２６"]
    )
    def test_another_text_is_none(self, text: str) -> None:
        assert read(text) is None

    def test_quarters_are_three_months_and_years_twelve(self) -> None:
        assert [month for quarter in range(1, 5) for month in Span(2026, quarter, 0).months] == list(range(1, 13))
        assert list(Span(2026, 0, 0).months) == list(range(1, 13))
        assert list(Span(2026, 0, 7).months) == [7]

    @pytest.mark.parametrize("span", [Span(2026, 1, 1), Span(1999, 0, 0), Span(2026, 5, 0), Span(2026, 0, 13)])
    def test_what_is_no_period_is_not_valid(self, span: Span) -> None:
        assert not span.is_valid
