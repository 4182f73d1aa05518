"""The sliding minute that requests are counted in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from marque_gateway.window import WINDOW_SECONDS, SlidingWindow


class TestSlidingWindow:
    def test_admits_up_to_the_limit_and_says_what_is_left(self) -> None:
        window = SlidingWindow(3)

        found = [window.hit("a", 600.0 + step) for step in range(5)]

        assert [(admitted, remaining) for admitted, remaining, _ in found] == [
            (True, 2), (True, 1), (True, 0), (False, 0), (False, 0),
        ]  # fmt: skip
        assert [seconds for _, _, seconds in found] == [60, 59, 58, 57, 56]

    def test_keys_are_counted_apart(self) -> None:
        window = SlidingWindow(1)

        assert [window.hit(key, 600.0)[0] for key in ("a", "b", "a")] == [True, True, False]

    def test_the_last_window_counts_by_the_share_that_still_reaches_into_this_one(self) -> None:
        window = SlidingWindow(10)
        for _ in range(10):
            window.hit("a", 600.0)

        assert window.hit("a", 660.0)[0] is False
        assert window.hit("a", 690.0)[:2] == (True, 4)
        assert window.hit("a", 780.0)[:2] == (True, 9), "two windows later nothing is remembered"

    @given(st.lists(st.floats(0, 40), min_size=1, max_size=200), st.integers(1, 20))
    def test_never_admits_more_than_the_limit_in_one_window(self, steps: list[float], limit: int) -> None:
        window, now, admitted = SlidingWindow(limit), 0.0, {}
        for step in steps:
            now += step
            if window.hit("a", now)[0]:
                number = int(now // WINDOW_SECONDS)
                admitted[number] = admitted.get(number, 0) + 1

        assert all(count <= limit for count in admitted.values())

    def test_forgets_callers_of_two_windows_ago(self) -> None:
        window = SlidingWindow(5)
        for number in range(1000):
            window.hit(f"caller-{number}", 600.0)
        for number in (660.0, 720.0):
            window.hit("now", number)

        assert len(window._counts) + len(window._before) == 2
