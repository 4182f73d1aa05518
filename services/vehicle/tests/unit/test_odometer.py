"""Readings of odometers: what is credible, and how well a forecast by them holds, measured by back-test."""

from __future__ import annotations

import csv
import gzip
import math
import os
import random
import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_vehicle.rules import odometer as rules
from marque_vehicle.rules.odometer import CREDIBLE, IMPLAUSIBLE, WENT_BACK, Reading

START = date(2020, 1, 1)
DATA = Path(os.environ.get("MARQUE_DATA", Path(__file__).resolve().parents[4].parent / "shared" / "data"))
COMPLAINTS = DATA / "nhtsa_complaints" / "ford_odi_complaints_2020_2024.csv.gz"


def at(days: float) -> datetime:
    return datetime(START.year, START.month, START.day, tzinfo=UTC) + timedelta(days=days)


def flags(*points: tuple[float, int], replaced: tuple[int, ...] = ()) -> list[int]:
    made = [
        Reading(at(days), km, key=str(place), replaced=place in replaced) for place, (days, km) in enumerate(points)
    ]
    return [one.flag for one in rules.judge(made)]


class TestJudge:
    def test_readings_that_rise_are_all_credible(self) -> None:
        assert flags((0, 10), (100, 4000), (200, 9000)) == [CREDIBLE] * 3

    def test_a_digit_too_many_stands_alone(self) -> None:
        assert flags((0, 10), (100, 40_000_0), (200, 9000), (300, 12_000)) == [
            CREDIBLE,
            IMPLAUSIBLE,
            CREDIBLE,
            CREDIBLE,
        ]

    def test_a_digit_too_few_stands_alone(self) -> None:
        assert flags((0, 10), (100, 4000), (200, 900), (300, 12_000)) == [CREDIBLE, CREDIBLE, WENT_BACK, CREDIBLE]

    def test_a_single_new_reading_that_goes_back_is_doubted_and_not_all_before_it(self) -> None:
        assert flags((0, 10), (100, 4000), (200, 2000)) == [CREDIBLE, CREDIBLE, WENT_BACK]

    def test_an_odometer_that_was_turned_back_stays_flagged_as_it_goes_on(self) -> None:
        points = [(0, 10), (300, 12_000), (600, 25_000), (900, 40_000), (910, 20_000), (1200, 24_000)]
        assert flags(*points) == [CREDIBLE] * 4 + [WENT_BACK] * 2

    def test_the_distance_goes_on_over_an_odometer_that_was_replaced(self) -> None:
        made = [
            Reading(at(0), 10),
            Reading(at(300), 50_000),
            Reading(at(310), 100, replaced=True),
            Reading(at(400), 4000),
        ]
        assert [(one.flag, one.distance) for one in rules.judge(made)] == [
            (CREDIBLE, 10), (CREDIBLE, 50_000), (CREDIBLE, 50_100), (CREDIBLE, 54_000),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("km", "flag"), [(1800, CREDIBLE), (1801, IMPLAUSIBLE)], ids=["as fast as a car", "faster"]
    )
    def test_nobody_drives_farther_in_a_day_than_a_car_can(self, km: int, flag: int) -> None:
        assert flags((0, 0), (1, km)) == [CREDIBLE, flag]

    @given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 2_000_000), st.booleans()), max_size=30))
    def test_no_reading_is_lost_and_the_credible_never_go_back(self, points: list[tuple[int, int, bool]]) -> None:
        made = [
            Reading(at(days), km, key=str(place), replaced=replaced)
            for place, (days, km, replaced) in enumerate(points)
        ]
        judged = rules.judge(made)

        assert sorted(one.reading.key for one in judged) == sorted(one.key for one in made)
        credible = [one.distance for one in judged if one.flag == CREDIBLE]
        assert credible == sorted(credible)
        assert all(one.distance == 0 for one in judged if one.flag != CREDIBLE)
        assert bool(credible) == bool(made)

    @given(st.integers(3, 30), st.integers(0, 29), st.integers(0, 2_000_000))
    def test_two_good_readings_outweigh_a_wrong_one_before_them(self, count: int, place: int, wrong: int) -> None:
        good = [Reading(at(40 * number), 1500 * number + 10, key=f"g{number}") for number in range(count)]
        judged = rules.judge([*good, Reading(at(40 * (place % (count - 2)) + 1), wrong, key="wrong")])
        assert len([one for one in judged if one.flag != CREDIBLE]) <= 1
        assert [(one.flag, one.distance) for one in judged[-1:]] == [(CREDIBLE, good[-1].km)]

    def test_the_order_in_which_readings_come_changes_nothing(self) -> None:
        made = [
            Reading(at(day), km, key=str(day))
            for day, km in ((0, 10), (50, 90_000), (100, 4000), (200, 3000), (300, 9000))
        ]
        expected = rules.judge(made)
        for seed in range(20):
            random.Random(seed).shuffle(made)
            assert rules.judge(made) == expected


class TestRate:
    def test_a_car_without_readings_drives_as_cars_do(self) -> None:
        found = rules.rate([], START)
        assert (found.day, found.distance, found.expected) == (START, 0, rules.GENERAL_KM_PER_DAY)
        assert found.slow < found.expected < found.fast

    def test_a_car_that_was_watched_for_long_drives_as_it_did(self) -> None:
        made = [Reading(at(90 * number), 9000 * number) for number in range(1, 12)]
        assert abs(rules.rate(rules.judge(made), START).expected - 100) < 7

    def test_the_interval_grows_narrower_the_longer_a_car_is_watched(self) -> None:
        widths = []
        for count in (1, 4, 12):
            found = rules.rate(rules.judge([Reading(at(90 * n), 4000 * n) for n in range(1, count + 1)]), START)
            widths.append(found.fast / found.slow)
        assert widths == sorted(widths, reverse=True)

    @given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 2_000_000)), max_size=20))
    def test_whatever_was_read_the_rate_is_one(self, points: list[tuple[int, int]]) -> None:
        found = rules.rate(rules.judge(Reading(at(days), km) for days, km in points), START)
        assert 0 < found.slow < found.expected < found.fast
        assert found.reaches(found.distance, found.expected) == found.day
        assert found.reaches(found.distance + 5000, found.fast) <= found.reaches(found.distance + 5000, found.slow)


def history(rate: float, dice: random.Random, faults: float) -> tuple[list[tuple[int, int]], list[Reading]]:
    """A car of five years: what is true of its days (day, km), and what was read at visits, some of it wrongly.

    It drives a rate that wanders from month to month, more in summer and at holidays, and comes every three to fourteen months.
    """
    days, km, pace, true = 0, 0.0, rate, []
    while days < 5 * 365:
        pace *= math.exp(dice.gauss(0, 0.05))
        step = 30
        km += pace * step * (1 + 0.25 * math.sin(days / 365 * 2 * math.pi)) * dice.uniform(0.7, 1.3)
        days += step
        true.append((days, int(km)))
    read, next_visit = [], dice.randint(90, 420)
    for day, value in true:
        if day >= next_visit:
            next_visit = day + dice.randint(90, 420)
            shown = value
            if dice.random() < faults:
                shown = dice.choice([value * 10, value // 10, value + 60_000, max(1, value - 30_000)])
            read.append(Reading(at(day), shown, key=str(day)))
    return true, read


class Measured(NamedTuple):
    """Errors as shares of the days that it takes: the median, and what one case in ten exceeds; how many cases lie inside the interval."""

    error: float
    bad: float
    inside: float
    cases: int


def backtest(rates: Iterator[float], dice: random.Random, faults: float, *, naive: bool = False) -> Measured:
    """Forecasts at each visit of each car the day on which 10,000 km more are reached."""
    errors, inside = [], []
    for rate in rates:
        true, read = history(rate, dice, faults)
        for count in range(1, len(read)):
            judged = rules.judge(read[:count], START)
            found = rules.rate(judged, START)
            if naive:
                slope = max(1.0, read[count - 1].km / max(1, (read[count - 1].moment.date() - START).days))
                found = rules.Rate(read[count - 1].moment.date(), read[count - 1].km, slope, slope, slope)
            day_of = (read[count - 1].moment.date() - START).days
            now = next(km for day, km in true if day == day_of)
            reached = next((day for day, km in true if km >= now + 10_000), None)
            if reached is None:
                continue
            wanted = START + timedelta(days=reached)
            shown = [found.reaches(now + 10_000, one) for one in (found.expected, found.fast, found.slow)]
            errors.append(abs((shown[0] - wanted).days) / max(30, reached - day_of))
            inside.append(shown[1] <= wanted <= shown[2])
    bad = statistics.quantiles(errors, n=10)[-1]
    return Measured(statistics.median(errors), bad, sum(inside) / len(inside), len(errors))


def drawn(dice: random.Random, count: int) -> Iterator[float]:
    """Rates as cars have them: log-normal about the general one."""
    return (rules.GENERAL_KM_PER_DAY * math.exp(dice.gauss(0, 0.57)) for _ in range(count))


def measured(draw: Callable[[random.Random, int], Iterator[float]], faults: float, **more: bool) -> Measured:
    dice = random.Random(6)
    return backtest(draw(dice, 150), dice, faults, **more)


class TestForecast:
    """The figures stand in docs/performance.md."""

    @pytest.mark.parametrize("faults", [0.0, 0.1], ids=["clean", "one reading in ten is wrong"])
    def test_the_day_is_forecast_within_a_fifth_and_the_interval_holds_eight_of_ten(self, faults: float) -> None:
        error, _, inside, cases = measured(drawn, faults)
        print(f"faults {faults}: median error {error:.3f} of the time to go, inside {inside:.3f}, {cases} cases")
        assert cases > 300
        assert error < 0.22
        assert 0.72 < inside < 0.92

    def test_its_bad_cases_are_better_than_those_of_the_mean_since_the_sale(self) -> None:
        ours, naive = measured(drawn, 0.1), measured(drawn, 0.1, naive=True)
        print(
            f"one in ten wrong, one case in ten is off by more than: ours {ours.bad:.2f}, mean since the sale {naive.bad:.2f}"
        )
        assert ours.bad < naive.bad

    @pytest.mark.data
    @pytest.mark.skipif(not COMPLAINTS.is_file(), reason="no real data: set MARQUE_DATA")
    def test_cars_that_drive_as_those_of_real_complaints_are_forecast_as_well(self) -> None:
        with gzip.open(COMPLAINTS, "rt", encoding="utf-8", errors="replace") as lines:
            rows = list(csv.DictReader(lines))
        rates = []
        for row in rows:
            if row["miles"] and row["year"].isdigit():
                days = (date.fromisoformat(row["date_received"][:10]) - date(int(row["year"]), 1, 1)).days
                if days > 180 and float(row["miles"]) > 300:
                    rates.append(float(row["miles"]) * 1.609 / days)
        deciles = statistics.quantiles(rates, n=10)
        general = rules.rate([], START)
        print(f"{len(rates)} real cars: {deciles[0]:.1f}, {statistics.median(rates):.1f}, {deciles[-1]:.1f} km a day; "
              f"ours {general.slow:.1f}, {general.expected:.1f}, {general.fast:.1f}")  # fmt: skip
        within = sum(general.slow <= one <= general.fast for one in rates) / len(rates)
        assert 0.72 < within < 0.92
        error, _, inside, cases = measured(lambda dice, count: iter(dice.choices(rates, k=count)), 0.05)
        print(
            f"real rates: within the general interval {within:.3f}; median error {error:.3f}, inside {inside:.3f}, {cases} cases"
        )
        assert error < 0.25
        assert 0.70 < inside < 0.92
