from __future__ import annotations

from math import isclose, pi

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_network.rules.places import EARTH_METRES, box_around, distance_metres

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
reaches = st.floats(1, pi * EARTH_METRES)


class TestDistanceMetres:
    @pytest.mark.parametrize(
        ("here", "there", "metres"),
        [
            ((0, 0), (0, 0), 0.0),
            ((0, 0), (0, 180), pi * EARTH_METRES),
            ((90, 0), (-90, 77), pi * EARTH_METRES),
            ((0, 0), (0, 90), pi * EARTH_METRES / 2),
            ((0, 179.5), (0, -179.5), pi * EARTH_METRES / 180),
            # Shanghai to Beijing: 1,067 km by the published great-circle distance.
            ((31.2304, 121.4737), (39.9042, 116.4074), 1_067_000.0),
        ],
    )
    def test_known_distances_hold(self, here: tuple[float, float], there: tuple[float, float], metres: float) -> None:
        assert isclose(distance_metres(*here, *there), metres, rel_tol=0.001, abs_tol=0.01)

    @given(latitudes, longitudes, latitudes, longitudes)
    def test_both_ways_are_equally_long(self, a: float, b: float, c: float, d: float) -> None:
        assert isclose(distance_metres(a, b, c, d), distance_metres(c, d, a, b), rel_tol=1e-9, abs_tol=1e-6)


class TestBoxAround:
    @given(latitudes, longitudes, latitudes, longitudes)
    def test_it_holds_every_point_within_its_distance(self, a: float, b: float, c: float, d: float) -> None:
        assert box_around(a, b, distance_metres(a, b, c, d)).holds(c, d)

    @given(latitudes, longitudes, reaches, st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
    def test_it_holds_points_near_its_place(self, a: float, b: float, metres: float, up: float, aside: float) -> None:
        box = box_around(a, b, metres)
        c = max(-90.0, min(90.0, a + up * metres / 111_195))
        d = b + aside * metres / 111_195
        d = d - 360 if d > 180 else d + 360 if d < -180 else d
        if -180 <= d <= 180 and distance_metres(a, b, c, d) <= metres:
            assert box.holds(c, d)

    @given(latitudes, longitudes, reaches)
    def test_its_degrees_are_degrees(self, a: float, b: float, metres: float) -> None:
        box = box_around(a, b, metres)
        assert -90.1 <= box.south <= box.north <= 90.1
        assert len(box.spans) in (1, 2)
        assert all(-180.1 <= west <= 180.1 and -180.1 <= east <= 180.1 for west, east in box.spans)

    def test_a_small_box_leaves_out_the_far(self) -> None:
        box = box_around(31.0, 121.0, 10_000)
        assert not box.holds(31.2, 121.0)
        assert not box.holds(31.0, 121.2)

    def test_it_crosses_the_date_line_in_two_spans(self) -> None:
        box = box_around(0.0, 179.9, 50_000)
        assert len(box.spans) == 2
        assert box.holds(0.0, -179.9)
        assert not box.holds(0.0, 0.0)
