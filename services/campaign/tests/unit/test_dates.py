"""Days and hours of campaigns: 29 February, days of 23 and 25 hours, occurrences that come again."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import dates

BERLIN = "Europe/Berlin"
DAYS = st.dates(date(1940, 1, 1), date(2040, 12, 31))


class TestAnniversaries:
    @given(DAYS, st.integers(2020, 2040))
    def test_a_birthday_comes_on_exactly_one_day_of_each_year(self, born: date, year: int) -> None:
        day = date(year, 1, 1)
        days = [one for one in (day + timedelta(days=n) for n in range(366)) if one.year == year]
        hits = [one for one in days if (born.month, born.day) in dates.born_on(one)]
        assert hits == [dates.birthday(born.month, born.day, year)]

    @given(DAYS, st.integers(0, 12))
    def test_what_was_sold_some_years_ago_is_found_on_its_day_alone(self, sold: date, years: int) -> None:
        due = dates.later(sold, years)
        near = [due + timedelta(days=n) for n in range(-2, 3)]
        assert [one for one in near if sold in dates.sold_on(one, years)] == [due]

    def test_what_is_no_day_is_no_birthday(self) -> None:
        assert dates.birthday(2, 30, 2026) is None
        assert dates.birthday(2, 29, 2026) == date(2026, 2, 28)
        assert dates.birthday(2, 29, 2028) == date(2028, 2, 29)


class TestHours:
    @pytest.mark.parametrize(
        ("day", "minute", "expected"),
        [
            (date(2026, 3, 29), 150, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # 2:30 is not there: 3:30
            (date(2026, 10, 25), 150, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # 2:30 is there twice: the first
            (date(2026, 7, 1), 540, datetime(2026, 7, 1, 7, tzinfo=UTC)),
        ],
    )
    def test_an_hour_of_a_day_is_one_moment(self, day: date, minute: int, expected: datetime) -> None:
        assert dates.at_minute(day, minute, BERLIN) == expected

    @given(st.integers(0, 365 * 24 * 60), st.integers(0, 1439))
    def test_the_next_time_of_an_hour_is_within_a_day_and_an_hour(self, after: int, minute: int) -> None:
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=after)
        assert timedelta() <= dates.next_minute(now, minute, BERLIN) - now <= timedelta(hours=25)

    @pytest.mark.parametrize(
        ("zone", "after", "minute", "expected"),
        [
            ("Asia/Shanghai", "2026-11-22T09:00", 600, "2026-11-23T02:00"),
            ("America/New_York", "2026-03-08T05:00", 150, "2026-03-08T07:30"),  # 2:30 is not there: 3:30
            ("America/New_York", "2026-03-08T07:30", 150, "2026-03-08T07:30"),
            ("America/New_York", "2026-03-08T07:31", 150, "2026-03-09T06:30"),
            ("America/New_York", "2026-11-01T04:00", 90, "2026-11-01T05:30"),  # 1:30 is there twice: the first
            ("America/New_York", "2026-11-01T06:00", 90, "2026-11-02T06:30"),  # between the two
            ("Australia/Lord_Howe", "2026-10-03T10:00", 135, "2026-10-03T15:45"),  # half an hour is not there
            ("Asia/Beirut", "2026-03-28T12:00", 0, "2026-03-28T22:00"),  # a day that begins at one
            ("Pacific/Apia", "2011-12-30T05:00", 600, "2011-12-30T20:00"),  # a day that is not there
        ],
    )
    def test_the_next_time_of_an_hour_where_clocks_are_changed(
        self, zone: str, after: str, minute: int, expected: str
    ) -> None:
        moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
        assert dates.next_minute(moment, minute, zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [("Asia/Tokyo", "Asia/Tokyo"), ("", BERLIN), (None, BERLIN), ("Mars/Base", BERLIN), ("../etc/passwd", BERLIN)],
    )
    def test_a_zone_that_nobody_knows_is_the_other_one(self, name: str | None, expected: str) -> None:
        assert dates.zone_or(name, BERLIN) == expected

    @pytest.mark.parametrize(
        ("zone", "day", "minute", "comes"),
        [
            ("Pacific/Auckland", "2026-03-08", 540, "2026-03-07T20:00"),  # it is that day there before it is here
            ("Pacific/Kiritimati", "2026-03-08", 0, "2026-03-07T10:00"),
            ("Etc/GMT+12", "2026-03-08", 1439, "2026-03-09T11:59"),
            ("America/New_York", "2026-03-08", 150, "2026-03-08T07:30"),
            ("America/New_York", "2026-11-01", 90, "2026-11-01T05:30"),
            ("Australia/Lord_Howe", "2026-10-04", 135, "2026-10-03T15:45"),
            ("Asia/Beirut", "2026-03-29", 0, "2026-03-28T22:00"),
            ("Pacific/Apia", "2011-12-30", 600, "2011-12-30T20:00"),
        ],
    )
    def test_the_hour_of_a_day_comes_where_people_are(self, zone: str, day: str, minute: int, comes: str) -> None:
        """And as the hour of a wait does, where clocks are changed."""
        moment, of = datetime.fromisoformat(comes).replace(tzinfo=UTC), date.fromisoformat(day)
        tick, zones = timedelta(microseconds=1), {"theirs": zone}

        assert dates.whose_hour_came(of, minute, zones, None, moment) == ["theirs"]
        assert dates.whose_hour_came(of, minute, zones, moment, moment) == ["theirs"]
        assert dates.whose_hour_came(of, minute, zones, None, moment - tick) == []
        assert dates.whose_hour_came(of, minute, zones, moment + tick, moment + tick) == []
        assert dates.next_minute(moment - tick, minute, zone) == moment

    def test_no_zone_has_another_day_than_those_that_are_looked_at(self) -> None:
        for hour in range(48):
            moment = datetime(2026, 3, 8, tzinfo=UTC) + timedelta(hours=hour)
            days = {moment.astimezone(ZoneInfo(name)).date() for name in ("Pacific/Kiritimati", "UTC", "Etc/GMT+12")}
            assert max(days) - min(days) <= timedelta(days=dates.APART_DAYS)


class TestRecurrence:
    @pytest.mark.parametrize(
        ("frequency", "start", "expected"),
        [
            (1, "2026-03-28T09:00", ["2026-03-28", "2026-03-29", "2026-03-30"]),
            (2, "2026-12-25T09:00", ["2026-12-25", "2027-01-01", "2027-01-08"]),
            (3, "2027-12-31T09:00", ["2027-12-31", "2028-01-31", "2028-02-29"]),
            (4, "2028-02-29T09:00", ["2028-02-29", "2029-02-28", "2030-02-28"]),
        ],
    )
    def test_it_comes_at_the_local_hour_of_its_start(self, frequency: int, start: str, expected: list[str]) -> None:
        first = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(BERLIN))
        found = list(itertools.islice(dates.Recurrence(frequency).occurrences(first, BERLIN), 3))
        local = [one.astimezone(ZoneInfo(BERLIN)) for one in found]

        assert [one.date().isoformat() for one in local] == expected
        assert {one.hour for one in local} == {9}

    def test_it_ends_after_a_count_or_at_a_date(self) -> None:
        start = datetime(2026, 1, 1, 9, tzinfo=UTC)
        thrice = dates.Recurrence(1, 2, count=3)
        until = dates.Recurrence(1, 1, until=date(2026, 1, 2))

        assert [one.day for one in thrice.occurrences(start, "UTC")] == [1, 3, 5]
        assert [one.day for one in until.occurrences(start, "UTC")] == [1, 2]
        assert thrice.at(start, "UTC", 2) == datetime(2026, 1, 5, 9, tzinfo=UTC)
        assert thrice.at(start, "UTC", 3) is None

    def test_one_that_is_too_late_is_left_out(self) -> None:
        due = datetime(2026, 1, 1, 9, tzinfo=UTC)
        one = dates.Recurrence(1, late_hours=6)
        assert [one.is_late(due, due + timedelta(hours=hours)) for hours in (0, 6, 7)] == [False, False, True]
