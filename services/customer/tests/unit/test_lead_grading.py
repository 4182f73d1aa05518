"""Grades by rules that are data; wishes; who is called again; who somebody is."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules import lead_people as people
from marque_customer.rules import leads
from marque_customer.rules.grading import FACTORS, Person, band_of, grade, signals

NOBODY = Person(has_name=False, has_phone=False, has_email=False, verified=False, owner=False)
RULES: dict[str, Any] = {
    "grade_rules": [
        {"code": "SOON", "factor": "LEAD_FACTOR_NEED", "signal": "timeframe_days", "points": 60, "at_most": 7},
        {"code": "LATE", "factor": "LEAD_FACTOR_NEED", "signal": "timeframe_days", "points": 10, "at_least": 8},
        {"code": "PHONE", "factor": "LEAD_FACTOR_CONFIDENCE", "signal": "phone", "points": 40, "at_least": 1},
        {"code": "RICH", "factor": "LEAD_FACTOR_MEANS", "signal": "budget", "points": 150, "at_least": 500_000},
    ],
    "bands": [
        {"grade": "A", "min_points": 100, "response_minutes": 30, "contact_every_days": 2},
        {"grade": "B", "min_points": 50, "response_minutes": 60, "contact_every_days": 7},
        {"grade": "C", "response_minutes": 480, "contact_every_days": 30},
    ],
}


def known(person: Person = NOBODY, **given: Any) -> dict[str, float]:
    values = {"interest": {}, "timeframe_days": None, "budget": None, "comments": "", "source": 1, "place": {}, **given}
    return signals(person=person, **values)


class TestGrade:
    @pytest.mark.parametrize(
        ("days", "budget", "phone", "letter", "codes"),
        [
            (None, None, False, "C", ()),
            (7, None, False, "B", ("SOON",)),
            (8, None, True, "B", ("LATE", "PHONE")),
            (0, None, True, "A", ("SOON", "PHONE")),
            (None, 499_999.99, False, "C", ()),
            (None, 500_000, False, "A", ("RICH",)),  # of 150 points a factor counts 100
        ],
    )
    def test_the_first_band_that_is_reached(
        self, days: int | None, budget: float | None, phone: bool, letter: str, codes: tuple[str, ...]
    ) -> None:
        person = Person(has_name=False, has_phone=phone, has_email=False, verified=False, owner=False)
        found = grade(RULES, known(person, timeframe_days=days, budget=budget))
        assert (found.band.grade, tuple(code for code, _ in found.reasons)) == (letter, codes)
        assert found.means <= 100

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(FACTORS),
                st.sampled_from(["phone", "email", "owner", "comment_length"]),
                st.integers(-100, 100),
            ),
            max_size=12,
        ),
        st.text(max_size=40),
    )
    def test_reasons_add_up_to_the_factors_within_their_bounds(
        self, rules: list[tuple[str, str, int]], comments: str
    ) -> None:
        made = [
            {"code": f"R{index}", "factor": factor, "signal": signal, "points": points, "at_least": 0}
            for index, (factor, signal, points) in enumerate(rules)
        ]
        found = grade({**RULES, "grade_rules": made}, known(comments=comments))
        sums = dict.fromkeys(FACTORS, 0)
        for rule in made:
            sums[rule["factor"]] += rule["points"]
        assert [found.need, found.confidence, found.means] == [min(max(sums[one], 0), 100) for one in FACTORS]
        assert dict(found.reasons) == {one["code"]: one["points"] for one in made if one["points"]}

    def test_a_grade_that_the_rules_know_no_more_means_the_last(self) -> None:
        assert band_of(RULES, "X").grade == "C"


class TestWish:
    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ({"brand": "Marque", "model": "One"}, {"brand": " MARQUE", "model": "o n e"}, True),
            ({"brand": "Marque", "model": "One"}, {"brand": "Marque"}, True),
            ({"brand": "Marque", "model": "One"}, {}, True),
            ({"brand": "Marque", "model": "One"}, {"brand": "Marque", "model": "Two"}, False),
            ({"brand": "Marque"}, {"kind": 3, "brand": "Marque"}, False),
            ({"kind": 1}, {"kind": 5}, True),
            ({"brand": "a|b"}, {"brand": "ab"}, True),
        ],
    )
    def test_what_was_left_out_is_whatever_the_other_says(
        self, one: dict[str, Any], other: dict[str, Any], same: bool
    ) -> None:
        assert leads.same_wish(leads.wish_key(one), leads.wish_key(other)) is same
        assert leads.same_wish(leads.wish_key(other), leads.wish_key(one)) is same


class TestRecall:
    def test_the_share_is_kept_and_nobody_chooses(self) -> None:
        ids = [uuid.UUID(int=number) for number in range(4000)]
        picked = [one for one in ids if leads.is_recalled(one, 0.1)]
        assert 300 < len(picked) < 500
        assert set(picked) <= {one for one in ids if leads.is_recalled(one, 0.2)}
        assert not any(leads.is_recalled(one, 0) for one in ids)
        assert all(leads.is_recalled(one, 1) for one in ids)


class TestPeople:
    @pytest.mark.parametrize(
        ("told", "stored", "same"),
        [
            ("王小明", "王小明", True), ("Wang Xiaoming", "王小明", True), ("xiaoming wang", "Wang Xiaoming", True),
            ("", "王小明", True), ("李四", "王小明", False), ("Ann Lee", "Bob Lee", False), ("José García", "Jose Garcia", True),
        ],
    )  # fmt: skip
    def test_a_name_is_the_same_in_any_order_and_script(self, told: str, stored: str, same: bool) -> None:
        assert people.same_person(told, stored) is same

    def test_a_verified_phone_decides_whatever_the_name(self) -> None:
        owner = SimpleNamespace(owned=True, full_name="李四", organisation_name="")
        other = SimpleNamespace(owned=False, full_name="李四", organisation_name="")
        assert people.holder("王五", [owner, other]) is owner
        assert people.holder("王五", [other]) is None

    def test_contacts_that_are_none_are_named_by_their_place(self) -> None:
        found, faults = people.contacts_of(["13812345678", "abc"], ["a@b.cn", "a@"], (), "CN", "x/")
        assert len(found) == 2
        assert faults == (("x/phone[2]", "VALUE_INVALID"), ("x/email[2]", "VALUE_INVALID"))
