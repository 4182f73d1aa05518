"""Source records: what a source says again replaces what it said, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules.records import missing, restate, split_list, statements, told
from marque_customer.rules.survivorship import DEFAULTS, IMPORT, Statement, golden

T0 = datetime(2026, 1, 1, tzinfo=UTC)
values = st.dictionaries(
    st.sampled_from(["occupation", "gender", "tags", "language"]), st.sampled_from([1, 2]), max_size=4
)


def record():
    return SimpleNamespace(said={}, older={}, verified=[], origin=IMPORT, first_time=T0, last_time=T0, actor="")


class TestRestate:
    @given(st.lists(st.tuples(values, st.sets(st.sampled_from(["occupation", "gender"]))), max_size=6))
    def test_each_field_keeps_its_last_value_time_and_speaker(self, steps):
        kept, wanted, sure = record(), {}, {}
        for number, (said, verified) in enumerate(steps, 1):
            moment, verified = T0 + timedelta(hours=number), verified & set(said)
            for name, value in said.items():
                sure[name] = name in verified or (sure.get(name, False) and wanted.get(name, (None,))[0] == value)
                wanted[name] = (value, moment, str(number))
            restate(kept, said, moment=moment, actor=str(number), verified=verified)
        found = {one.unit: (one.values[one.unit], one.time, one.actor) for one in statements(kept)}
        assert found == wanted
        assert {one.unit: one.verified for one in statements(kept)} == sure

    def test_contact_points_are_added_once_and_never_forgotten(self):
        kept = record()
        for points in ([[1, "+1", ""]], [[1, "+1", ""], [2, "a@b", ""]], []):
            restate(kept, {}, moment=T0, actor="x", contacts=points)
        assert kept.said["contact_points"] == [[1, "+1", ""], [2, "a@b", ""]]
        assert statements(kept) == []


class TestTold:
    def test_what_is_left_empty_was_not_said_but_parts_of_a_name_go_together(self):
        given_values = {"kind": 1, "family_name": "", "given_name": "", "full_name": "王伟", "gender": 0, "tags": []}
        assert told(given_values) == {"family_name": "", "given_name": "", "full_name": "王伟"}


class TestMissing:
    def test_only_what_nobody_said_and_is_there_is_missing(self):
        row = SimpleNamespace(**(DEFAULTS | {"occupation": "baker", "gender": 2}))
        known = [Statement("gender", {"gender": 1}, IMPORT, T0)]
        assert missing(row, known) == {"occupation": "baker"}


class TestSplitList:
    @given(
        st.lists(st.lists(st.sampled_from("abcdef"), unique=True), min_size=1, max_size=3),
        st.lists(st.sampled_from("abcdef"), unique=True),
    )
    def test_united_again_it_is_the_list_that_was_set(self, had, wanted):
        known = [Statement("tags", {"tags": tags}, IMPORT, T0, member=place) for place, tags in enumerate(had)]
        shares = split_list("tags", wanted, known, len(had))
        united = [Statement("tags", {"tags": tags}, IMPORT, T0, member=place) for place, tags in enumerate(shares)]
        assert sorted(golden("tags", united)["tags"]) == sorted(wanted)
        for place, share in enumerate(shares[1:], 1):
            assert set(share) <= set(had[place])

    def test_setting_what_is_shown_changes_nobodys(self):
        had = [["a", "b"], ["b", "c"]]
        known = [Statement("tags", {"tags": tags}, IMPORT, T0, member=place) for place, tags in enumerate(had)]
        assert split_list("tags", ["a", "b", "c"], known, 2) == had
