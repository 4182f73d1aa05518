"""The warden's notes and its clean-up."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from devstack.warden import end_groups, follow
from hypothesis import given
from hypothesis import strategies as st

GROUPS = st.integers(min_value=2, max_value=40)


class TestFollow:
    @given(st.lists(st.tuples(st.booleans(), GROUPS)))
    def test_what_was_born_and_not_reaped_is_left(self, story: list[tuple[bool, int]]) -> None:
        left: set[int] = set()
        for born, group in story:
            (left.add if born else left.discard)(group)
        assert follow([f"+{group} 9\n" if born else f"-{group}\n" for born, group in story]).keys() == left

    def test_a_torn_line_is_ignored(self) -> None:
        assert follow(["+12 9\n", "+13\n", "\n", "x\n"]) == {12: 9}


class TestEndGroups:
    def test_kills_what_ignores_the_polite_signal(self, lives: Callable[[int], bool]) -> None:
        child = subprocess.Popen(
            ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert child.stdout is not None
        child.stdout.readline()
        end_groups({child.pid: 15}, grace=0.3)
        child.wait(30)
        assert child.returncode == -9
        assert not lives(child.pid)

    def test_a_group_that_is_gone_is_no_error(self) -> None:
        child = subprocess.Popen(["true"], start_new_session=True)
        child.wait()
        end_groups({child.pid: 15}, grace=0)
