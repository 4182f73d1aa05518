"""How many messages a worker has in hand, by the speed at which they are taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules.pace import Pace

RATES = st.lists(st.tuples(st.integers(0, 500), st.floats(0, 60)), max_size=20)


class TestPace:
    def test_few_are_begun_until_it_is_known_how_fast_they_leave(self) -> None:
        pace = Pace(16, 256)

        assert pace.within(60.0) == 16
        assert pace.is_slow

    def test_faster_counts_by_halves_and_slower_at_once(self) -> None:
        pace, seen = Pace(16, 1000), []
        for taken, seconds in ((16, 0.016), (100, 0.1), (100, 2.0), (0, 10.0)):
            pace.note(taken, seconds)
            seen.append(pace.within(1.0))

        assert seen == [500, 750, 50, 16]
        assert pace.is_slow

    @given(RATES, st.floats(0, 60))
    def test_never_fewer_nor_more_than_set_nor_than_the_time_lets_pass(
        self, noted: list[tuple[int, float]], seconds: float
    ) -> None:
        pace = Pace(4, 64)
        for taken, took in noted:
            pace.note(taken, took)
        fastest = max((taken / max(took, 0.001) for taken, took in noted), default=0.0)

        assert 4 <= pace.within(seconds) <= 64
        assert pace.within(seconds) <= max(4, fastest * seconds)

    def test_a_batch_smaller_than_what_is_handed_over_at_once_is_still_sent(self) -> None:
        assert Pace(16, 4).within(1.0) == 16
