"""When so much fails that a campaign pauses by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules.halting import FEWEST, LOOKED_AT, NEVER_PERCENT, is_storm


class TestStorm:
    @pytest.mark.parametrize(
        ("failed", "told", "percent", "storm"),
        [
            (0, 200, 0, False),
            (49, 49, 0, False),  # of too few nothing is concluded
            (10, 50, 0, False),  # a fifth is the usual, and more than it a storm
            (11, 50, 0, True),
            (40, 200, 0, False),
            (41, 200, 0, True),
            (2, 200, 1, False),
            (3, 200, 1, True),
            (200, 200, 99, True),
        ],
    )
    def test_more_than_the_part_of_enough_is_a_storm(self, failed: int, told: int, percent: int, storm: bool) -> None:
        assert is_storm(failed, told, percent) is storm

    @given(st.integers(0, LOOKED_AT), st.integers(0, LOOKED_AT), st.integers(0, 100))
    def test_a_hundred_is_never_and_more_failures_never_calm(self, failed: int, told: int, percent: int) -> None:
        failed = min(failed, told)

        assert not is_storm(failed, told, NEVER_PERCENT)
        assert not is_storm(failed, told, percent) or is_storm(min(failed + 1, told), told, percent)
        assert told >= FEWEST or not is_storm(failed, told, percent)
