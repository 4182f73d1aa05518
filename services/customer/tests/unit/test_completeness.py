"""What is asked of whom, and counts that always are what counting anew gives."""

import uuid

from hypothesis import given
from hypothesis import strategies as st
from marque.customer.v1 import contact_point_pb2, customer_pb2, profile_pb2
from marque_customer.mapping.completeness import present
from marque_customer.rules import completeness as rules

FIELDS = [number for number in profile_pb2.ProfileField.values() if number]
RULES = {
    "requirements": [
        {"kind": 1, "stage": 0, "fields": [1, 3]},
        {"kind": 1, "stage": 2, "fields": [3, 4]},
        {"kind": 2, "stage": 0, "fields": [2]},
    ]
}
ids = st.sampled_from([uuid.UUID(int=number) for number in range(1, 4)])
marks = st.builds(
    lambda kind, stage, source, asked, missing, dealers, clerks: rules.Mark(
        kind, stage, source, asked, asked & missing, rules.places_of(dealers, clerks)
    ),
    st.sampled_from([1, 2]),
    st.integers(1, 3),
    st.sampled_from(["dms", "web"]),
    st.frozensets(st.integers(1, 4)),
    st.frozensets(st.integers(1, 4)),
    st.lists(ids),
    st.dictionaries(ids, ids),
)


class TestRequired:
    def test_adds_up_what_every_stage_and_this_stage_ask_for(self):
        assert rules.required(RULES, 1, 2) == {1, 3, 4}

    def test_asks_nothing_of_another_stage_or_kind(self):
        assert rules.required(RULES, 1, 5) == {1, 3}
        assert rules.required(RULES, 2, 2) == {2}


class TestPresent:
    def test_each_field_of_the_contract_can_be_there(self):
        card = customer_pb2.Customer(
            organisation_name="o", gender=1, language="zh-CN", preferred_channel=1, time_zone="Asia/Shanghai",
            occupation="x", income_band="y", interests=["z"], industry="i",
        )  # fmt: skip
        card.name.full_name = "王伟"
        card.birth_date.month = 3
        card.addresses.add()
        phone = card.contact_points.add(kind=contact_point_pb2.CONTACT_POINT_KIND_PHONE)
        phone.verify_time.GetCurrentTime()
        card.contact_points.add(kind=contact_point_pb2.CONTACT_POINT_KIND_EMAIL)
        assert present(card) == set(FIELDS)

    def test_an_empty_profile_holds_none(self):
        assert present(customer_pb2.Customer()) == frozenset()

    def test_a_phone_nobody_verified_is_a_phone_only(self):
        card = customer_pb2.Customer()
        card.contact_points.add(kind=contact_point_pb2.CONTACT_POINT_KIND_PHONE)
        assert present(card) == {rules.REACHABLE, rules.PHONE_FIELD}


class TestChanges:
    @given(st.lists(st.lists(st.one_of(st.none(), marks), min_size=1, max_size=5), max_size=5))
    def test_steps_of_many_customers_add_up_to_counting_where_they_ended(self, histories):
        counts = {}
        states = [[None, *history, *[history[-1]] * (5 - len(history))] for history in histories]
        for step in range(5):
            for cell, asked, missing in rules.changes((state[step], state[step + 1]) for state in states):
                before = counts.get(cell, (0, 0))
                counts[cell] = (before[0] + asked, before[1] + missing)
        anew = {cell: (asked, missing) for cell, asked, missing in rules.changes((None, state[-1]) for state in states)}
        assert {cell: found for cell, found in counts.items() if any(found)} == anew

    @given(marks)
    def test_nothing_changes_for_who_counts_as_before(self, mark):
        assert rules.changes([(mark, mark)]) == []

    @given(marks)
    def test_cells_come_in_one_order(self, mark):
        cells = [cell for cell, _, _ in rules.changes([(None, mark)])]
        assert cells == sorted(cells)
