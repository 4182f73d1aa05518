"""Reading the texts of import rows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque.vehicle.v1 import repair_order_types_pb2, vehicle_pb2
from marque_vehicle.usecases.imports.reading import Reading, codes, waves


class TestReading:
    @given(st.decimals(0, 10**9, places=2), st.sampled_from(["CNY", "JPY", "KWD"]))
    def test_an_amount_is_exact_or_refused(self, amount: Decimal, currency: str) -> None:
        reading = Reading(1)
        found = reading.amount("price", f"{amount:f}", currency)
        places = {"CNY": 2, "JPY": 0, "KWD": 3}[currency]
        exact = amount.scaleb(places)
        if exact == exact.to_integral_value():
            assert (found, reading.violations) == (int(exact), [])
        else:
            assert (found, [one.reason for one in reading.violations]) == (None, ["AMOUNT_INVALID"])

    @pytest.mark.parametrize("text", ["-1", "1,000", "1e3", "NaN", "１２", "1.", ".5", "0x1"])
    def test_what_is_no_plain_decimal_is_refused_without_repeating_it(self, text: str) -> None:
        reading = Reading(1)
        assert reading.amount("price", text, "CNY") is None
        (violation,) = reading.violations
        assert violation.field == "price"
        assert text not in violation.description

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-03-31", datetime(2026, 3, 30, 16, tzinfo=UTC)),
            ("2026-03-31T09:30:00", datetime(2026, 3, 31, 1, 30, tzinfo=UTC)),
            ("2026-03-31T09:30:00+01:00", datetime(2026, 3, 31, 8, 30, tzinfo=UTC)),
            ("2026-03-31T09:30:00Z", datetime(2026, 3, 31, 9, 30, tzinfo=UTC)),
            ("", None),
        ],
    )
    def test_a_moment_without_an_offset_is_the_dealers(self, text: str, moment: datetime | None) -> None:
        reading = Reading(1)
        assert reading.moment("open_time", text, "Asia/Shanghai") == moment
        assert reading.violations == []

    @given(st.text(max_size=40))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        reading = Reading(1)
        reading.moment("a", text, "Asia/Shanghai")
        reading.day("b", text)
        reading.amount("c", text, "CNY")
        reading.word("d", text, vehicle_pb2.VehicleUse)
        reading.vin(text, "CN")
        reading.customer_id(text)

    @pytest.mark.parametrize("text", ["warranty", "WARRANTY", "PAY_TYPE_WARRANTY", " Warranty "])
    def test_a_word_is_read_in_any_case_with_or_without_its_prefix(self, text: str) -> None:
        assert Reading(1).word("pay_type", text, repair_order_types_pb2.PayType) == 2

    def test_unspecified_is_no_word(self) -> None:
        reading = Reading(1)
        reading.word("pay_type", "unspecified", repair_order_types_pb2.PayType)
        assert [one.reason for one in reading.violations] == ["WORD_UNKNOWN"]


class TestWaves:
    @given(st.lists(st.integers(0, 3)))
    def test_no_wave_holds_a_key_twice_and_a_later_row_comes_later(self, keys: list[int]) -> None:
        found = waves(list(enumerate(keys)), lambda one: one[1])
        assert sorted(row for wave in found for row in wave) == list(enumerate(keys))
        for wave in found:
            assert len({key for _, key in wave}) == len(wave)
        for key in set(keys):
            places = [place for wave in found for place, other in wave if other == key]
            assert places == sorted(places)


class TestCodes:
    def test_codes_are_parted_by_either_semicolon_and_come_once(self) -> None:
        assert codes(" A ;B；A;; C") == ["A", "B", "C"]
