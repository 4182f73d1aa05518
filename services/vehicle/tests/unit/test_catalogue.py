"""What can be ordered together: every rule at its boundary, and all of them against a plain reading."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_vehicle.rules import catalogue as rules

DAY = date(2026, 5, 10)


def trim(code: str, first: str | None = None, before: str | None = None) -> dict[str, Any]:
    return {"trim_code": code, "offered_from": first, "offered_before": before}


def option(code: str, **fields: Any) -> dict[str, Any]:
    plain = {"group_code": "", "trim_codes": [], "requires": [], "excludes": [], "offered_from": None}
    return {"option_code": code, "offered_before": None, **plain, **fields}


OPTIONS = [
    option("RED", group_code="COLOUR"),
    option("BLUE", group_code="COLOUR"),
    option("W19", trim_codes=["SPORT"]),
    option("TOW", requires=["W19"], excludes=["BLUE"]),
    option("OLD", offered_before="2026-05-10"),
    option("NEW", offered_from="2026-05-10"),
]
TRIMS = [trim("BASE"), trim("SPORT"), trim("GONE", before="2026-05-10")]


def wrong(trim_code: str, *chosen: str) -> list[tuple[int, str, str]]:
    found = rules.check(TRIMS, OPTIONS, ["COLOUR"], trim_code, chosen, DAY)
    return [(one.reason, one.code, one.other) for one in found]


class TestCheck:
    @pytest.mark.parametrize(
        ("configuration", "problems"),
        [
            (("BASE", "RED"), []),
            (("SPORT", "RED", "W19", "TOW", "NEW"), []),
            (("BASE",), [(rules.GROUP_MISSING, "COLOUR", "")]),
            (("BASE", "RED", "BLUE"), [(rules.GROUP_TWICE, "COLOUR", "")]),
            (("BASE", "RED", "W19"), [(rules.NOT_WITH_TRIM, "W19", "BASE")]),
            (("SPORT", "RED", "TOW"), [(rules.REQUIRES, "TOW", "W19")]),
            (("SPORT", "BLUE", "W19", "TOW"), [(rules.EXCLUDES, "BLUE", "TOW")]),
            (("BASE", "RED", "OLD"), [(rules.OPTION_NOT_OFFERED, "OLD", "")]),
            (("BASE", "RED", "NONE"), [(rules.OPTION_NOT_OFFERED, "NONE", "")]),
            (("GONE", "RED"), [(rules.TRIM_NOT_OFFERED, "GONE", "")]),
            (("NONE", "RED"), [(rules.TRIM_NOT_OFFERED, "NONE", "")]),
        ],
    )
    def test_each_rule_says_what_is_wrong(self, configuration: tuple[str, ...], problems: list[Any]) -> None:
        assert wrong(*configuration) == problems

    @given(st.data())
    def test_agrees_with_a_plain_reading_of_the_rules(self, data: st.DataObject) -> None:
        codes = ["A", "B", "C", "D"]
        some = st.lists(st.sampled_from(codes), max_size=2, unique=True)
        options = [
            option(
                code,
                group_code=data.draw(st.sampled_from(["", "G", "H"])),
                trim_codes=data.draw(st.lists(st.sampled_from(["S", "T"]), max_size=1)),
                requires=data.draw(some),
                excludes=data.draw(some),
            )
            for code in codes
        ]
        chosen = set(data.draw(st.lists(st.sampled_from(codes), unique=True)))
        needed = data.draw(st.sampled_from([[], ["G"], ["G", "H"]]))
        by_code = {one["option_code"]: one for one in options}
        groups = [by_code[code]["group_code"] for code in chosen]
        fine = (
            all(not by_code[code]["trim_codes"] or "S" in by_code[code]["trim_codes"] for code in chosen)
            and all(set(by_code[code]["requires"]) <= chosen for code in chosen)
            and not any(other in by_code[code]["excludes"] for code in chosen for other in chosen)
            and all(groups.count(group) == 1 for group in needed)
            and all(groups.count(group) <= 1 for group in ("G", "H"))
        )
        found = rules.check([trim("S")], options, needed, "S", sorted(chosen), DAY)
        assert (not found) == fine
        assert found == rules.check([trim("S")], options, needed, "S", sorted(chosen, reverse=True), DAY)


class TestOffered:
    @pytest.mark.parametrize(
        ("first", "before", "offered"),
        [
            (None, None, True),
            ("2026-05-10", None, True),
            ("2026-05-11", None, False),
            (None, "2026-05-10", False),
            (None, "2026-05-11", True),
        ],
    )
    def test_the_first_day_is_in_and_the_last_bound_is_out(
        self, first: str | None, before: str | None, offered: bool
    ) -> None:
        assert rules.is_offered(trim("T", first, before), DAY) is offered


class TestFaults:
    @pytest.mark.parametrize(
        ("options", "fault"),
        [
            ([option("A"), option("A")], ("options[0].option_code", "CATALOGUE_CODE_TWICE")),
            ([option("BASE")], ("options[0].option_code", "CATALOGUE_CODE_TWICE")),
            ([option("A", requires=["B"])], ("options[0].requires", "CATALOGUE_CODE_UNKNOWN")),
            ([option("A", excludes=["B"])], ("options[0].excludes", "CATALOGUE_CODE_UNKNOWN")),
            ([option("A", trim_codes=["X"])], ("options[0].trim_codes", "CATALOGUE_CODE_UNKNOWN")),
            ([option("A", excludes=["A"])], ("options[0].excludes", "OPTION_CONTRADICTORY")),
            (
                [option("A", requires=["B"], excludes=["B"]), option("B")],
                ("options[0].excludes", "OPTION_CONTRADICTORY"),
            ),
            (
                [option("A", offered_from="2026-01-02", offered_before="2026-01-02")],
                ("options[0].offered_before", "RANGE_REVERSED"),
            ),
        ],
    )
    def test_a_model_that_contradicts_itself_is_told_where(self, options: list[Any], fault: tuple[str, str]) -> None:
        assert fault in rules.faults([trim("BASE")], options, [])

    def test_a_group_that_must_be_chosen_has_an_option(self) -> None:
        assert rules.faults([trim("BASE")], [option("A")], ["G"]) == [("required_groups", "CATALOGUE_CODE_UNKNOWN")]
        assert rules.faults([trim("BASE")], [option("A", group_code="G")], ["G"]) == []


class TestTotal:
    def test_is_the_sum_or_names_what_has_no_price(self) -> None:
        prices = {"BASE": ("CNY", 100), "RED": ("CNY", 7)}
        assert rules.total(prices, ["BASE", "RED", "RED"]) == ([], "CNY", 107)
        missing, _, total = rules.total(prices, ["BASE", "BLUE"])
        assert ([one.code for one in missing], total) == (["BLUE"], None)
