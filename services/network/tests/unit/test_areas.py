from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_network.rules import areas

edges = st.integers(-80, 80)


def box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north]]


@st.composite
def boxes(draw: st.DrawFn) -> tuple[int, int, int, int]:
    west, east = sorted(draw(st.lists(edges, min_size=2, max_size=2, unique=True)))
    south, north = sorted(draw(st.lists(edges, min_size=2, max_size=2, unique=True)))
    return west, south, east, north


class TestAreas:
    @given(boxes(), boxes())
    def test_boxes_overlap_where_both_spans_do(
        self, one: tuple[int, int, int, int], other: tuple[int, int, int, int]
    ) -> None:
        expected = one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
        assert areas.overlap([box(*one)], [box(*other)]) is expected
        assert areas.overlap([box(*other)], [box(*one)]) is expected

    @given(boxes(), edges, edges)
    def test_a_point_on_the_edge_is_held(self, one: tuple[int, int, int, int], longitude: int, latitude: int) -> None:
        expected = one[0] <= longitude <= one[2] and one[1] <= latitude <= one[3]
        assert areas.holds([box(*one)], latitude, longitude) is expected

    @given(boxes())
    def test_the_box_around_it_is_the_box_and_nothing_is_wrong(self, one: tuple[int, int, int, int]) -> None:
        found = areas.bounds([box(*one)])
        assert (found.west, found.south, found.east, found.north) == one
        assert areas.fault([box(*one)]) == ""

    def test_a_hole_holds_nothing_and_makes_it_smaller(self) -> None:
        whole, holed = [box(0, 0, 10, 10)], [box(0, 0, 10, 10), box(4, 4, 6, 6)]
        assert areas.holds(whole, 5, 5)
        assert not areas.holds(holed, 5, 5)
        assert areas.size(holed) < areas.size(whole)

    def test_a_degree_at_the_equator_is_about_twelve_thousand_square_kilometres(self) -> None:
        assert areas.size([box(0, -0.5, 1, 0.5)]) == pytest.approx(12_364, rel=0.001)
        assert areas.size([box(0, 59.5, 1, 60.5)]) == pytest.approx(6_182, rel=0.001)

    @pytest.mark.parametrize(
        "rings",
        [
            [[[0, 0], [1, 1], [0, 0]]],
            [[[0, 0], [2, 2], [2, 0], [0, 2]]],
            [box(0, 0, 10, 10), box(20, 20, 21, 21)],
            [box(-179, 0, 179, 1)],
            [[[0, 0], [1, 0], [2, 0]]],
            [[[0, 0], [200, 0], [0, 1]]],
            [[[0, 0], [1, 91], [0, 1]]],
        ],
    )
    def test_what_is_no_area_is_told(self, rings: list[list[list[float]]]) -> None:
        assert areas.fault(rings)
