"""Numbers of identity documents: one written form, check digits where a standard has them, and never quoted in a refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules.identity_numbers import (
    DRIVING_LICENCE,
    IDENTITY_CARD,
    PASSPORT,
    REGISTRATION,
    IdentityNumberError,
    normalise,
    purpose_of,
)

CARD = "11010519491231002X"  # the example of GB 11643
COMPANY = "91350100M000100Y43"  # the example of GB 32100


class TestNormalise:
    @pytest.mark.parametrize(
        "written", [CARD, CARD.lower(), "110105 19491231 002x", "１１０１０５19491231002X", "110105-19491231-002X"]
    )
    def test_a_card_has_one_written_form(self, written: str) -> None:
        assert normalise(IDENTITY_CARD, "CN", written) == CARD

    def test_a_credit_code_is_taken(self) -> None:
        assert normalise(REGISTRATION, "CN", COMPANY) == COMPANY

    @given(st.integers(0, 16), st.integers(1, 9))
    def test_any_wrong_digit_of_a_card_is_found(self, place: int, by: int) -> None:
        wrong = CARD[:place] + str((int(CARD[place]) + by) % 10) + CARD[place + 1 :]

        with pytest.raises(IdentityNumberError) as refused:
            normalise(IDENTITY_CARD, "CN", wrong)
        assert wrong not in str(refused.value)

    @given(st.integers(0, 15))
    def test_two_digits_that_changed_places_are_found(self, place: int) -> None:
        turned = CARD[:place] + CARD[place + 1] + CARD[place] + CARD[place + 2 :]

        if turned != CARD:
            with pytest.raises(IdentityNumberError):
                normalise(IDENTITY_CARD, "CN", turned)

    @pytest.mark.parametrize(
        ("kind", "country", "number"),
        [
            (IDENTITY_CARD, "CN", "110105194912310021"),
            (DRIVING_LICENCE, "CN", "C01X00T47"),
            (REGISTRATION, "CN", "91350100M000100Y44"),
            (REGISTRATION, "CN", "91350100I000100Y43"),
            (PASSPORT, "DE", "123"),
            (PASSPORT, "DE", "A" * 33),
            (PASSPORT, "DE", "C01X_0T47"),
            (PASSPORT, "DE", "   "),
        ],
    )
    def test_what_is_none_is_refused(self, kind: int, country: str, number: str) -> None:
        with pytest.raises(IdentityNumberError):
            normalise(kind, country, number)

    def test_another_country_has_other_rules(self) -> None:
        assert normalise(IDENTITY_CARD, "DE", "l01x00t471") == "L01X00T471"


class TestPurpose:
    def test_the_same_digits_of_another_kind_are_another_number(self) -> None:
        assert len({purpose_of(kind, country) for kind in (1, 2) for country in ("CN", "DE")}) == 4
