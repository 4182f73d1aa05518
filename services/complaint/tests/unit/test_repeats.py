"""What is the same complaint again, and how alike two cases are."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_complaint.rules import repeats

PERSON, OTHER = uuid.uuid4(), uuid.uuid4()


def told(**values: Any) -> dict[str, Any]:
    return {"kind": 1, "customer_id": PERSON, "dealer_id": None, "vin": "", "description": "It squeals.", **values}


def case(**values: Any) -> repeats.Told:
    row = {"vin": "", "customer_id": None, "components": [], "subject": "", "description": "", **values}
    return repeats.Told.of(row)


class TestPrintOf:
    @pytest.mark.parametrize("text", ["it squeals.", "It  squeals.\n", "  IT SQUEALS."])
    def test_space_and_case_make_no_other_complaint(self, text: str) -> None:
        assert repeats.print_of(told(description=text)) == repeats.print_of(told())

    @pytest.mark.parametrize(
        "other",
        [
            {"customer_id": OTHER}, {"vin": "LVSHFFAL8KS000001"}, {"kind": 2}, {"dealer_id": OTHER},
            {"description": "It squeals!"}, {"remedy_asked": "New pads"},
        ],
    )  # fmt: skip
    def test_another_person_car_kind_dealer_or_word_is_another_complaint(self, other: dict[str, Any]) -> None:
        assert repeats.print_of(told(**other)) != repeats.print_of(told())

    @pytest.mark.parametrize(
        ("values", "known"),
        [
            ({"customer_id": None}, False),
            ({"customer_id": None, "vin": "12345"}, False),
            ({"customer_id": None, "vin": "123456"}, True),
            ({"customer_id": None, "description": "x" * 99}, False),
            ({"customer_id": None, "description": "x" * 100}, True),
        ],
    )
    def test_few_words_of_nobody_are_never_known_again(self, values: dict[str, Any], known: bool) -> None:
        assert (repeats.print_of(told(**values)) is not None) is known


class TestAlike:
    def test_the_reasons_are_told(self) -> None:
        mine = case(
            vin="LVSHFFAL8KS000001", customer_id=PERSON, components=["BRAKES"], description="brakes squeal badly"
        )
        other = case(
            vin="LVSHFFAL8KS000001", customer_id=OTHER, components=["BRAKES"], description="brakes squeal badly"
        )

        score, reasons = repeats.alike(mine, other, {PERSON, OTHER})
        assert reasons == ["SAME_CAR", "SAME_PERSON", "SAME_COMPONENT", "LIKE_WORDS"]
        assert score == 1.0

    def test_a_component_alone_says_nothing(self) -> None:
        mine, other = case(components=["BRAKES"]), case(components=["BRAKES"])
        assert repeats.alike(mine, other, ()) == (0.0, [])

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_it_is_a_share_and_the_same_both_ways(self, one: str, two: str) -> None:
        first, second = case(description=one), case(description=two)
        score, reasons = repeats.alike(first, second, ())

        assert 0 <= score <= 1
        assert (score, reasons) == repeats.alike(second, first, ())
        assert bool(reasons) is (score > 0)
