"""The way of a case: every sequence of verbs, judged by a list of what each needs, written apart from the rules."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_complaint.rules import kinds
from marque_complaint.rules.states import VERBS, Refused, Standing, after

MOVES = [verb for verb in VERBS if verb not in ("escalate", "wait", "resume", "assign", "update", "merge")]
KINDS = range(kinds.COMPLAINT, kinds.ROADSIDE + 1)
STANDINGS = st.builds(
    Standing,
    kind=st.sampled_from(KINDS),
    state=st.sampled_from(kinds.STATES),
    waiting=st.integers(0, 2),
    escalation=st.integers(0, 3),
    handled=st.booleans(),
    options_told=st.booleans(),
)


def tried(verb: str, now: Standing, **more: int) -> Standing | None:
    try:
        return after(verb, now, **more)
    except Refused:
        return None


class TestNoDeadEnd:
    @pytest.mark.parametrize(("kind", "state"), itertools.product(KINDS, kinds.STATES))
    def test_every_case_that_somebody_works_on_can_be_closed(self, kind: int, state: int) -> None:
        waiting = [Standing(kind, state, handled=True, options_told=True)]
        seen = set(waiting)
        while waiting:
            now = waiting.pop()
            for verb in MOVES:
                found = tried(verb, now)
                if found is not None and found not in seen:
                    seen.add(found)
                    waiting.append(found)

        assert kinds.CLOSED in {one.state for one in seen}

    @given(STANDINGS)
    def test_something_can_be_done_with_every_case(self, now: Standing) -> None:
        done = [
            verb for verb in VERBS if verb != "update" and tried(verb, now, waiting=3 - (now.waiting or 1)) is not None
        ]

        assert done


class TestNoSkippedGuard:
    @given(STANDINGS.filter(lambda now: now.state != kinds.RECEIVED), st.lists(st.sampled_from(MOVES), max_size=12))
    def test_no_complaint_is_resolved_without_the_customer(self, first: Standing, verbs: list[str]) -> None:
        now = Standing(kinds.COMPLAINT, kinds.RECEIVED, handled=first.handled, options_told=first.options_told)
        answered = False
        for verb in verbs:
            found = tried(verb, now)
            if found is None:
                continue
            if verb in ("accept", "decline"):
                assert now.state == kinds.PROPOSED
                answered = True
            if verb == "reopen":
                answered = False
            if found.state == kinds.RESOLVED and now.state != kinds.RESOLVED:
                assert answered
                assert now.handled
                assert now.state == kinds.ACCEPTED or now.options_told
            now = found

    @given(STANDINGS, st.sampled_from(MOVES))
    def test_nothing_is_closed_that_was_not_resolved_nor_proposed_that_nobody_looked_into(
        self, now: Standing, verb: str
    ) -> None:
        found = tried(verb, now)
        if found is not None and found.state == kinds.CLOSED:
            assert now.state == kinds.RESOLVED
        if found is not None and found.state == kinds.PROPOSED:
            assert now.state == kinds.INVESTIGATING
        if found is not None and found.state == kinds.ASSESSED and now.state != kinds.ASSESSED:
            assert now.state == kinds.ACKNOWLEDGED

    @given(STANDINGS, st.sampled_from(MOVES))
    def test_whatever_moves_a_case_ends_its_waiting(self, now: Standing, verb: str) -> None:
        found = tried(verb, now)
        if found is not None and found.state != now.state:
            assert found.waiting == kinds.NOTHING

    @given(STANDINGS, st.integers(0, 3))
    def test_a_case_goes_up_only_and_no_further_than_the_maker(self, now: Standing, step: int) -> None:
        found = tried("escalate", now, escalation=step)
        if found is not None:
            assert now.escalation < found.escalation <= kinds.MAKER
            assert now.is_open

    @given(STANDINGS)
    def test_only_what_is_not_decided_yet_goes_on_in_another_case(self, now: Standing) -> None:
        found = tried("merge", now)

        assert (found is not None) is now.is_open
        assert found is None or (found.state, found.waiting) == (kinds.CLOSED, kinds.NOTHING)
