"""The report: what is met, what is missed and by how much, and that nothing is met by being absent."""

from __future__ import annotations

import json

import pytest

from bench.report import Failure, Figure, Target, document, number, table, verdict


def figure(
    ours: float, sense: str = "at least", bound: float = 0.25, of: str = "ratio", yardstick: float | None = 100.0
) -> Figure:
    return Figure("read", "one", ours, "requests/CPU-s", yardstick, "bare", Target(of, sense, bound), "a note")


class TestTargets:
    @pytest.mark.parametrize(
        ("ours", "sense", "bound", "met"),
        [
            (25.0, "at least", 0.25, True),
            (24.9, "at least", 0.25, False),
            (300.0, "at most", 3.0, True),
            (300.1, "at most", 3.0, False),
            (120.0, "under", 1.2, False),
            (119.9, "under", 1.2, True),
        ],
    )
    def test_a_ratio_is_judged_at_its_bound(self, ours: float, sense: str, bound: float, met: bool) -> None:
        assert figure(ours, sense, bound).met is met

    def test_a_figure_of_its_own_is_judged_without_a_yardstick(self) -> None:
        assert figure(99.0, "under", 100, of="ours", yardstick=None).met is True
        assert figure(100.0, "under", 100, of="ours", yardstick=None).met is False

    def test_a_ratio_without_a_yardstick_is_a_miss(self) -> None:
        assert figure(25.0, yardstick=None).met is False
        assert verdict(figure(25.0, yardstick=None)) == "MISSED"

    def test_without_a_target_nothing_is_judged(self) -> None:
        assert Figure("read", "one", 1.0, "s").met is None

    def test_rounds_give_the_median_of_their_ratios(self) -> None:
        assert Figure("read", "one", 10.0, "s", 100.0, rounds=(0.2, 0.9, 0.3)).ratio == 0.3

    @pytest.mark.parametrize(("of", "sense"), [("theirs", "at least"), ("ours", "about")])
    def test_a_target_that_means_nothing_is_refused(self, of: str, sense: str) -> None:
        with pytest.raises(ValueError, match="no such target"):
            Target(of, sense, 1.0)


class TestTable:
    def test_says_figure_yardstick_ratio_target_and_verdict(self) -> None:
        text = table([figure(20.0)])
        assert "0.2 " in text
        assert "at least 0.25 × the yardstick" in text
        assert "MISSED (0.80 of the bound)" in text
        assert "read, one: a note" in text

    def test_columns_are_aligned(self) -> None:
        lines = table([figure(20.0), figure(123456.0)]).splitlines()
        assert len({line.index("requests/CPU-s") for line in lines if "requests/CPU-s" in line}) == 1

    def test_what_was_not_measured_is_told(self) -> None:
        assert "events: NOT MEASURED, no broker" in table([], [Failure("events", "no broker")])


class TestDocument:
    def test_is_json_with_ratio_verdict_and_machine(self) -> None:
        found = json.loads(document([figure(20.0)], [Failure("events", "no broker")], quick=True))
        assert found["figures"][0]["ratio"] == 0.2
        assert found["figures"][0]["met"] is False
        assert found["failures"] == [{"bench": "events", "why": "no broker"}]
        assert found["machine"]["cores"] >= 1


class TestNumber:
    @pytest.mark.parametrize(
        ("value", "text"), [(None, "–"), (0.1234, "0.123"), (12.0, "12"), (12.345, "12.3"), (12345.6, "12,346")]
    )
    def test_is_short_and_parted(self, value: float | None, text: str) -> None:
        assert number(value) == text
