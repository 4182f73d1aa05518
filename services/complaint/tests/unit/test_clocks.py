"""The clocks against a walk from minute to minute over random histories, calendars and promises; and their edges by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_complaint.rules import clocks as rules
from marque_complaint.rules.clocks import AWAITED, NEVER_OPENS, Entry, clocks
from marque_complaint.rules.kinds import CLOCKS, CUSTOMER, FIRST_RESPONSE, NEXT_UPDATE, NOTHING, PARTS, RESOLUTION
from tradekit.clock import Shift, WorkCalendar, is_open

MINUTE = timedelta(minutes=1)
BEGIN = datetime(2026, 3, 27, 6, 0, tzinfo=UTC)  # a Friday before the clocks of Europe go forward
WALK = 2 * 24 * 60
ACTIONS = (
    "ACKNOWLEDGED", "UPDATED", "PROPOSED", "ACCEPTED", "DECLINED", "RESOLVED", "REOPENED", "WAITING", "RESUMED", "ASSESSED", "MOVED",
)  # fmt: skip


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar:
    zone = draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai", "Asia/Kathmandu"]))
    week: dict[int, Sequence[Shift]] = {}
    for day in range(7):
        edges = sorted(draw(st.lists(st.integers(0, 1440), max_size=4, unique=True)))
        week[day] = [Shift(*pair) for pair in zip(edges[::2], edges[1::2], strict=False)]
    return WorkCalendar(zone, week)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """What was done, several things in one minute too; a waiting goes on until something ends it, as verbs do."""
    minutes = st.tuples(*[st.integers(0, 900)] * 3)
    found = [Entry("RECEIVED", BEGIN, minutes=draw(minutes))]
    waiting, at = NOTHING, BEGIN
    for action in draw(st.lists(st.sampled_from(ACTIONS), max_size=9)):
        at += MINUTE * draw(st.integers(0, 700))
        if action == "WAITING":
            waiting = draw(st.sampled_from([CUSTOMER, PARTS]))
        elif action not in ("UPDATED", "ASSESSED", "MOVED"):
            waiting = NOTHING
        told = draw(minutes) if action in ("ASSESSED", "MOVED") else None
        found.append(Entry(action, at, waiting, told))
    return found


class Walker:
    """One clock, minute by minute: written from the words of the contract, without a look at stretches."""

    def __init__(self, kind: int, history: list[Entry], calendar: WorkCalendar) -> None:
        self.kind, self.calendar = kind, calendar
        self.target = next(entry.minutes for entry in reversed(history) if entry.minutes is not None)[kind - 1]
        self.by_minute: dict[int, list[Entry]] = {}
        for entry in history:
            self.by_minute.setdefault((entry.at - BEGIN) // MINUTE, []).append(entry)
        self.last = max(self.by_minute)
        self.start: datetime | None = None
        self.met: datetime | None = None
        self.due: datetime | None = None
        self.stopped = False
        self.elapsed = 0

    def walk(self) -> None:
        for minute in range(self.last + WALK):
            now = BEGIN + MINUTE * minute
            for entry in self.by_minute.get(minute, ()):
                self._take(entry, now)
            running = self.start is not None and self.met is None and not self.stopped
            if running and is_open(self.calendar, now):
                self.elapsed += 1
                if self.elapsed == self.target and self.due is None:
                    self.due = now + MINUTE

    def _take(self, entry: Entry, now: datetime) -> None:
        word = entry.action in ("ACKNOWLEDGED", "UPDATED", "PROPOSED", "ACCEPTED", "DECLINED")
        running = self.start is not None and self.met is None
        ends = {
            FIRST_RESPONSE: entry.action in ("ACKNOWLEDGED", "UPDATED", "RESOLVED"),
            NEXT_UPDATE: word or entry.action == "RESOLVED",
            RESOLUTION: entry.action == "RESOLVED",
        }[self.kind]
        begins = {
            FIRST_RESPONSE: entry.action == "RECEIVED",
            NEXT_UPDATE: word or entry.action == "REOPENED",
            RESOLUTION: entry.action in ("RECEIVED", "REOPENED"),
        }[self.kind]
        stoppers = {FIRST_RESPONSE: (), NEXT_UPDATE: (CUSTOMER,), RESOLUTION: (CUSTOMER, PARTS)}[self.kind]
        self.stopped = entry.waiting in stoppers
        if running and ends:
            self.met = now
        if begins:
            self.start, self.met, self.due, self.elapsed = now, None, None, 0


class TestAgainstAWalkFromMinuteToMinute:
    @given(histories(), calendars())
    @settings(max_examples=40, deadline=None)
    def test_due_elapsed_and_met_agree(self, history: list[Entry], calendar: WorkCalendar) -> None:
        end = history[-1].at + MINUTE * WALK
        found = clocks(history, calendar)
        for kind in CLOCKS:
            walker = Walker(kind, history, calendar)
            walker.walk()
            if walker.start is None or not walker.target:
                assert kind not in found
                continue
            clock = found[kind]
            assert (clock.start, clock.met) == (walker.start, walker.met)
            assert clock.elapsed(calendar, end) == MINUTE * walker.elapsed
            if walker.due is not None:
                assert clock.due == walker.due
            elif clock.due is not None:
                assert clock.due > end  # the walk ended before

    @given(histories(), calendars(), st.integers(0, 12))
    @settings(max_examples=30, deadline=None)
    def test_what_says_nothing_to_clocks_changes_nothing(
        self, history: list[Entry], calendar: WorkCalendar, place: int
    ) -> None:
        spot = min(place, len(history) - 1)
        noise = Entry("ASSIGNED", history[spot].at, history[spot].waiting)
        loud = [*history[: spot + 1], noise, *history[spot + 1 :]]

        assert "ASSIGNED" not in rules.MEANINGFUL
        assert clocks(loud, calendar) == clocks(history, calendar)


OFFICE = WorkCalendar("UTC", dict.fromkeys(range(5), (Shift(9 * 60, 17 * 60),)))
FRIDAY = datetime(2026, 3, 27, 16, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
PROMISE = (60, 120, 480)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


class TestEdges:
    def test_a_clock_stands_still_over_night_and_weekend(self) -> None:
        found = clocks([Entry("RECEIVED", FRIDAY, minutes=PROMISE)], OFFICE)

        assert found[FIRST_RESPONSE].due == FRIDAY + hours(1)
        assert found[RESOLUTION].due == MONDAY + hours(7)
        assert NEXT_UPDATE not in found

    def test_a_pause_across_the_night_costs_working_time_only(self) -> None:
        history = [
            Entry("RECEIVED", FRIDAY, minutes=PROMISE),
            Entry("WAITING", FRIDAY + hours(0.5), PARTS),
            Entry("RESUMED", MONDAY + hours(1)),
        ]

        assert clocks(history, OFFICE)[RESOLUTION].due == MONDAY + hours(8) + hours(0.5) + timedelta(hours=16)

    def test_pause_and_resolve_in_one_save_leave_no_time_between(self) -> None:
        save = FRIDAY + hours(0.5)
        history = [Entry("RECEIVED", FRIDAY, minutes=PROMISE), Entry("WAITING", save, PARTS), Entry("RESOLVED", save)]
        found = clocks(history, OFFICE)[RESOLUTION]

        assert (found.met, found.paused, found.elapsed(OFFICE, MONDAY)) == (save, False, hours(0.5))

    def test_waiting_for_parts_lets_the_promise_to_tell_run_on(self) -> None:
        history = [
            Entry("RECEIVED", FRIDAY, minutes=PROMISE),
            Entry("ACKNOWLEDGED", FRIDAY),
            Entry("WAITING", FRIDAY, PARTS),
        ]
        found = clocks(history, OFFICE)

        assert found[NEXT_UPDATE].due == MONDAY + hours(1)
        assert (found[RESOLUTION].due, found[RESOLUTION].paused) == (None, True)

    def test_a_promise_that_changes_counts_from_the_beginning(self) -> None:
        history = [
            Entry("RECEIVED", MONDAY, minutes=(60, 120, 480)),
            Entry("ASSESSED", MONDAY + hours(2), minutes=(60, 120, 60)),
        ]

        assert clocks(history, OFFICE)[RESOLUTION].due == MONDAY + hours(1)

    def test_a_reopened_case_gets_its_whole_time_again(self) -> None:
        history = [
            Entry("RECEIVED", MONDAY, minutes=PROMISE),
            Entry("RESOLVED", MONDAY + hours(1)),
            Entry("REOPENED", MONDAY + hours(2)),
        ]
        found = clocks(history, OFFICE)

        assert found[RESOLUTION].due == MONDAY + timedelta(days=1) + hours(2)
        assert found[FIRST_RESPONSE].met == MONDAY + hours(1)

    def test_a_calendar_that_never_opens_holds_the_clock_and_says_so(self) -> None:
        found = clocks([Entry("RECEIVED", MONDAY, minutes=PROMISE)], WorkCalendar("UTC", {}))

        assert {(one.due, one.held) for one in found.values()} == {(None, NEVER_OPENS)}

    def test_without_a_calendar_clocks_are_held(self) -> None:
        found = clocks([Entry("RECEIVED", MONDAY, minutes=PROMISE)], None)

        assert {(one.due, one.held) for one in found.values()} == {(None, AWAITED)}

    def test_a_host_whose_clock_stepped_back_takes_no_time_away(self) -> None:
        history = [
            Entry("RECEIVED", MONDAY + hours(1), minutes=PROMISE),
            Entry("ACKNOWLEDGED", MONDAY),
            Entry("WAITING", MONDAY - hours(1), CUSTOMER),
        ]
        found = clocks(history, OFFICE)

        assert found[FIRST_RESPONSE].met == MONDAY + hours(1)
        assert found[RESOLUTION].elapsed(OFFICE, MONDAY + hours(4)) == timedelta()

    @pytest.mark.parametrize(("offset", "late"), [(-1, False), (0, True), (1, True)])
    def test_it_is_late_from_its_moment_on(self, offset: int, late: bool) -> None:
        clock = clocks([Entry("RECEIVED", MONDAY, minutes=PROMISE)], OFFICE)[FIRST_RESPONSE]

        assert clock.is_late(MONDAY + hours(1) + timedelta(microseconds=offset)) is late
