"""The arithmetic of cars and visits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_vehicle.rules import days, lines, stages, vins
from tradekit import vin as vin_tools

AMOUNTS = st.one_of(st.none(), st.integers(0, 10**9))
ITEMS = st.lists(
    st.builds(lambda amount: {"operation_code": "1", **({"amount": amount} if amount is not None else {})}, AMOUNTS),
    max_size=4,
)
PARTS = st.lists(
    st.builds(lambda amount: {"part_number": "1", **({"amount": amount} if amount is not None else {})}, AMOUNTS),
    max_size=4,
)
LINES = st.lists(st.fixed_dictionaries({"pay_type": st.integers(1, 6), "labours": ITEMS, "parts": PARTS}), max_size=8)


class TestTotals:
    @given(LINES)
    def test_what_payers_owe_is_what_lines_charge(self, given_lines: list[dict[str, Any]]) -> None:
        found = lines.totals(given_lines)
        charged = sum(
            item.get("amount", 0) for line in given_lines for name in ("labours", "parts") for item in line[name]
        )
        assert sum(one["labour"] + one["parts"] for one in found) == charged
        assert [one["pay_type"] for one in found] == lines.pay_types(given_lines)


class TestNumbered:
    @given(st.lists(st.integers(0, 6), max_size=7))
    def test_every_line_gets_one_number_and_given_ones_stay(self, numbers: list[int]) -> None:
        given_numbers = [number for number in numbers if number]
        made = [{"line_number": number, "at": place} for place, number in enumerate(numbers)]
        if len(set(given_numbers)) != len(given_numbers):
            with pytest.raises(ValueError):
                lines.numbered(made)
            return
        found = lines.numbered([dict(line) for line in made])
        assert len({line["line_number"] for line in found}) == len(numbers)
        assert [line["line_number"] for line in found] == sorted(line["line_number"] for line in found)
        for line in found:
            assert numbers[line["at"]] in (0, line["line_number"])


class TestWithHidden:
    @given(LINES)
    def test_a_round_trip_through_who_sees_no_amounts_keeps_them(self, given_lines: list[dict[str, Any]]) -> None:
        known = lines.numbered([dict(line) for line in given_lines])
        seen = [
            {
                **line,
                **{
                    name: [{k: v for k, v in item.items() if k != "amount"} for item in line[name]]
                    for name in ("labours", "parts")
                },
            }
            for line in known
        ]
        assert lines.with_hidden(known, seen, frozenset({"amount"})) == known


class TestReachable:
    @given(st.integers(1, 10), st.integers(1, 10))
    def test_forward_anything_backward_work_or_waiting_after_collection_nothing(
        self, present: int, wanted: int
    ) -> None:
        found = stages.reachable(present, wanted)
        if present == stages.COLLECTED or present == wanted:
            assert not found
        else:
            assert found == (wanted > present or wanted in (3, 4, 5))


class TestDays:
    @pytest.mark.parametrize(
        ("invoice", "delivery", "field"),
        [
            (date(1990, 1, 1), None, None),
            (date(1989, 12, 31), None, "invoice_date"),
            (date(2026, 6, 2), None, None),
            (date(2026, 6, 3), None, "invoice_date"),
            (date(2026, 1, 1), date(1989, 12, 31), "delivery_date"),
            (date(2024, 1, 1), date(2025, 1, 1), None),
            (date(2024, 1, 1), date(2025, 1, 2), "delivery_date"),
            (date(2026, 1, 1), date(2025, 12, 1), None),
        ],
    )
    def test_the_bounds_of_a_sale(self, invoice: date, delivery: date | None, field: str | None) -> None:
        found = days.problem(invoice, delivery, date(2026, 6, 1))
        assert (found and found[0]) == field

    def test_a_day_begins_in_the_dealers_zone_summer_time_included(self) -> None:
        assert days.beginning(date(2026, 7, 1), "Europe/Berlin") == datetime(2026, 6, 30, 22, tzinfo=UTC)
        assert days.beginning(date(2026, 1, 1), "Europe/Berlin") == datetime(2025, 12, 31, 23, tzinfo=UTC)
        assert days.beginning(date(2026, 1, 1), "No/Where") == datetime(2026, 1, 1, tzinfo=UTC)

    @given(
        st.dates(date(1990, 1, 2), date(2100, 1, 1)),
        st.sampled_from(["Asia/Shanghai", "America/Sao_Paulo", "Africa/Cairo", ""]),
    )
    def test_days_follow_each_other(self, day: date, zone: str) -> None:
        length = days.beginning(day, zone) - days.beginning(day - timedelta(days=1), zone)
        assert timedelta(hours=22) < length < timedelta(hours=26)


VALID = ["1M8GDM9AXKP042788", "1G4AH59H45G118341", "1J9RP1A36A1644345"]


class TestVins:
    @pytest.mark.parametrize("vin", VALID)
    @pytest.mark.parametrize("market", ["US", "CN", "CA", "DE", ""])
    def test_known_vectors_hold_in_every_market(self, vin: str, market: str) -> None:
        assert vins.check(vin, market).valid

    @pytest.mark.parametrize(("market", "policy"), [("US", 1), ("CN", 1), ("CA", 1), ("DE", 3), ("", 2)])
    def test_the_policy_is_that_of_the_market(self, market: str, policy: int) -> None:
        assert vins.vins_policy(market) == policy

    def test_a_wrong_digit_is_only_told_where_no_market_is_known(self) -> None:
        found = vins.check("ZZZGDM9A0KP042788", "")
        assert found.valid
        assert "VIN_CHECK_DIGIT" in [one.reason for one in found.problems]

    @given(st.sampled_from(VALID), st.integers(0, 15))
    def test_a_swap_of_neighbours_is_offered_back(self, vin: str, place: int) -> None:
        typed = vin[:place] + vin[place + 1] + vin[place] + vin[place + 2 :]
        if typed != vin and not vin_tools.check_digit_holds(typed):
            assert vin in [one.vin for one in vins.near_misses(typed)]

    @given(st.sampled_from(VALID), st.integers(0, 16), st.sampled_from(vin_tools.ALPHABET))
    def test_every_slip_leads_back_whatever_the_check_digit(self, vin: str, place: int, other: str) -> None:
        typed = vin[:place] + other + vin[place + 1 :]
        assert (vin in [one.vin for one in vins.slips(typed)]) == (typed != vin)
        assert typed not in [one.vin for one in vins.slips(typed)]

    def test_the_year_of_the_decoder_goes_before_the_latest_one(self) -> None:
        assert vins.model_years("JTEZU11F88K007763", 2040) == [2008, 2038]  # position 7 decides nothing in Japan

    @given(st.text(max_size=32))
    def test_any_text_is_judged_without_a_crash(self, text: str) -> None:
        found = vins.check(text, "CN")
        assert found.valid <= found.shape
        for miss in vins.near_misses(text):
            assert vin_tools.check_digit_holds(miss.vin)
