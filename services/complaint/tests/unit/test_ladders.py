"""Steps of ladders: at their share of the working time, whatever pauses, and never once the clock is met."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_complaint.rules import hours, ladders
from marque_complaint.rules.clocks import Entry, clocks
from marque_complaint.rules.kinds import FIRST_RESPONSE, NOTHING, PARTS, RESOLUTION
from marque_complaint.rules.policy import Line, Step
from tradekit.clock import Shift, WorkCalendar

BEGIN = datetime(2026, 3, 27, 6, 0, tzinfo=UTC)
ALWAYS = hours.maker_calendar("", {})
NIGHTS = WorkCalendar("Asia/Shanghai", {day: [Shift(9 * 60, 18 * 60)] for day in range(7)})


def dues(
    history: list[Entry], *steps: Step, calendar: WorkCalendar | None = ALWAYS
) -> dict[ladders.Key, datetime | None]:
    found = ladders.dues(steps, clocks(history, calendar), calendar)
    return {key: due for key, (_, _, due) in found.items()}


class TestDues:
    @given(st.integers(1, 1000), st.integers(1, 5000), st.integers(1, 3000), st.booleans())
    def test_a_step_is_due_at_its_share_of_the_time_and_that_of_the_whole_is_the_clock(
        self, percent: int, minutes: int, paused: int, by_day: bool
    ) -> None:
        calendar = NIGHTS if by_day else ALWAYS
        stop = BEGIN + timedelta(minutes=30)
        history = [
            Entry("RECEIVED", BEGIN, minutes=(0, 0, minutes)),
            Entry("WAITING", stop, waiting=PARTS),
            Entry("RESUMED", stop + timedelta(minutes=paused), waiting=NOTHING),
        ]
        found = dues(history, Step(RESOLUTION, percent, 1), Step(RESOLUTION, 100, 3), calendar=calendar)
        clock = clocks(history, calendar)[RESOLUTION]
        due = found[RESOLUTION, percent]

        assert found[RESOLUTION, 100] == clock.due
        assert due is not None
        assert clock.elapsed(calendar, due) == timedelta(minutes=minutes) * percent / 100

    @pytest.mark.parametrize(
        ("history", "calendar"),
        [
            ([Entry("RECEIVED", BEGIN, minutes=(60, 0, 0)), Entry("ACKNOWLEDGED", BEGIN)], ALWAYS),
            ([Entry("RECEIVED", BEGIN, minutes=(60, 0, 0))], None),
            ([Entry("RECEIVED", BEGIN, minutes=(60, 0, 0))], WorkCalendar("UTC", {})),
        ],
        ids=["met", "hours awaited", "never open"],
    )
    def test_nobody_climbs_where_the_clock_is_met_or_held(
        self, history: list[Entry], calendar: WorkCalendar | None
    ) -> None:
        assert dues(history, Step(FIRST_RESPONSE, 50, 1), calendar=calendar) == {(FIRST_RESPONSE, 50): None}

    def test_a_clock_that_is_not_promised_has_no_step(self) -> None:
        assert dues([Entry("RECEIVED", BEGIN, minutes=(60, 0, 0))], Step(RESOLUTION, 50, 1)) == {}


class TestFaults:
    def test_steps_of_clocks_without_a_promise_and_double_moments_are_named(self) -> None:
        steps = (Step(1, 50, 1), Step(1, 50, 2), Step(3, 50, 2), Step(1, 100, 3))

        assert ladders.faults(Line(minutes=(60, 0, 0), ladder=steps)) == [1, 2]
