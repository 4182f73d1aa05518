from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tradekit.clock import (
    CalendarError,
    CalendarReason,
    HolidaysUnknown,
    NeverOpen,
    Shift,
    WorkCalendar,
    add_working_time,
    is_open,
    next_opening,
    public_days,
    working_time_between,
)

MINUTE = timedelta(minutes=1)
# An instant near a change of clocks (or none) per zone; St. John's once changed at 00:01, Apia skipped a whole day.
AROUND = [
    ("Asia/Shanghai", "2026-10-01T00:00"),
    ("Asia/Kolkata", "2026-03-01T00:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Africa/Casablanca", "2026-02-15T02:00"),
    ("Africa/Casablanca", "2026-03-22T02:00"),
    ("America/St_Johns", "2010-11-07T02:31"),
    ("America/Havana", "2026-11-01T05:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),
]


@st.composite
def shifts(draw):
    edges = draw(st.lists(st.integers(0, 48), max_size=6, unique=True))
    edges = sorted(edges)[: len(edges) // 2 * 2]
    return [Shift(a * 30, b * 30) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@st.composite
def calendars(draw):
    zone, text = draw(st.sampled_from(AROUND))
    middle = datetime.fromisoformat(text).replace(tzinfo=UTC)
    days = [middle.date() + timedelta(days=n) for n in range(-2, 3)]
    calendar = WorkCalendar(
        zone,
        draw(st.dictionaries(st.integers(0, 6), shifts(), min_size=3)),
        frozenset(draw(st.sets(st.sampled_from(days), max_size=2))),
        draw(st.dictionaries(st.sampled_from(days), shifts(), max_size=2)),
    )
    start = middle + timedelta(minutes=draw(st.integers(-1500, 600)))
    return calendar, start


def open_by_the_wall(calendar, instant):
    """The rule once more, written from scratch: what the clock on the wall reads."""
    local = instant.astimezone(ZoneInfo(calendar.zone))
    day = local.date()
    if day in calendar.special_days:
        hours = calendar.special_days[day]
    elif day in calendar.holidays:
        hours = []
    else:
        hours = calendar.weekly.get(day.weekday(), [])
    minute = local.hour * 60 + local.minute
    return any(shift.start <= minute < shift.end for shift in hours)


class TestAgainstTheMinuteWalk:
    @settings(max_examples=150)
    @given(calendars(), st.integers(0, 2400))
    def test_working_time_is_the_count_of_open_minutes(self, drawn, minutes):
        calendar, start = drawn
        walk = [open_by_the_wall(calendar, start + n * MINUTE) for n in range(minutes)]
        assert working_time_between(calendar, start, start + minutes * MINUTE) == sum(walk) * MINUTE

    @settings(max_examples=150)
    @given(calendars(), st.integers(0, 600))
    def test_adding_ends_at_the_first_instant_with_enough_minutes(self, drawn, wanted):
        calendar, start = drawn
        at, left = start, wanted
        for _ in range(2400):
            if not left:
                break
            left -= open_by_the_wall(calendar, at)
            at += MINUTE
        if not left:
            assert add_working_time(calendar, start, wanted * MINUTE) == at

    @settings(max_examples=150)
    @given(calendars())
    def test_next_opening_is_the_first_open_minute(self, drawn):
        calendar, start = drawn
        walk = (start + n * MINUTE for n in range(2400))
        first = next((instant for instant in walk if open_by_the_wall(calendar, instant)), None)
        if first is not None:
            assert next_opening(calendar, start) == first
            assert is_open(calendar, first)

    @settings(max_examples=100)
    @given(
        calendars(), st.timedeltas(timedelta(0), timedelta(hours=30)), st.timedeltas(timedelta(0), timedelta(hours=40))
    )
    def test_adding_and_measuring_agree_to_the_microsecond(self, drawn, duration, span):
        calendar, start = drawn
        start += timedelta(seconds=13, microseconds=7)
        try:
            end = add_working_time(calendar, start, duration)
        except NeverOpen:
            return
        assert working_time_between(calendar, start, end) == duration
        middle = start + span
        whole = working_time_between(calendar, start, middle + span)
        parts = working_time_between(calendar, start, middle) + working_time_between(calendar, middle, middle + span)
        assert whole == parts


def at(text, zone="Asia/Shanghai"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.fixture(scope="module")
def station():
    day = [Shift.parse("08:30-12:00"), Shift.parse("13:00-17:30")]
    return WorkCalendar("Asia/Shanghai", dict.fromkeys(range(5), day))


class TestStation:
    @pytest.mark.parametrize(
        ("text", "hours", "until"),
        [
            ("2026-11-20T08:30", 3.5, "2026-11-20T12:00"),
            ("2026-11-20T11:30", 1, "2026-11-20T13:30"),
            ("2026-11-20T17:00", 1, "2026-11-23T09:00"),
            ("2026-11-21T10:00", 8, "2026-11-23T17:30"),
            ("2026-11-21T10:00", 0, "2026-11-21T10:00"),
        ],
    )
    def test_working_hours_skip_noon_and_weekend(self, station, text, hours, until):
        assert add_working_time(station, at(text), timedelta(hours=hours)) == at(until)

    @pytest.mark.parametrize(
        ("text", "opened"),
        [("08:29", False), ("08:30", True), ("11:59", True), ("12:00", False), ("13:00", True), ("17:30", False)],
    )
    def test_a_shift_ends_before_its_end(self, station, text, opened):
        assert is_open(station, at(f"2026-11-20T{text}")) is opened

    def test_make_up_saturday_is_worked_and_the_holiday_is_not(self, station):
        calendar = station.with_public_days(public_days("CN", 2026))
        assert is_open(calendar, at("2026-10-10T09:00"))
        assert not is_open(calendar, at("2026-10-05T09:00"))
        assert not is_open(station, at("2026-10-10T09:00"))
        assert calendar.version == station.version + 1
        assert next_opening(calendar, at("2026-09-30T18:00")) == at("2026-10-08T08:30")

    def test_a_special_day_wins_over_holiday_and_make_up(self, station):
        special = WorkCalendar(
            station.zone, station.weekly, special_days={date(2026, 10, 1): [Shift(600, 660)], date(2026, 10, 10): []}
        ).with_public_days(public_days("CN", 2026))
        assert is_open(special, at("2026-10-01T10:30"))
        assert not is_open(special, at("2026-10-10T10:30"))

    def test_round_the_clock_counts_the_short_and_the_long_day(self):
        always = WorkCalendar("America/New_York", dict.fromkeys(range(7), (Shift.parse("00:00-24:00"),)))
        for day, hours in ((8, 23), (9, 24)):
            start, end = at(f"2026-03-{day:02d}T00:00", always.zone), at(f"2026-03-{day + 1:02d}T00:00", always.zone)
            assert working_time_between(always, start, end) == timedelta(hours=hours)
        assert add_working_time(always, at("2026-10-31T12:00", always.zone), timedelta(days=500)) == datetime(
            2028, 3, 14, 16, tzinfo=UTC
        )

    def test_a_skipped_hour_is_not_worked_and_a_doubled_one_is_twice(self):
        night = WorkCalendar("America/New_York", dict.fromkeys(range(7), (Shift.parse("01:00-03:00"),)))
        spring = working_time_between(night, at("2026-03-08T00:00", night.zone), at("2026-03-08T12:00", night.zone))
        autumn = working_time_between(night, at("2026-11-01T00:00", night.zone), at("2026-11-01T12:00", night.zone))
        assert (spring, autumn) == (timedelta(hours=1), timedelta(hours=3))


class TestRefusals:
    def test_a_calendar_without_an_hour_never_opens(self):
        closed = WorkCalendar("Asia/Shanghai", {}, version=7)
        with pytest.raises(NeverOpen) as caught:
            next_opening(closed, at("2026-11-20T08:00"))
        assert caught.value.version == 7
        with pytest.raises(NeverOpen):
            add_working_time(closed, at("2026-11-20T08:00"), MINUTE)
        assert working_time_between(closed, at("2026-11-20T08:00"), at("2027-11-20T08:00")) == timedelta(0)

    def test_a_calendar_that_closes_for_good_never_has_enough(self):
        once = WorkCalendar("Asia/Shanghai", {}, special_days={date(2026, 11, 20): [Shift.parse("09:00-10:00")]})
        assert add_working_time(once, at("2026-11-20T08:00"), timedelta(hours=1)) == at("2026-11-20T10:00")
        with pytest.raises(NeverOpen):
            add_working_time(once, at("2026-11-20T08:00"), timedelta(hours=1), timedelta(hours=1, minutes=59))
        assert add_working_time(once, at("2026-11-20T08:00"), timedelta(hours=1), timedelta(hours=2))
        with pytest.raises(NeverOpen):
            add_working_time(once, at("2026-11-20T08:00"), timedelta(hours=1, microseconds=1))

    @pytest.mark.parametrize(
        ("zone", "weekly", "reason", "field"),
        [
            ("Mars/Olympus", {}, CalendarReason.ZONE, "zone"),
            ("../etc/passwd", {}, CalendarReason.ZONE, "zone"),
            ("", {}, CalendarReason.ZONE, "zone"),
            ("UTC", {7: []}, CalendarReason.WEEKDAY, "weekly"),
            ("UTC", {0: [Shift(600, 600)]}, CalendarReason.ORDER, "weekly[0]"),
            ("UTC", {0: [Shift(1320, 360)]}, CalendarReason.ORDER, "weekly[0]"),
            ("UTC", {0: [Shift(0, 1441)]}, CalendarReason.TIME, "weekly[0]"),
            ("UTC", {0: [Shift(0, 600), Shift(599, 700)]}, CalendarReason.OVERLAP, "weekly[0]"),
            ("UTC", {0: [Shift(600, 700), Shift(0, 100)]}, CalendarReason.OVERLAP, "weekly[0]"),
        ],
    )
    def test_a_broken_calendar_is_refused_with_field_and_reason(self, zone, weekly, reason, field):
        with pytest.raises(CalendarError) as caught:
            WorkCalendar(zone, weekly)
        assert (caught.value.reason, caught.value.field) == (reason, field)

    @pytest.mark.parametrize(
        "text", ["", "08:30", "8:30-12:00", "08:60-12:00", "08:30-24:01", "08:30-12:00-13:00", "٠٨:30-12:00"]
    )
    def test_a_badly_written_shift_is_refused(self, text):
        with pytest.raises(CalendarError):
            Shift.parse(text)

    def test_a_shift_is_written_as_it_is_read(self):
        assert str(Shift.parse("08:30-24:00")) == "08:30-24:00"

    def test_instants_without_zone_and_time_backwards_are_refused(self, station):
        with pytest.raises(ValueError, match="zone"):
            is_open(station, datetime.fromisoformat("2026-11-20T09:00"))
        with pytest.raises(ValueError, match="before"):
            working_time_between(station, at("2026-11-20T09:00"), at("2026-11-20T08:00"))
        with pytest.raises(ValueError, match="negative"):
            add_working_time(station, at("2026-11-20T09:00"), -MINUTE)

    def test_later_changes_of_the_given_dictionary_do_not_reach_the_calendar(self):
        weekly = {4: [Shift(0, 1440)]}
        calendar = WorkCalendar("Asia/Shanghai", weekly)
        weekly[4].clear()
        assert is_open(calendar, at("2026-11-20T09:00"))


class TestPublicDays:
    def test_china_trades_weekends_for_days_off(self):
        days = public_days("cn", 2026)
        assert date(2026, 10, 1) in days.holidays
        assert date(2026, 10, 10) in days.makeup_days
        assert not days.holidays & days.makeup_days

    def test_other_countries_have_no_make_up_days(self):
        days = public_days("US", 2026)
        assert date(2026, 7, 3) in days.holidays
        assert not days.makeup_days

    @pytest.mark.parametrize(("country", "year"), [("CN", 2003), ("CN", 2099), ("ZZ", 2026), ("", 2026)])
    def test_what_is_not_known_is_not_guessed(self, country, year):
        with pytest.raises(HolidaysUnknown) as caught:
            public_days(country, year)
        assert caught.value.year == year
