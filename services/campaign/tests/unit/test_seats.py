"""Seats, order and states of events, as pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import events as rules
from marque_campaign.rules import seats

START = datetime(2026, 5, 1, 6, tzinfo=UTC)
PARTIES = st.lists(st.integers(1, 6), max_size=12)


class TestMovedUp:
    @given(free=st.integers(0, 20), parties=PARTIES)
    def test_the_first_move_up_and_nobody_overtakes(self, free: int, parties: list[int]) -> None:
        found = seats.moved_up(free, enumerate(parties))

        assert found == list(range(len(found))), "somebody overtook"
        assert sum(parties[: len(found)]) <= free, "more seats than there are"
        if len(found) < len(parties):
            assert sum(parties[: len(found) + 1]) > free, "a seat stays free for whom it would do"

    @given(capacity=st.integers(1, 12), arrivals=st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=40))
    def test_over_any_life_seats_hold_and_places_go_in_the_order_of_arrival(
        self, capacity: int, arrivals: list[tuple[int, bool]]
    ) -> None:
        seated: dict[int, int] = {}
        waiting: dict[int, int] = {}
        for number, (party, leaves) in enumerate(arrivals):
            free = capacity - sum(seated.values())
            (seated if seats.has_place(party, free, len(waiting)) else waiting)[number] = party
            if leaves and seated:
                del seated[min(seated)]
                for key in seats.moved_up(capacity - sum(seated.values()), list(waiting.items())):
                    assert key == min(waiting)
                    seated[key] = waiting.pop(key)
            assert sum(seated.values()) <= capacity


class TestStates:
    @pytest.mark.parametrize(
        ("before", "after", "hours", "allowed"),
        [
            (rules.DRAFT, rules.OPEN, -1, True),
            (rules.DRAFT, rules.HELD, 1, False),
            (rules.OPEN, rules.CLOSED, -1, True),
            (rules.CLOSED, rules.OPEN, -1, True),
            (rules.OPEN, rules.HELD, -1, False),
            (rules.OPEN, rules.HELD, 0, True),
            (rules.CLOSED, rules.CALLED_OFF, 1, True),
            (rules.HELD, rules.CALLED_OFF, 1, False),
            (rules.CALLED_OFF, rules.OPEN, -1, False),
        ],
    )
    def test_an_event_goes_only_where_its_state_and_time_let_it(
        self, before: int, after: int, hours: int, allowed: bool
    ) -> None:
        now = START + timedelta(hours=hours)

        assert rules.may_follow(before, after, now=now, starts=[START]) is allowed

    @pytest.mark.parametrize(
        ("minutes", "staff", "why"),
        [
            (-24 * 60 - 1, False, rules.TOO_EARLY),
            (-24 * 60 - 1, True, ""),
            (-24 * 60, False, ""),
            (-61, False, ""),
            (-60, False, rules.OVER),
            (-1, True, ""),
            (0, True, rules.BEGUN),
            (0, False, rules.BEGUN),
        ],
    )
    def test_people_register_between_opening_and_closing_and_staff_until_it_begins(
        self, minutes: int, staff: bool, why: str
    ) -> None:
        window = rules.Window(rules.OPEN, START - timedelta(days=1), START - timedelta(hours=1), 0)

        assert rules.closed(window, START, START + timedelta(minutes=minutes), staff=staff) == why
        shut = rules.Window(rules.CLOSED, None, None, 0)
        assert rules.closed(shut, START, START - timedelta(days=1), staff=True) == rules.STATE

    @pytest.mark.parametrize(("hours", "allowed"), [(-25, True), (-24, False), (-1, False), (1, False)])
    def test_people_change_until_so_many_hours_before(self, hours: int, allowed: bool) -> None:
        window = rules.Window(rules.CLOSED, None, None, 24)

        assert rules.may_change(window, START, START + timedelta(hours=hours)) is allowed

    @pytest.mark.parametrize(
        ("before", "after", "hours", "allowed"),
        [
            (rules.CONFIRMED, rules.ATTENDED, -7, False),
            (rules.CONFIRMED, rules.ATTENDED, -6, True),
            (rules.CONFIRMED, rules.NO_SHOW, -1, False),
            (rules.CONFIRMED, rules.NO_SHOW, 0, True),
            (rules.NO_SHOW, rules.ATTENDED, 1, True),
            (rules.WAITING, rules.ATTENDED, 1, False),
            (rules.WAITING, rules.CANCELLED, -1, True),
            (rules.CANCELLED, rules.CONFIRMED, -1, False),
            (rules.ATTENDED, rules.CANCELLED, 1, False),
        ],
    )
    def test_a_registration_ends_only_as_its_state_and_time_let_it(
        self, before: int, after: int, hours: int, allowed: bool
    ) -> None:
        assert rules.may_settle(before, after, START, START + timedelta(hours=hours)) is allowed
