"""The parts of a short size together are the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from servicekit.testing.sizes import part


class TestPart:
    @given(st.lists(st.integers(), unique=True, max_size=30), st.integers(1, 9))
    def test_as_many_turns_as_parts_miss_nothing_and_none_is_empty(self, of: list[int], one_in: int) -> None:
        parts = [part(of, one_in, turn) for turn in range(one_in)]

        assert {one for chosen in parts for one in chosen} == set(of)
        assert all(parts) or not of
