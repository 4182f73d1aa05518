"""Reports on recalls: the periods of each authority, and running totals against a count car by car."""

from __future__ import annotations

import csv
import hashlib
import itertools
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_vehicle.mapping import recall_reports as files
from marque_vehicle.rules import recall_reports as rules
from marque_vehicle.rules.recall_reports import Cars, Period

days = st.dates(date(2015, 1, 1), date(2035, 12, 31))
spans = st.tuples(days, st.integers(0, 1500)).map(lambda one: (one[0], one[0] + timedelta(days=one[1])))
places = st.none() | st.integers(0, 5)
CARS = st.builds(
    Cars, st.integers(1, 4), st.none() | st.integers(2, 5), st.integers(1, 9), places, st.integers(1, 4), places,
    st.integers(0, 5),
)  # fmt: skip


class TestPeriods:
    @pytest.mark.parametrize(
        ("start", "until", "expected"),
        [
            ("2026-02-14", "2026-03-31", [("2026Q1", "2026-03-31")]),
            ("2026-03-31", "2026-04-01", [("2026Q1", "2026-03-31"), ("2026Q2", "2026-04-01")]),
            ("2026-12-31", "2027-01-01", [("2026Q4", "2026-12-31"), ("2027Q1", "2027-01-01")]),
            ("2026-07-01", "2026-07-01", [("2026Q3", "2026-07-01")]),
        ],
    )
    def test_quarters_are_those_of_the_calendar(self, start: str, until: str, expected: list[tuple[str, str]]) -> None:
        found = rules.quarters(date.fromisoformat(start), date.fromisoformat(until))
        assert [(one.label, one.last.isoformat()) for one in found] == expected

    @pytest.mark.parametrize(
        ("start", "until", "closed", "expected"),
        [
            ("2026-01-15", "2026-04-14", None, ["1 2026-04-14"]),
            ("2026-01-15", "2026-04-15", None, ["1 2026-04-14", "2 2026-04-15"]),
            ("2025-11-30", "2026-03-05", None, ["1 2026-02-28", "2 2026-03-05"]),
            ("2026-01-15", "2026-12-31", "2026-05-01", ["1 2026-04-14", "2 2026-05-01 summary"]),
            ("2026-01-15", "2026-04-01", "2026-05-01", ["1 2026-04-01"]),
            ("2026-01-15", "2026-05-01", "2026-01-15", ["1 2026-01-15 summary"]),
        ],
    )
    def test_phases_are_three_months_each_and_the_summary_ends_them(
        self, start: str, until: str, closed: str | None, expected: list[str]
    ) -> None:
        ended = date.fromisoformat(closed) if closed else None
        found = rules.phases(date.fromisoformat(start), date.fromisoformat(until), ended)
        assert [f"{one.label} {one.last}{' summary' if one.summary else ''}" for one in found] == expected

    @pytest.mark.parametrize(
        ("day", "due"),
        [
            ("2026-01-01", "2026-04-30"),
            ("2026-03-31", "2026-04-30"),
            ("2026-04-01", "2026-07-30"),
            ("2026-09-30", "2026-10-30"),
            ("2026-12-31", "2027-01-30"),
        ],
    )
    def test_a_quarter_is_reported_by_the_thirtieth_of_the_month_after_it(self, day: str, due: str) -> None:
        assert rules.due_day(date.fromisoformat(day)) == date.fromisoformat(due)

    @given(spans)
    def test_periods_follow_each_other_and_end_with_the_last_day(self, span: tuple[date, date]) -> None:
        for found in (rules.quarters(*span), rules.phases(*span, None)):
            lasts = [one.last for one in found]
            assert lasts == sorted(set(lasts))
            assert lasts[0] >= span[0]
            assert lasts[-1] == span[1]
            assert all((after - before).days <= 93 for before, after in itertools.pairwise(lasts))


class TestStandings:
    @given(st.lists(CARS, max_size=30), st.lists(st.integers(1, 4), min_size=1, max_size=6).map(sorted))
    def test_totals_are_those_of_a_count_car_by_car(self, cars: list[Cars], versions: list[int]) -> None:
        for place, (version, found) in enumerate(zip(versions, rules.standings(versions, cars), strict=True)):
            fates = Counter[str]()
            for one in cars:
                for _ in range(one.count):
                    if not one.first <= version < (one.removed or 99):
                        continue
                    if one.remedied is not None and one.remedied <= place:
                        fates[f"kind {one.kind}"] += 1
                    elif one.reason and one.lost is not None and one.lost <= place:
                        fates[f"reason {one.reason}"] += 1
                    else:
                        fates["left"] += 1
            assert found.involved == sum(fates.values())
            assert found.left == fates["left"]
            assert found.remedied == {kind: fates[f"kind {kind}"] for kind in (1, 2, 3, 4)}
            assert found.unreachable == {reason: fates[f"reason {reason}"] for reason in (1, 2, 3, 4, 5)}


def read(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(content.removeprefix("\ufeff").splitlines()))


class TestFile:
    recall: dict[str, Any] = {"code": "26V1/2", "title": '=1+"x"', "opened": date(2026, 1, 2), "closed": None}  # noqa: RUF012
    cars = (Cars(1, None, 6), Cars(1, None, 3, 0, 1), Cars(1, None, 1, None, 0, 0, 3))

    def test_the_american_one_has_a_row_for_each_quarter(self) -> None:
        periods = [Period("2026Q1", date(2026, 3, 31))]
        others = (
            Cars(1, None, 4),
            Cars(1, None, 3, 0, 1),
            Cars(1, None, 1, 0, 2),
            Cars(1, None, 1, 0, 4),
            self.cars[2],
        )
        made = files.report(rules.US, self.recall, periods, rules.standings([1], others))
        (row,) = read(made.csv)
        assert row["quarter"] == "2026Q1"
        assert list(row)[:11] == [  # 49 CFR 573.7 (b), in the order of its paragraphs
            "notification_campaign_number", "date_notification_began", "date_notification_completed", "vehicles_involved",
            "inspected_and_repaired", "inspected_no_repair_needed", "unreachable_export", "unreachable_theft",
            "unreachable_scrapping", "unreachable_failure_to_receive_notification", "unreachable_other",
        ]  # fmt: skip
        assert list(row.values())[:11] == ["26V1/2", "2026-01-02", "", "10", "4", "1", "0", "0", "1", "0", "0"]
        names = ("repaired_at_a_station", "repaired_over_the_air", "remaining", "report_due")
        assert [row[name] for name in names] == ["3", "1", "4", "2026-04-30"]
        assert row["title"] == '\'=1+"x"', "a spreadsheet would take it for a formula"
        assert made.sha256 == hashlib.sha256(made.csv.encode()).hexdigest()
        assert made.file_name == "recall-26V1-2-us-2026-03-31.csv"

    def test_the_chinese_one_is_in_chinese_and_tells_the_rate(self) -> None:
        periods = [Period("1", date(2026, 3, 31)), Period("2", date(2026, 4, 2), summary=True)]
        made = files.report(rules.CN, self.recall, periods, rules.standings([1, 1], self.cars))
        first, last = read(made.csv)
        assert made.csv.startswith("\ufeff召回编号")
        assert [first["报告类型"], last["报告类型"]] == ["阶段性报告", "总结报告"]
        assert (last["涉及车辆数量"], last["已维修数量"], last["已报废数量"], last["完成率"]) == (
            "10",
            "3",
            "1",
            "30.00%",
        )
