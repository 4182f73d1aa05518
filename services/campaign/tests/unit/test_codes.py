"""Codes of offers, as pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import codes

START, END = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


class TestCode:
    @given(st.integers(0, 2**32).flatmap(lambda _: st.builds(codes.draw)), st.booleans())
    def test_what_is_shown_and_typed_again_in_any_manner_is_the_same_code(self, code: str, lower: bool) -> None:
        text = codes.shown(code)

        assert len(code) == codes.LENGTH
        assert not set(code) & set("0O1IL2Z5S8B"), "two that are taken for one another"
        assert codes.typed(f" {text.lower() if lower else text} ") == code

    @given(st.text(max_size=30))
    def test_whatever_is_typed_is_a_code_or_none(self, text: str) -> None:
        found = codes.typed(text)

        assert found is None or (len(found) == codes.LENGTH and set(found) <= set(codes.ALPHABET))

    @pytest.mark.parametrize(
        ("redeemed", "cancelled", "moment", "state"),
        [
            (False, False, START - timedelta(seconds=1), codes.TOO_EARLY),
            (False, False, START, codes.OPEN),
            (False, False, END - timedelta(seconds=1), codes.OPEN),
            (False, False, END, codes.EXPIRED),
            (False, True, START, codes.CALLED_OFF),
            (True, True, END, codes.REDEEMED),
        ],
    )
    def test_it_stands_where_its_time_and_use_put_it(
        self, redeemed: bool, cancelled: bool, moment: datetime, state: int
    ) -> None:
        found = codes.standing(redeemed=redeemed, cancelled=cancelled, valid_from=START, valid_until=END, now=moment)

        assert found == state
