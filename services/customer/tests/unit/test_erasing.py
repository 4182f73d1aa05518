"""What an erasure may leave, and when what is held is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules.erasing import LAW, Kept, is_held, retry_time

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)
HOLDS = ("RECALL_OPEN", "CASE_OPEN", "WARRANTY_OPEN", "CLAIM")
kept = st.builds(
    Kept,
    st.just("kind"),
    st.integers(1, 5),
    st.sampled_from((*LAW, *HOLDS)),
    st.none() | st.integers(-2000, 5000).map(lambda days: NOW + timedelta(days=days)),
)


class TestIsHeld:
    @pytest.mark.parametrize("reason", sorted(LAW))
    def test_duties_to_keep_hold_nothing_up(self, reason: str) -> None:
        assert not is_held([Kept("kind", 1, reason, None)])

    @pytest.mark.parametrize("reason", HOLDS)
    def test_anything_else_does(self, reason: str) -> None:
        assert is_held([Kept("kind", 1, "TAX_RECORD", None), Kept("kind", 1, reason, None)])


class TestRetryTime:
    def test_proofs_are_never_tried_again(self) -> None:
        assert (
            retry_time([Kept("kind", 1, "CONSENT_PROOF", None), Kept("kind", 1, "RIGHTS_PROOF", None)], NOW, DAY)
            is None
        )
        assert retry_time([], NOW, DAY) is None

    def test_a_known_end_is_waited_for_and_an_unknown_one_looked_at_daily(self) -> None:
        end = NOW + timedelta(days=400)

        assert retry_time([Kept("kind", 1, "TAX_RECORD", end)], NOW, DAY) == end
        assert (
            retry_time([Kept("kind", 1, "TAX_RECORD", end), Kept("kind", 1, "CASE_OPEN", None)], NOW, DAY) == NOW + DAY
        )

    @given(st.lists(kept, max_size=5))
    def test_it_is_always_later_and_no_held_thing_is_forgotten(self, found: list[Kept]) -> None:
        again = retry_time(found, NOW, DAY)

        assert again is None or again > NOW
        assert not is_held(found) or again is not None
        ends = [one.until for one in found if one.until and one.until > NOW and one.reason in HOLDS]
        assert not ends or (again is not None and again <= min(ends))
