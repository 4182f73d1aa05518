"""Shares and their intervals are those that their authors published."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradekit import shares


class TestWilson:
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3: score without correction.
    @pytest.mark.parametrize(
        ("part", "whole", "low", "high"),
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_it_is_as_published(self, part: int, whole: int, low: float, high: float) -> None:
        found = shares.wilson(part, whole)

        assert (round(found.low, 4), round(found.high, 4)) == (low, high)

    def test_of_nobody_nothing_is_known(self) -> None:
        assert shares.wilson(0, 0) == shares.Interval(0.0, 0.0, 1.0)


class TestDifference:
    # Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
    @pytest.mark.parametrize(
        ("one", "other", "low", "high"),
        [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((6, 7), (2, 7), 0.0582, 0.8062),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((0, 10), (0, 20), -0.1611, 0.2775),
            ((10, 10), (0, 20), 0.6791, 1.0),
        ],
    )
    def test_it_is_as_published(self, one: tuple[int, int], other: tuple[int, int], low: float, high: float) -> None:
        found = shares.difference(*one, *other)

        assert found.value == pytest.approx(one[0] / one[1] - other[0] / other[1])
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)

    @given(st.data())
    def test_it_holds_its_value_and_turns_round_with_its_sides(self, data: st.DataObject) -> None:
        whole, others = (data.draw(st.integers(1, 5000)) for _ in range(2))
        part, other = data.draw(st.integers(0, whole)), data.draw(st.integers(0, others))
        found, turned = shares.difference(part, whole, other, others), shares.difference(other, others, part, whole)

        assert -1 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1
        assert (turned.low, turned.high) == (pytest.approx(-found.high), pytest.approx(-found.low))
