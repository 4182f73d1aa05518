"""Whether visits of one car fit each other and its sale: the boundaries by table, what must always hold by properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_vehicle.rules import stays
from marque_vehicle.rules.stays import Stay

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=30)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
hours = st.integers(-400, 400).map(lambda count: NOON + count * HOUR)
spans = st.tuples(st.sampled_from("AB"), hours, st.none() | st.integers(0, 300)).map(
    lambda one: Stay(one[0], one[1], None if one[2] is None else one[1] + one[2] * HOUR)
)


def stay(dealer: str, begin: float, end: float | None) -> Stay:
    """A stay by hours since noon."""
    return Stay(dealer, NOON + begin * HOUR, None if end is None else NOON + end * HOUR)


class TestCollide:
    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            (stay("A", 0, None), stay("B", 0, None), True),  # checked in at two stations
            (stay("A", 0, None), stay("B", 700, None), True),
            (stay("A", 0, None), stay("A", 0, None), False),  # one order for each who pays
            (stay("A", 0, 100), stay("B", 100, 120), False),
            (stay("A", 0, 100), stay("B", 76, 120), False),  # the paper was ended a day late
            (stay("A", 0, 100), stay("B", 75.99, 120), True),
            (stay("A", 0, 100), stay("B", 10, 34), False),
            (stay("A", 0, 100), stay("B", 10, 34.01), True),
            (stay("A", 0, 100), stay("B", 76, None), False),
            (stay("A", 0, 100), stay("B", 75.99, None), True),
            (stay("A", 0, None), stay("B", -50, 24), False),
            (stay("A", 0, None), stay("B", -50, 24.01), True),
            (stay("A", 0, 0), stay("B", -50, 50), False),
        ],
    )
    def test_other_stations_may_lap_by_a_day_once_one_of_them_is_over(
        self, one: Stay, other: Stay, expected: bool
    ) -> None:
        assert stays.collide(one, other, NOW) is expected
        assert stays.collide(other, one, NOW) is expected

    @given(spans, spans)
    def test_what_collides_lies_at_two_stations_at_one_time_whichever_is_asked_first(
        self, one: Stay, other: Stay
    ) -> None:
        found = stays.collide(one, other, NOW)
        assert found == stays.collide(other, one, NOW)
        if found:
            assert one.dealer != other.dealer
            assert max(one.opened, other.opened) < min(
                one.closed or datetime.max.replace(tzinfo=UTC), other.closed or NOW
            )


class TestBeforeSale:
    @pytest.mark.parametrize(
        ("early", "pay_type", "expected"),
        [
            (stays.LAP, 1, False),
            (stays.LAP + SECOND, 1, True),
            (stays.LAP + SECOND, 2, True),
            (stays.LAP + SECOND, 3, False),  # a recall reaches cars in stock
            (stays.LAP + SECOND, 4, True),
            (stays.LAP + SECOND, 5, False),  # made ready by the dealer
            (stays.LAP + SECOND, 6, True),
            (-SECOND, 1, False),
        ],
    )
    def test_only_an_owners_work_waits_for_the_sale(self, early: timedelta, pay_type: int, expected: bool) -> None:
        lines = [{"pay_type": 5}, {"pay_type": pay_type}]
        assert stays.before_sale(NOON - early, NOON, lines) is expected

    def test_nothing_is_said_of_a_car_whose_sale_nobody_knows(self) -> None:
        assert not stays.before_sale(NOON, None, [{"pay_type": 1}])
        assert not stays.before_sale(NOON - 9 * stays.LAP, NOON, [])
