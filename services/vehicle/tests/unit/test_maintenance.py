"""When a car is to be serviced next: by time or distance, whichever comes first, and what counts as coming."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_vehicle.rules import maintenance as rules
from marque_vehicle.rules.maintenance import DISTANCE, TIME, Plan, Service
from marque_vehicle.rules.odometer import Rate

START = date(2025, 1, 31)


def plan(code: str = "P", **more: object) -> Plan:
    given_ = {
        "effective_from": date(2020, 1, 1), "effective_before": None, "market": "CN", "make": "", "model": "",
        "steps": ((5000, 6), (10_000, 12), (20_000, 24)), "repeat_km": 10_000, "repeat_months": 12, "operations": frozenset[str](),
    }  # fmt: skip
    return Plan(code, **{**given_, **more})  # type: ignore[arg-type]


def rate(per_day: float, day: date = START, distance: int = 0) -> Rate:
    return Rate(day, distance, per_day, per_day / 2, per_day * 2)


def visit(key: str, day: date, km: int, *operations: str, dealer: str = "A") -> Service:
    return Service(key, day, km, dealer, frozenset(operations))


class TestNextService:
    @pytest.mark.parametrize(
        ("per_day", "due", "cause"),
        [(100, START + timedelta(days=50), DISTANCE), (10, date(2025, 7, 31), TIME)],
        ids=["much driven", "little driven"],
    )
    def test_it_is_due_by_what_comes_first(self, per_day: float, due: date, cause: int) -> None:
        found = rules.next_service(plan(), START, "sale", [], rate(per_day))
        assert found is not None
        assert (found.number, found.anchor, found.due, found.cause, found.distance) == (1, "sale", due, cause, 5000)
        assert found.early is not None
        assert found.distance_due is not None
        assert found.late is not None
        assert found.early <= found.distance_due <= found.late

    def test_both_on_one_day_is_by_time(self) -> None:
        found = rules.next_service(plan(), START, "sale", [], rate(5000 / 181))
        assert found is not None
        assert (found.due, found.cause) == (date(2025, 7, 31), TIME)

    def test_after_a_service_the_interval_begins_anew_there(self) -> None:
        done = [visit("one", date(2025, 5, 10), 6000)]
        found = rules.next_service(plan(), START, "sale", done, rate(100, date(2025, 5, 10), 6000))
        assert found is not None
        assert (found.number, found.anchor, found.distance, found.time_due) == (2, "one", 11_000, date(2025, 11, 10))

    @pytest.mark.parametrize(
        ("km", "months", "expected"),
        [(0, 12, (None, TIME)), (10_000, 0, (None, DISTANCE)), (0, 0, None)],
        ids=["by time alone", "by distance alone", "nothing more"],
    )
    def test_after_the_last_step_it_repeats_by_what_the_plan_has(
        self, km: int, months: int, expected: tuple[None, int] | None
    ) -> None:
        done = [visit(str(n), date(2025 + n, 1, 1), 8000 * n) for n in (1, 2, 3)]
        found = rules.next_service(plan(repeat_km=km, repeat_months=months), START, "s", done, rate(50))
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            assert (found.number, found.cause) == (4, expected[1])
            assert (found.time_due is None, found.distance_due is None) == (not months, not km)


class TestPlanOf:
    def test_the_closest_plan_in_force_is_followed(self) -> None:
        plans = [
            plan("ALL"), plan("MAKE", make="Volkswagen"), plan("MODEL", make="Volkswagen", model="Lavida"),
            plan("OLD", make="volkswagen", model="lavida", effective_from=date(2010, 1, 1), effective_before=date(2020, 1, 1)),
            plan("US", market="US"),
        ]  # fmt: skip
        of = [
            (day, model, getattr(rules.plan_of(plans, "CN", "Volkswagen", model, day), "code", None))
            for day in (date(2019, 12, 31), date(2020, 1, 1), date(2009, 1, 1)) for model in ("Lavida", "Polo")
        ]  # fmt: skip
        assert [code for *_, code in of] == ["OLD", None, "MODEL", "MAKE", None, None]


class TestServicesOf:
    def test_only_visits_with_an_operation_of_the_plan_are_services(self) -> None:
        visits = [visit("a", date(2025, 3, 1), 1000, "PAINT"), visit("b", date(2025, 6, 1), 5000, "SVC-1", "PAINT")]
        assert [one.key for one in rules.services_of(plan(operations=frozenset({"SVC-1"})), visits)] == ["b"]
        assert [one.key for one in rules.services_of(plan(), visits)] == ["a", "b"]

    @pytest.mark.parametrize(
        ("days", "km", "count"),
        [(29, 999, 1), (30, 999, 2), (29, 1000, 2)],
        ids=["again", "a month later", "far later"],
    )
    def test_a_second_visit_so_soon_is_no_second_service(self, days: int, km: int, count: int) -> None:
        first = visit("a", date(2025, 3, 1), 5000)
        assert len(rules.services_of(plan(), [first, visit("b", first.day + timedelta(days=days), 5000 + km)])) == count


class TestMilestones:
    @pytest.mark.parametrize(
        ("km", "today", "numbers"),
        [
            (4999, date(2025, 7, 30), []),
            (5000, date(2025, 2, 1), [1]),
            (0, date(2025, 7, 31), [1]),
            (10_000, date(2025, 7, 31), [1, 2]),
            (99_999, date(2025, 2, 1), [1, 2, 3]),
        ],
        ids=["neither", "by distance", "by time", "two", "all"],
    )
    def test_a_service_is_reached_by_distance_or_time(self, km: int, today: date, numbers: list[int]) -> None:
        found = rules.milestones(plan(), START, "A", [], km, today)
        assert [(one.number, one.returned) for one in found] == [(number, False) for number in numbers]

    def test_who_comes_early_has_reached_it_and_who_goes_elsewhere_is_not_the_sellers(self) -> None:
        done = [visit("a", date(2025, 2, 10), 900), visit("b", date(2025, 4, 10), 3000, dealer="B")]
        found = rules.milestones(plan(), START, "A", done, 3000, date(2025, 4, 11))
        assert [(one.returned, one.to_seller) for one in found] == [(True, True), (True, False)]

    @given(st.integers(0, 400_000), st.integers(0, 4000), st.integers(0, 5))
    def test_the_services_reached_are_the_first_ones_of_the_plan(self, km: int, days: int, done: int) -> None:
        visits = [visit(str(n), START + timedelta(days=40 * n), 1500 * n) for n in range(1, done + 1)]
        found = rules.milestones(plan(), START, "A", visits, km, START + timedelta(days=days))
        assert [one.number for one in found] == list(range(1, len(found) + 1))
        assert len(found) >= min(done, 3)


class TestNotice:
    @pytest.mark.parametrize(("ahead", "state"), [(15, 1), (14, 2), (0, 2), (-1, 3)])
    def test_it_is_due_from_the_notice_to_its_day(self, ahead: int, state: int) -> None:
        today = date(2026, 3, 1)
        assert rules.state_of(today + timedelta(days=ahead), today, 14) == state

    def test_notice_is_given_from_its_day_on_and_not_of_what_is_long_past(self) -> None:
        due = rules.next_service(plan(), START, "sale", [], rate(1))
        assert due is not None
        assert due.due == date(2025, 7, 31)
        told = {
            day: rules.to_be_told(due, rules.beginning(day), 14)
            for day in (date(2025, 7, 16), date(2025, 7, 17), date(2025, 12, 30), date(2026, 1, 30), date(2026, 1, 31))
        }
        assert list(told.values()) == [False, True, True, False, False]

    @given(st.floats(1, 400), st.integers(0, 2000), st.integers(0, 3))
    def test_the_next_change_lies_ahead_and_nothing_changes_before_it(
        self, per_day: float, days: int, done: int
    ) -> None:
        now = datetime(2025, 2, 1, tzinfo=UTC) + timedelta(days=days)
        visits = [visit(str(n), START + timedelta(days=100 * n), 4000 * n) for n in range(1, done + 1)]
        driven = rate(per_day, visits[-1].day if visits else START, visits[-1].distance if visits else 0)

        def state(moment: datetime) -> tuple[int, bool]:
            due = rules.next_service(plan(), START, "sale", visits, driven)
            reached = rules.milestones(plan(), START, "A", visits, driven.distance, moment.date())
            return len(reached), due is not None and rules.beginning(due.due - timedelta(days=14)) <= moment

        due = rules.next_service(plan(), START, "sale", visits, driven)
        change = rules.next_change(plan(), START, state(now)[0], due, now, 14)
        if change is None:
            assert state(now + timedelta(days=4000)) == state(now)
        else:
            assert change > now
            assert state(change - timedelta(seconds=1)) == state(now)
