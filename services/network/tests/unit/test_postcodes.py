from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from marque_network.rules.postcodes import LENGTH, number, plain, span

codes = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=LENGTH)


class TestPostcodes:
    @given(codes, codes, codes)
    def test_a_code_lies_in_a_span_exactly_where_its_beginning_does(self, one: str, other: str, code: str) -> None:
        length = min(len(one), len(other))
        first, last = sorted((one[:length], other[:length]))
        low, beyond = span(first, last)
        assert (low <= number(code) < beyond) is (first <= code[:length] <= last)

    @given(codes, codes)
    def test_numbers_keep_the_order_of_codes_and_fit_the_database(self, one: str, other: str) -> None:
        assert (number(one) < number(other)) is (one < other)
        assert 0 <= number(one) < 2**63
        assert span(one, one)[1] < 2**63

    def test_what_people_write_is_one_code(self) -> None:
        assert {plain(text) for text in ("200 120", "200-120", "２００１２０", " 200120 ")} == {"200120"}
        assert plain("sw1a 1aa") == "SW1A1AA"

    def test_what_is_none_is_empty(self) -> None:
        assert [plain(text) for text in ("", "上海", "12_3", "1" * 13)] == ["", "", "", ""]
