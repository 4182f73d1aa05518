"""Contact points of merged customers as one customer's: each once, one first of its kind, the rows as they were."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules.families import shown_points

OWN, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


def point(owner, key, *, primary=False, verified=False, kind=1):
    return SimpleNamespace(
        customer_id=owner, kind=kind, match_key=key, is_primary=primary, verify_time=1 if verified else None
    )


points = st.lists(
    st.builds(
        point, st.sampled_from([OWN, OTHER]), st.sampled_from("abc"), primary=st.booleans(), verified=st.booleans(),
        kind=st.integers(1, 2),
    ),
    max_size=8,
)  # fmt: skip


class TestShownPoints:
    @given(points)
    def test_each_is_shown_once_and_at_most_one_is_first_of_its_kind(self, held):
        if len({one.customer_id for one in held}) < 2:
            return
        before = [vars(one).copy() for one in held]
        shown = shown_points(held, OWN)
        keys = [(one.kind, one.match_key) for one in shown]
        assert sorted(set(keys)) == sorted(keys)
        assert set(keys) == {(one.kind, one.match_key) for one in held}
        for kind in (1, 2):
            foreign = [one for one in shown if one.kind == kind and one.is_primary and one.customer_id != OWN]
            own = [one for one in shown if one.kind == kind and one.is_primary and one.customer_id == OWN]
            assert len(foreign) + bool(own) <= 1
        assert [vars(one) for one in held] == before

    def test_verified_one_is_shown_for_its_double(self):
        shown = shown_points([point(OWN, "a"), point(OTHER, "a", verified=True)], OWN)
        assert [one.customer_id for one in shown] == [OTHER]

    def test_a_customer_alone_is_shown_as_it_is(self):
        held = [point(OWN, "a"), point(OWN, "b", primary=True)]
        assert shown_points(held, OWN) == held
