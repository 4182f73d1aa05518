"""The law of replacement and return: every threshold under, at and over its boundary, under both versions, and beside a plain reading."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_vehicle.rules import lemon
from marque_vehicle.rules.lemon import CLEAR, REACHED, WARNED, Fault, Visit

ZONE = ZoneInfo("Asia/Shanghai")
OLD, NEW = lemon.packs()
START = {OLD.pack: date(2021, 3, 1), NEW.pack: date(2022, 3, 1)}
BOTH = pytest.mark.parametrize("pack", [OLD, NEW], ids=lambda one: one.pack)
_keys = itertools.count(1)


def visit(pack: lemon.Pack, day: int, *faults: Fault, hours: float = 5, km: int = 5000, closed: bool = True) -> Visit:
    begin = datetime.combine(START[pack.pack] + timedelta(days=day), datetime.min.time(), ZONE) + timedelta(hours=9)
    end = begin + timedelta(hours=hours) if closed else None
    return Visit(f"v{next(_keys)}", begin, end, km, faults or (Fault("OTHER"),))


def state(pack: lemon.Pack, trigger: int, visits: list[Visit], now: datetime | None = None) -> int:
    far = datetime(2026, 1, 1, tzinfo=UTC)
    watch = lemon.evaluate(pack, START[pack.pack], ZONE, 10_000, visits, now or far)
    return max((one.state for one in watch.standings if one.trigger == trigger), default=CLEAR)


class TestPacks:
    @pytest.mark.parametrize(
        ("sold", "pack"),
        [
            (date(2013, 9, 30), None), (date(2013, 10, 1), "CN-2013"), (date(2021, 12, 31), "CN-2013"),
            (date(2022, 1, 1), "CN-2021"), (date(2030, 1, 1), "CN-2021"),
        ],
    )  # fmt: skip
    def test_a_car_is_judged_by_the_law_of_its_sale(self, sold: date, pack: str | None) -> None:
        found = lemon.pack_of("CN", sold)
        assert (found and found.pack) == pack
        assert lemon.pack_of("US", sold) is None

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (date(2022, 3, 1), date(2024, 3, 1)),
            (date(2024, 2, 29), date(2026, 2, 28)),
            (date(2022, 12, 31), date(2024, 12, 31)),
        ],
    )
    def test_the_period_ends_two_years_later(self, start: date, end: date) -> None:
        assert NEW.period_end(start) == end

    @pytest.mark.parametrize(
        ("component", "system"),
        [
            ("ENGINE", "ENGINE"), ("engine:oil", "ENGINE"), ("ENGINES", ""), ("POWER TRAIN:AUTOMATIC TRANSMISSION:GEAR", "GEARBOX"),
            ("POWER TRAIN:DRIVELINE", "DRIVELINE"), ("SERVICE BRAKES, HYDRAULIC", "BRAKES"), ("", ""), ("SEATS", ""),
            ("ENGINE:EXHAUST SYSTEM:PIPE", "EMISSIONS"),
        ],
    )  # fmt: skip
    def test_a_component_belongs_to_the_system_of_its_closest_path(self, component: str, system: str) -> None:
        assert lemon.system_of(component) == system


class TestThresholds:
    @pytest.mark.parametrize(
        ("pack", "days", "expected"),
        [
            (OLD, 27, CLEAR), (OLD, 28, WARNED), (OLD, 35, WARNED), (OLD, 36, REACHED),
            (NEW, 23, CLEAR), (NEW, 24, WARNED), (NEW, 30, WARNED), (NEW, 31, REACHED),
        ],
    )  # fmt: skip
    def test_days_in_repair(self, pack: lemon.Pack, days: int, expected: int) -> None:
        assert state(pack, lemon.REPAIR_DAYS, [visit(pack, 100, hours=24 * days)]) == expected
        single = [visit(pack, 10 * n, hours=1) for n in range(days)]
        assert state(pack, lemon.REPAIR_DAYS, single) == expected, "a visit of less than a day is a day"

    @pytest.mark.parametrize(
        ("pack", "times", "expected"),
        [
            (OLD, 4, CLEAR), (OLD, 5, WARNED), (OLD, 6, REACHED), (NEW, 3, CLEAR), (NEW, 4, WARNED), (NEW, 5, REACHED),
        ],
    )  # fmt: skip
    def test_the_same_fault(self, pack: lemon.Pack, times: int, expected: int) -> None:
        same = [visit(pack, 10 * n, Fault("SEATS"), Fault("SEATS")) for n in range(times)]
        assert state(pack, lemon.SAME_FAULT, same) == expected
        mixed = [visit(pack, 10 * n, Fault(f"SEATS{n % 2}")) for n in range(times)]
        assert state(pack, lemon.SAME_FAULT, mixed) == CLEAR

    @BOTH
    @pytest.mark.parametrize(("times", "expected"), [(1, CLEAR), (2, WARNED), (3, REACHED)])
    def test_serious_faults_of_safety_the_same_or_new(self, pack: lemon.Pack, times: int, expected: int) -> None:
        found = [visit(pack, 10 * n, Fault(f"F{n}", safety=True)) for n in range(times)]
        assert state(pack, lemon.SAFETY, found) == expected

    @pytest.mark.parametrize(
        ("pack", "system", "counts"),
        [
            *((OLD, one, one in ("ENGINE", "GEARBOX")) for one in ("ENGINE", "GEARBOX", "BATTERY", "MOTOR", "BRAKES")),
            *((NEW, one, one != "BRAKES") for one in ("ENGINE", "GEARBOX", "BATTERY", "MOTOR", "BRAKES")),
        ],
    )  # fmt: skip
    def test_an_assembly_replaced_twice_and_still_unusable(self, pack: lemon.Pack, system: str, counts: bool) -> None:
        replaced = Fault("A", system, replaced=lemon.REPLACED_ASSEMBLY)
        once = [visit(pack, 10, replaced)]
        twice = [*once, visit(pack, 20, replaced)]
        still = [*twice, visit(pack, 30, Fault("ANOTHER", system))]
        states = [state(pack, lemon.ASSEMBLY, found) for found in (once, twice, still)]
        assert states == ([CLEAR, WARNED, REACHED] if counts else [CLEAR] * 3)

    @pytest.mark.parametrize(
        ("pack", "system", "counts"),
        [
            *((OLD, one, one in OLD.main_part_systems) for one in ("STEERING", "AXLE", "ENGINE", "EMISSIONS")),
            *((NEW, one, one in NEW.main_part_systems) for one in ("STEERING", "AXLE", "ENGINE", "EMISSIONS")),
        ],
    )  # fmt: skip
    def test_the_same_main_part_replaced_twice_and_still_faulty(
        self, pack: lemon.Pack, system: str, counts: bool
    ) -> None:
        part = Fault("PART", system, replaced=lemon.REPLACED_MAIN_PART)
        twice = [visit(pack, 10, part), visit(pack, 20, part)]
        other = [*twice, visit(pack, 30, Fault("ANOTHER", system))]
        again = [*twice, visit(pack, 30, Fault("PART", system))]
        states = [state(pack, lemon.MAIN_PART, found) for found in (twice, other, again)]
        assert states == ([WARNED, WARNED, REACHED] if counts else [CLEAR] * 3)

    @BOTH
    @pytest.mark.parametrize(
        ("day", "km", "reached"), [(59, 3000, True), (60, 3000, False), (59, 3001, False), (0, 0, True)]
    )
    def test_early_defects_within_sixty_days_and_three_thousand_kilometres(
        self, pack: lemon.Pack, day: int, km: int, reached: bool
    ) -> None:
        for defect in range(1, 6):
            expected = REACHED if reached and (defect < 5 or pack is NEW) else CLEAR
            assert state(pack, lemon.EARLY_DEFECT, [visit(pack, day, Fault("X", defect=defect), km=km)]) == expected

    @BOTH
    @pytest.mark.parametrize(("day", "reached"), [(0, True), (6, True), (7, False)])
    def test_what_of_the_drive_is_replaced_in_the_first_seven_days(
        self, pack: lemon.Pack, day: int, reached: bool
    ) -> None:
        for replaced in (0, lemon.REPLACED_MAIN_PART, lemon.REPLACED_ASSEMBLY):
            found = [visit(pack, day, Fault("X", "MOTOR", replaced=replaced), km=100)]
            expected = REACHED if reached and replaced and pack is NEW else CLEAR
            assert state(pack, lemon.FIRST_DAYS, found) == expected
        assert state(pack, lemon.FIRST_DAYS, [visit(pack, day, Fault("X", "BRAKES", replaced=1))]) == CLEAR

    @BOTH
    def test_only_the_period_counts(self, pack: lemon.Pack) -> None:
        last = (pack.period_end(START[pack.pack]) - START[pack.pack]).days - 1
        for day, km, expected in ((last, 50_000, 40), (last + 1, 50_000, 0), (last, 50_001, 0), (-1, 0, 0)):
            watch = lemon.evaluate(
                pack,
                START[pack.pack],
                ZONE,
                0,
                [visit(pack, day, km=km, hours=24 * 40)],
                datetime(2026, 1, 1, tzinfo=UTC),
            )
            assert watch.repair_days == expected


class TestDays:
    def test_a_car_that_is_still_there_is_counted_up_to_now_and_looked_at_when_a_day_more_counts(self) -> None:
        one = visit(NEW, 100, closed=False)
        now = one.opened + timedelta(hours=49)
        assert lemon.repair_days([one], now) == (3, one.opened + timedelta(days=3, seconds=1))
        assert lemon.repair_days([one], one.opened + timedelta(days=3, seconds=1))[0] == 4

    def test_visits_that_overlap_count_their_time_once(self) -> None:
        first, second = visit(NEW, 100, hours=48), visit(NEW, 101, hours=48)
        assert lemon.repair_days([first, second], datetime(2026, 1, 1, tzinfo=UTC))[0] == 3


HISTORY = st.lists(
    st.tuples(
        st.integers(0, 800), st.integers(1, 300), st.integers(0, 60_000), st.sampled_from(["A", "B", ""]), st.booleans(),
        st.sampled_from(["", "ENGINE", "BRAKES"]), st.integers(0, 2), st.integers(0, 5),
    ),
    max_size=12,
)  # fmt: skip


class TestDifferential:
    @settings(deadline=None, max_examples=150)
    @given(st.sampled_from([OLD, NEW]), HISTORY)
    def test_it_agrees_with_a_plain_reading_of_the_law(self, pack: lemon.Pack, history: list[Any]) -> None:
        visits, plain = [], []
        day = 0
        for gap, hours, km, name, safety, system, replaced, defect in history:
            day += gap % 90 + 14  # visits do not overlap: a plain reading has no rule for that
            visits.append(visit(pack, day, Fault(name, system, safety, replaced, defect), hours=hours, km=km))
            if day < (pack.period_end(START[pack.pack]) - START[pack.pack]).days and km <= 50_000:
                plain.append((day, hours, km, name, safety, system, replaced, defect))
        watch = lemon.evaluate(pack, START[pack.pack], ZONE, 0, visits, datetime(2040, 1, 1, tzinfo=UTC))
        assert watch.repair_days == sum(len(range(0, one[1], 24)) for one in plain)
        assert (watch.state == REACHED) == self.owed(pack, plain)

    @staticmethod
    def owed(pack: lemon.Pack, plain: list[Any]) -> bool:
        """Walks the visits in their order and says whether the owner may at some of them ask for another car."""
        new = pack is NEW
        days, safety = 0, 0
        repairs: dict[str, int] = {}
        assemblies: dict[str, int] = {}
        parts: dict[tuple[str, str], int] = {}
        for day, hours, km, name, serious, system, replaced, defect in plain:
            days += len(range(0, hours, 24))
            safety += serious
            repairs[name] = repairs.get(name, 0) + 1
            if days > (30 if new else 35) or safety > 2:
                return True
            if name and repairs[name] > (4 if new else 5):
                return True
            if assemblies.get(system, 0) >= 2 or parts.get((system, name), 0) >= 2:
                return True
            if replaced == 2 and system == "ENGINE":
                assemblies[system] = assemblies.get(system, 0) + 1
            if replaced == 1 and (system == "BRAKES" or (new and system == "ENGINE")) and name:
                parts[system, name] = parts.get((system, name), 0) + 1
            if day < 60 and km <= 3000 and 0 < defect <= (5 if new else 4):
                return True
            if new and day < 7 and replaced and system == "ENGINE":
                return True
        return False


class TestCompensation:
    @pytest.mark.parametrize(("pack", "amount"), [(OLD, 1_600_000), (NEW, 1_000_000)], ids=["2013", "2021"])
    def test_it_is_price_by_kilometres_by_rate(self, pack: lemon.Pack, amount: int) -> None:
        assert lemon.compensation(pack, 20_000_000, 10_000) == amount
