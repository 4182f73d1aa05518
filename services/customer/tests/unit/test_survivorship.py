"""What survives: whatever is said, by whom and when, the answer is one of the things said and never hangs on the order of reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules.survivorship import (
    CUSTOMER,
    DEALER_STAFF,
    DEALER_SYSTEM,
    DEFAULTS,
    IMPORT,
    MAKER_STAFF,
    NEWEST,
    ORIGIN,
    PLATFORM,
    RULES,
    UNRECORDED,
    VERIFIED,
    Statement,
    best,
    golden,
    winners,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ORIGINS = range(1, 8)


def said(value, origin=MAKER_STAFF, hours=0, *, verified=False, member=0, unit="occupation"):
    return Statement(unit, {unit: value}, origin, T0 + timedelta(hours=hours), verified, member)


statements = st.lists(
    st.builds(
        said, st.sampled_from(["", "baker", "cook", "judge"]), st.sampled_from(ORIGINS), st.integers(0, 3),
        verified=st.booleans(), member=st.integers(0, 2),
    ),
    max_size=8,
)  # fmt: skip
lists = st.lists(
    st.builds(
        said, st.lists(st.sampled_from("abcd"), unique=True), st.sampled_from(ORIGINS), st.integers(0, 3),
        member=st.integers(0, 2), unit=st.just("tags"),
    ),
    max_size=8,
)  # fmt: skip


class TestBest:
    @pytest.mark.parametrize(
        ("winner", "loser"),
        [
            (said("a", IMPORT, verified=True), said("b", CUSTOMER, 9)),
            (said("a", CUSTOMER), said("b", DEALER_STAFF, 9)),
            (said("a", DEALER_STAFF, 1), said("b", MAKER_STAFF, 0)),
            (said("a", MAKER_STAFF, 1), said("b", DEALER_STAFF, 0)),
            (said("a", DEALER_STAFF), said("b", DEALER_SYSTEM, 9)),
            (said("a", DEALER_SYSTEM), said("b", PLATFORM, 9)),
            (said("a", PLATFORM), said("b", IMPORT, 9)),
            (said("a", IMPORT), said("b", UNRECORDED, 9)),
            (said("a", IMPORT, 1), said("b", IMPORT, 0)),
            (said("", CUSTOMER), said("b", IMPORT)),
            (said("a", IMPORT, member=0), said("b", IMPORT, member=1)),
        ],
    )
    def test_declared_order_decides(self, winner, loser):
        assert best("occupation", [winner, loser]) is winner
        assert best("occupation", [loser, winner]) is winner

    @given(statements, st.randoms())
    def test_order_of_reading_changes_nothing(self, found, random):
        mixed = list(found)
        random.shuffle(mixed)
        assert golden("occupation", mixed) == golden("occupation", found)

    @given(statements)
    def test_value_is_one_of_those_said_and_no_better_one_was(self, found):
        value = golden("occupation", found)["occupation"]
        assert value in {one.values["occupation"] for one in found} | ({""} if not found else set())
        winner = best("occupation", found)
        if winner is not None and any(one.verified for one in found):
            assert winner.verified

    @given(statements)
    def test_what_does_not_win_can_be_unsaid_without_a_change(self, found):
        winner = best("occupation", found)
        assert golden("occupation", [one for one in found if one is winner]) == golden("occupation", found)


class TestUnited:
    @given(lists)
    def test_every_entry_of_each_customers_best_list_is_there_once(self, found):
        value = golden("tags", found)["tags"]
        wanted = [item for one in winners("tags", found) for item in one.values["tags"]]
        assert value == list(dict.fromkeys(wanted))

    @given(lists)
    def test_a_customer_alone_has_its_own_list(self, found):
        mine = [one for one in found if one.member == 0]
        assert golden("tags", mine)["tags"] == (best("tags", mine).values["tags"] if mine else [])

    def test_of_two_primary_addresses_the_survivors_stays_primary(self):
        place = [{"address": {"city": name}, "label": "", "primary": True, "source": ""} for name in ("上海", "北京")]
        both = [said([place[0]], unit="addresses"), said(place[::-1], unit="addresses", member=1)]
        united = golden("addresses", both)["addresses"]
        assert [(item["address"]["city"], item["primary"]) for item in united] == [("上海", True), ("北京", False)]


class TestRules:
    def test_every_rule_is_whole(self):
        for rule in RULES.values():
            assert set(rule.order) <= {VERIFIED, ORIGIN, NEWEST}
            assert set(rule.ranks) == set(ORIGINS)
            assert all(column in DEFAULTS for column in rule.columns)
