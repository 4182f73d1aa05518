"""A call is the same whatever the order in which a telephone system tells of it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque.customer.v1 import call_service_pb2
from marque_customer.rules import calls
from marque_customer.rules.calls import Course, Told

KIND = call_service_pb2.CallEventKind
RING, ANSWER, PASS, END, MISS = (
    KIND.Value(f"CALL_EVENT_KIND_{name}") for name in ("RINGING", "ANSWERED", "TRANSFERRED", "ENDED", "MISSED")
)
START = datetime(2026, 5, 1, tzinfo=UTC)
ANN, BOB = uuid.UUID(int=1), uuid.UUID(int=2)
events = st.builds(
    Told,
    st.sampled_from([RING, ANSWER, PASS, END, MISS]),
    st.integers(0, 60).map(lambda second: START + timedelta(seconds=second)),
    st.sampled_from([None, ANN, BOB]),
)


def folded(told, direction=calls.INBOUND):
    course = Course(direction, told[0].moment)
    for one in told:
        course = course.after(one)
    return course


def at(kind, second, staff_id=None):
    return Told(kind, START + timedelta(seconds=second), staff_id)


class TestCourse:
    @settings(deadline=None)
    @given(
        st.lists(events, min_size=1, max_size=7).flatmap(lambda told: st.tuples(st.just(told), st.permutations(told)))
    )
    def test_is_the_same_in_any_order(self, told):
        assert folded(told[0]) == folded(told[1])

    @pytest.mark.parametrize(
        ("told", "state", "staff_id", "transfers"),
        [
            ([at(RING, 0, ANN)], calls.RINGING, ANN, 0),
            ([at(RING, 0, ANN), at(RING, 9, BOB)], calls.RINGING, BOB, 0),
            ([at(RING, 0, ANN), at(ANSWER, 5, ANN)], calls.ANSWERED, ANN, 0),
            ([at(RING, 0, ANN), at(ANSWER, 5, ANN), at(PASS, 30, BOB)], calls.ANSWERED, BOB, 1),
            ([at(RING, 0, ANN), at(ANSWER, 5, ANN), at(END, 60)], calls.ENDED, ANN, 0),
            ([at(END, 60), at(ANSWER, 5, ANN), at(RING, 0, ANN)], calls.ENDED, ANN, 0),
            ([at(RING, 0, ANN), at(MISS, 20)], calls.MISSED, ANN, 0),
            ([at(RING, 0, ANN), at(END, 20)], calls.MISSED, ANN, 0),  # some systems have no word for it
            ([at(MISS, 20), at(ANSWER, 10, BOB)], calls.ENDED, BOB, 0),  # it was answered after all
        ],
    )
    def test_stands_where_its_events_say(self, told, state, staff_id, transfers):
        course = folded(told)

        assert (course.state, course.staff_id, course.transfers) == (state, staff_id, transfers)

    def test_our_own_call_that_nobody_answers_is_not_missed(self):
        assert folded([at(RING, 0), at(END, 20)], calls.OUTBOUND).state == calls.ENDED
