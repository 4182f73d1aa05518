"""The made-up rows are what the services take."""

from __future__ import annotations

import pytest
from tradekit import phone, vin

from bench import data


class TestCustomers:
    @pytest.mark.parametrize("first", [0, 100_000_000, 110_000_000])
    def test_the_stream_has_every_row_once_and_the_header_once(self, first: int) -> None:
        messages = list(data.chunks(first, 2_500))
        assert [len(message.rows) for message in messages] == [1000, 1000, 500]
        assert [message.HasField("header") for message in messages] == [True, False, False]
        assert len({row.source_key for message in messages for row in message.rows}) == 2_500

    def test_the_same_number_is_the_same_customer(self) -> None:
        assert data.customer(42) == data.customer(42)

    def test_there_are_chinese_and_latin_names(self) -> None:
        rows = [data.customer(number) for number in range(30)]
        assert any(row.full_name for row in rows)
        assert any(row.family_name for row in rows)

    def test_every_phone_is_one_that_its_country_has_in_use(self) -> None:
        for number in (*range(300), *range(100_000_000, 100_000_300), *range(110_000_000, 110_000_300)):
            row = data.customer(number)
            assert phone.normalise(row.phone, row.country_code)


class TestVins:
    def test_numbers_have_different_valid_vins(self) -> None:
        found = [data.vin(number) for number in range(0, 3_000_000, 7_919)]
        assert len(set(found)) == len(found)
        assert [vin.validate(one, "CN").value for one in found] == found


class TestDealers:
    def test_every_customer_falls_to_a_dealer_of_the_message(self) -> None:
        codes = {row.code for row in data.dealers().rows}
        assert {data.dealer_code(number) for number in range(100)} == codes
