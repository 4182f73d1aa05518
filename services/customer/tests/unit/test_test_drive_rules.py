"""When a demo car can be driven: only in the dealer's hours, never with somebody else, over days of other lengths too."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.errors import showroom as errors
from marque_customer.models import DemoCar, TestDrive
from marque_customer.rules import test_drives as rules
from tradekit.clock import Shift, WorkCalendar

HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
CAR = uuid.UUID(int=1)


def calendar(zone: str = "UTC", *shifts: str) -> WorkCalendar:
    """Open every day in these shifts."""
    day = tuple(Shift.parse(one) for one in shifts or ("09:00-12:00",))
    return WorkCalendar(zone, dict.fromkeys(range(7), day))


class TestOpen:
    @pytest.mark.parametrize(
        ("hour", "length", "is_open"),
        [
            (9.0, 1.0, True),
            (11.0, 1.0, True),
            (11.0, 1.01, False),
            (8.99, 1.0, False),
            (12.0, 1.0, False),
            (9.0, 3.0, True),
        ],
    )
    def test_a_drive_lies_wholly_in_one_stretch_of_open_hours(self, hour: float, length: float, is_open: bool) -> None:
        start = MONDAY + hour * HOUR
        assert rules.is_open_for(calendar(), start, start + length * HOUR) is is_open

    def test_a_break_at_noon_divides_the_day_and_shifts_that_touch_are_one(self) -> None:
        noon = MONDAY + 11.5 * HOUR
        assert not rules.is_open_for(calendar("UTC", "09:00-12:00", "13:00-18:00"), noon, noon + HOUR)
        assert rules.is_open_for(calendar("UTC", "09:00-12:00", "12:00-18:00"), noon, noon + HOUR)

    def test_a_local_day_is_23_or_25_hours_long_where_clocks_change(self) -> None:
        begin, end = rules.days_of("Europe/Berlin", date(2026, 3, 29), 1)
        assert end.astimezone(UTC) - begin.astimezone(UTC) == 23 * HOUR
        begin, end = rules.days_of("Europe/Berlin", date(2026, 10, 25), 1)
        assert end.astimezone(UTC) - begin.astimezone(UTC) == 25 * HOUR


_SPAN = st.tuples(st.integers(0, 47), st.integers(1, 6)).map(
    lambda one: (MONDAY + one[0] * HOUR / 2, MONDAY + (one[0] + one[1]) * HOUR / 2)
)


class TestSlots:
    @given(st.lists(_SPAN, max_size=6), st.integers(1, 6), st.integers(0, 24))
    def test_every_slot_is_open_free_and_to_come_and_none_is_left_out(
        self, busy: list[rules.Span], halves: int, hour: int
    ) -> None:
        length, soonest = halves * HOUR / 2, MONDAY + hour * HOUR
        opens, closes = MONDAY + 9 * HOUR, MONDAY + 12 * HOUR
        found = list(rules.slots([(opens, closes)], {CAR: busy}, length, soonest))

        wanted = [
            (CAR, start, start + length)
            for index in range(6)
            if (start := opens + index * rules.STEP) + length <= closes
            and start >= soonest
            and not any(since < start + length and start < until for since, until in busy)
        ]
        assert found == wanted


def drive(state: int = TestDrive.BOOKED) -> TestDrive:
    return TestDrive(state=state, start_time=MONDAY, end_time=MONDAY + HOUR, moves=0, outcome=0, note="")


class TestVerbs:
    @pytest.mark.parametrize("state", [TestDrive.DONE, TestDrive.NO_SHOW, TestDrive.CANCELLED])
    def test_what_is_over_stays_so(self, state: int) -> None:
        for verb in (
            lambda one: one.confirm(),
            lambda one: one.cancel("No"),
            lambda one: one.miss(MONDAY + HOUR),
            lambda one: one.complete(1, "", MONDAY + HOUR),
            lambda one: one.check_licence(None, MONDAY),
            lambda one: one.move(DemoCar(demo_car_id=CAR, vin="V"), MONDAY, MONDAY + HOUR, 1),
        ):
            with pytest.raises(errors.TestDriveOver):
                verb(drive(state))

    def test_nobody_drives_unseen_or_before_the_time(self) -> None:
        one = drive()
        with pytest.raises(errors.TestDriveToCome):
            one.complete(1, "", MONDAY - HOUR)
        with pytest.raises(errors.TestDriveToCome):
            one.miss(MONDAY - HOUR)
        with pytest.raises(errors.LicenceNotChecked):
            one.complete(1, "", MONDAY)
        assert one.check_licence(CAR, MONDAY)
        assert not one.check_licence(uuid.UUID(int=2), MONDAY + HOUR)
        one.complete(1, "Good", MONDAY)
        assert (one.state, one.licence_check_staff_id) == (TestDrive.DONE, CAR)

    def test_a_moved_drive_is_to_be_confirmed_anew(self) -> None:
        one = drive()
        one.confirm()
        with pytest.raises(errors.TestDriveConfirmed):
            one.confirm()
        assert one.move(DemoCar(demo_car_id=CAR, vin="V"), MONDAY + HOUR, MONDAY + 2 * HOUR, 4) == MONDAY
        assert (one.state, one.moves, one.calendar_version, one.vin) == (TestDrive.BOOKED, 1, 4, "V")
