"""A person's day is a calendar day of their zone, of 23, 24 or 25 hours; quiet hours are what the wall clock says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_customer.rules.days import day_of, is_quiet, quiet_until, zone_of

# Changes at 02:00, at 01:00 UTC, by half an hour, at midnight (both ways), the other way round, and none.
ZONES = (
    *("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "America/Havana"),
    *("Asia/Beirut", "Africa/Casablanca", "Asia/Shanghai", "Asia/Kolkata", "Pacific/Kiritimati", "America/St_Johns"),
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.integers(0, 25 * 366 * 86_400).map(
    lambda second: datetime(2005, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)
minutes = st.integers(0, 1439)
many = settings(max_examples=300, deadline=None)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestDay:
    @pytest.mark.parametrize(
        ("zone", "moment", "start", "hours"),
        [
            ("Asia/Shanghai", "2026-05-01T12:00", "2026-04-30T16:00", 24),
            ("America/New_York", "2026-03-08T12:00", "2026-03-08T05:00", 23),
            ("America/New_York", "2026-11-01T12:00", "2026-11-01T04:00", 25),
            ("Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", 23),
            ("Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", 25),
            ("Australia/Lord_Howe", "2026-04-05T00:00", "2026-04-04T13:00", 24.5),
            (
                "Africa/Cairo",
                "2026-04-24T12:00",
                "2026-04-23T22:00",
                23,
            ),  # midnight does not exist: the day begins at one
            ("America/Santiago", "2026-04-05T03:30", "2026-04-04T03:00", 25),  # the last hour of the 4th comes twice
            ("America/Havana", "2026-11-01T04:30", "2026-11-01T04:00", 25),  # the first hour comes twice
        ],
    )
    def test_has_the_hours_of_its_zone(self, zone, moment, start, hours):
        begin, over = day_of(utc(moment), ZoneInfo(zone))

        assert (begin, over - begin) == (utc(start), timedelta(hours=hours))

    @many
    @given(moments, zones)
    def test_holds_its_moment_and_every_other_of_the_same_date(self, moment, zone):
        begin, over = day_of(moment, zone)
        here = moment.astimezone(zone).date()

        assert begin <= moment < over
        assert (begin - timedelta(microseconds=1)).astimezone(zone).date() != here
        assert over.astimezone(zone).date() != here
        assert timedelta(hours=22) <= over - begin <= timedelta(hours=26)

    def test_a_date_that_comes_twice_is_one_span(self):
        """At one minute past midnight Newfoundland went back to 23:01 of the day before, until 2011."""
        zone, first, again = ZoneInfo("America/St_Johns"), utc("2010-11-06T12:00"), utc("2010-11-07T03:00")

        assert first.astimezone(zone).date() == again.astimezone(zone).date()
        assert day_of(first, zone)[0] == day_of(again, zone)[0] <= again < day_of(again, zone)[1]

    @pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Asia/", "\0"])
    def test_an_unknown_zone_is_none(self, name):
        assert zone_of(name) is None


class TestQuiet:
    @pytest.mark.parametrize(
        ("wall", "quiet"),
        [("20:59", False), ("21:00", True), ("23:59", True), ("00:00", True), ("07:59", True), ("08:00", False)],
    )
    def test_holds_over_midnight_to_the_minute(self, wall, quiet):
        moment = datetime.fromisoformat(f"2026-05-01T{wall}:59").replace(tzinfo=ZoneInfo("Asia/Shanghai"))

        assert is_quiet(moment.astimezone(UTC), ZoneInfo("Asia/Shanghai"), 21 * 60, 8 * 60) is quiet

    @many
    @given(moments, zones, minutes, minutes)
    def test_is_what_the_wall_clock_shows(self, moment, zone, start, end):
        wall = moment.astimezone(zone)
        shown = wall.hour * 60 + wall.minute
        inside = {minute % 1440 for minute in range(start, end if end > start else end + 1440)}

        assert is_quiet(moment, zone, start, end) == (shown in inside)

    @many
    @given(moments, zones, minutes, minutes)
    def test_ends_at_a_later_instant_that_is_not_quiet(self, moment, zone, start, end):
        if start == end or not is_quiet(moment, zone, start, end):
            return
        free = quiet_until(moment, zone, start, end)

        assert moment < free <= moment + timedelta(days=2)
        assert not is_quiet(free, zone, start, end)

    @pytest.mark.parametrize(
        ("zone", "moment", "free"),
        [
            ("Asia/Shanghai", "2026-05-01T14:30", "2026-05-02T00:00"),
            ("America/New_York", "2026-03-08T02:00", "2026-03-08T12:00"),  # an hour earlier than the day before
            ("America/New_York", "2026-11-01T02:00", "2026-11-01T13:00"),
        ],
    )
    def test_ends_with_the_hour_of_the_wall_clock(self, zone, moment, free):
        assert quiet_until(utc(moment), ZoneInfo(zone), 21 * 60, 8 * 60) == utc(free)
