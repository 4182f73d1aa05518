"""The calendar arithmetic against a walk minute by minute, written from scratch: over every change of clocks of five zones, with
split shifts, shifts over midnight, days round the clock, days with hours of their own, Chinese holidays and make-up days.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tradekit.clock import (
    CountryCalendar,
    HolidaysUnknown,
    Shift,
    WorkCalendar,
    add_working_time,
    is_open,
    next_closing,
    next_opening,
    public_days,
    working_time_between,
)

MINUTE = timedelta(minutes=1)
WALK = 3 * 1440
ZONES = ["Asia/Shanghai", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]
ALL_DAY = Shift(0, 1440)


def changes(zone: str) -> list[datetime]:
    """Every change of a zone's clocks from 2024 to 2027, found by looking at each hour; ordinary days where there is none."""
    tz, at, found = ZoneInfo(zone), datetime(2024, 1, 1, tzinfo=UTC), []
    before = at.astimezone(tz).utcoffset()
    while at.year < 2028:
        at += timedelta(hours=1)
        offset = at.astimezone(tz).utcoffset()
        if offset != before:
            found.append(at)
        before = offset
    return found or [datetime(2026, 2, 14, 16, tzinfo=UTC), datetime(2026, 10, 9, 16, tzinfo=UTC)]


CHANGES = {zone: changes(zone) for zone in ZONES}
# Where Chinese public days and make-up working days lie close together.
CHINESE = [datetime(2026, 2, day, 16, tzinfo=UTC) for day in (13, 14, 22, 27)]
CHINESE += [datetime(2026, 9, 19, 16, tzinfo=UTC), datetime(2026, 10, 9, 16, tzinfo=UTC)]


@st.composite
def day_shifts(draw):
    """The shifts of a day: none, split ones, parts of a night shift (up to 24:00 and from 00:00), or the whole day."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from([[], [ALL_DAY], [Shift(0, 360), Shift(1320, 1440)]]))
    edges = sorted(draw(st.lists(st.integers(0, 1440), min_size=2, max_size=6, unique=True)))
    return [Shift(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]


@st.composite
def questions(draw):
    """A calendar, and an instant near a change of its zone's clocks or near Chinese public days."""
    country = draw(st.sampled_from(["", "CN"]))
    zone = draw(st.sampled_from(ZONES))
    middle = draw(st.sampled_from(CHINESE if country else CHANGES[zone]))
    event(f"{zone} {country}")
    days = [middle.date() + timedelta(days=n) for n in range(-2, 4)]
    weekly = {weekday: draw(day_shifts()) for weekday in range(7) if draw(st.integers(0, 5))}
    special = draw(st.dictionaries(st.sampled_from(days), day_shifts(), max_size=2))
    start = middle + timedelta(minutes=draw(st.integers(-1500, 900)))
    if country:
        return CountryCalendar(zone, weekly, special_days=special, country=country), start
    holidays = frozenset(draw(st.sets(st.sampled_from(days), max_size=2)))
    return WorkCalendar(zone, weekly, holidays, special), start


def worked(calendar, instant):
    """What the clock on the wall says: the shifts of the day that it shows, at the time that it shows."""
    wall = instant.astimezone(ZoneInfo(calendar.zone)).replace(tzinfo=None)
    day, minute = wall.date(), wall.hour * 60 + wall.minute
    country = getattr(calendar, "country", "")
    if day in calendar.special_days:
        shifts = calendar.special_days[day]
    elif country and day in public_days(country, day.year).makeup_days:
        shifts = calendar.weekly.get(0, ())
    elif day in calendar.holidays or (country and day in public_days(country, day.year).holidays):
        shifts = ()
    else:
        shifts = calendar.weekly.get(day.weekday(), ())
    return any(opens <= minute < closes for opens, closes in shifts)


def around_midnight(opens: int, closes: int) -> list[Shift]:
    """A shift in minutes from midnight, as the one or two shifts of a day that it is, every day."""
    opens, closes = opens % 1440, closes % 1440 or 1440
    return [Shift(opens, closes)] if opens < closes else [Shift(0, closes), Shift(opens, 1440)]


class TestAgainstTheWalk:
    @settings(max_examples=120, deadline=None)
    @given(questions())
    def test_all_answers_agree_with_the_minutes(self, question):
        calendar, start = question
        minutes = [worked(calendar, start + n * MINUTE) for n in range(WALK)]
        total = sum(minutes)
        assert working_time_between(calendar, start, start + WALK * MINUTE) == total * MINUTE
        assert is_open(calendar, start) is minutes[0]
        if not total:
            return
        first = minutes.index(True)
        assert next_opening(calendar, start) == start + first * MINUTE
        ends = next((n for n in range(first, WALK) if not minutes[n]), None)
        if ends is not None:
            assert next_closing(calendar, start) == start + ends * MINUTE
        for wanted in {1, total // 2, total} - {0}:
            seen = 0
            for n, is_worked in enumerate(minutes):
                seen += is_worked
                if seen == wanted:
                    assert add_working_time(calendar, start, wanted * MINUTE) == start + (n + 1) * MINUTE
                    break

    @pytest.mark.parametrize("zone", ZONES)
    def test_every_change_of_the_clocks_is_walked(self, zone):
        """Not by chance but one by one, with a shift that ends before, in and after the hour that is skipped or doubled."""
        for middle in CHANGES[zone]:
            local = (middle - MINUTE).astimezone(ZoneInfo(zone))
            minute = local.hour * 60 + local.minute + 1
            for opens, closes in ((minute - 31, minute), (minute - 10, minute + 75), (minute + 20, minute + 100)):
                calendar = WorkCalendar(zone, {weekday: around_midnight(opens, closes) for weekday in range(7)})
                start = middle - timedelta(hours=30)
                walk = [worked(calendar, start + n * MINUTE) for n in range(60 * 60)]
                assert working_time_between(calendar, start, start + timedelta(hours=60)) == sum(walk) * MINUTE

    def test_the_zones_are_what_they_are_taken_for(self):
        shifts = {
            zone: {
                abs(
                    (
                        at.astimezone(ZoneInfo(zone)).utcoffset()
                        - (at - timedelta(hours=1)).astimezone(ZoneInfo(zone)).utcoffset()
                    ).total_seconds()
                )
                for at in found
            }
            for zone, found in CHANGES.items()
        }
        assert shifts["Asia/Shanghai"] == shifts["Asia/Kolkata"] == {0}
        assert shifts["America/New_York"] == shifts["Africa/Casablanca"] == {3600}
        assert shifts["Australia/Lord_Howe"] == {1800}


class TestCountryCalendar:
    WEEK: ClassVar = {weekday: (Shift(540, 1020),) for weekday in range(5)}

    def at(self, text):
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai"))

    def test_it_keeps_the_days_of_every_year_that_it_reaches(self):
        calendar = CountryCalendar("Asia/Shanghai", self.WEEK, country="CN")
        for year in (2025, 2026):
            for day in sorted(public_days("CN", year).holidays):
                assert not is_open(calendar, datetime.combine(day, time(10), ZoneInfo("Asia/Shanghai")))
            for day in sorted(public_days("CN", year).makeup_days):
                assert is_open(calendar, datetime.combine(day, time(10), ZoneInfo("Asia/Shanghai")))

    def test_a_day_with_hours_of_its_own_goes_before_the_country(self):
        special = {date(2026, 10, 1): [Shift(600, 660)], date(2026, 10, 10): []}
        calendar = CountryCalendar("Asia/Shanghai", self.WEEK, special_days=special, country="CN")
        assert is_open(calendar, self.at("2026-10-01T10:30"))
        assert not is_open(calendar, self.at("2026-10-10T10:30"))

    def test_a_year_without_a_table_is_no_answer_but_stops_none_before_it(self):
        last = max(year for year in range(2004, 2100) if _known(year))
        calendar = CountryCalendar("Asia/Shanghai", self.WEEK, country="CN")
        start = datetime(last, 12, 1, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
        assert add_working_time(calendar, start, timedelta(hours=16)).year == last
        with pytest.raises(HolidaysUnknown):
            add_working_time(calendar, start, timedelta(hours=400))


def _known(year):
    try:
        return bool(public_days("CN", year).holidays)
    except HolidaysUnknown:
        return False


class TestNextClosing:
    def test_shifts_that_touch_are_one_stretch_over_midnight_too(self):
        calendar = WorkCalendar("UTC", {0: [Shift(1200, 1440)], 1: [Shift(0, 300), Shift(300, 360)]})
        assert next_closing(calendar, datetime(2026, 11, 2, 21, tzinfo=UTC)) == datetime(2026, 11, 3, 6, tzinfo=UTC)
        assert next_closing(calendar, datetime(2026, 11, 3, 7, tzinfo=UTC)) == datetime(2026, 11, 10, 6, tzinfo=UTC)

    def test_what_never_closes_has_no_closing(self):
        always = WorkCalendar("Australia/Lord_Howe", {weekday: [ALL_DAY] for weekday in range(7)})
        assert next_closing(always, datetime(2026, 4, 4, tzinfo=UTC)) is None
        assert next_closing(always, datetime(2026, 4, 4, tzinfo=UTC), within=timedelta(days=400)) is None
