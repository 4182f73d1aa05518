"""What the ledger answers, and when an entry is known."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules import consents
from marque_customer.rules.kinds import ACTIVE, ERASED, MERGED, RESTRICTED

NOW = datetime(2026, 5, 1, tzinfo=UTC)


class TestAnswer:
    @pytest.mark.parametrize(
        ("action", "status", "since", "expected"),
        [
            (None, ACTIVE, -1, (False, "NEVER_GRANTED")),
            (1, ACTIVE, -1, (True, "GRANTED")),
            (2, ACTIVE, -1, (False, "WITHDRAWN")),
            (1, MERGED, -1, (True, "GRANTED")),
            (1, RESTRICTED, 0, (False, "RESTRICTED")),
            (1, RESTRICTED, 1, (True, "GRANTED")),
            (1, ERASED, 0, (False, "ERASED")),
            (None, ERASED, 1, (False, "NEVER_GRANTED")),
        ],
    )
    def test_depends_on_the_last_entry_and_on_what_was_known_then(self, action, status, since, expected):
        assert consents.answer(action, status, NOW + timedelta(seconds=since), NOW) == expected


class TestNextKnownTime:
    @given(st.lists(st.integers(-100, 100).map(lambda n: NOW + timedelta(microseconds=n)), min_size=2, max_size=20))
    def test_increases_strictly_whatever_the_clock_does(self, clock):
        last = None
        for reading in clock:
            known = consents.next_known_time(reading, last)
            assert last is None or known > last
            assert known >= reading
            last = known


class TestControllerProblem:
    @pytest.mark.parametrize(
        ("kind", "controller_id", "good"),
        [
            (1, "", True),
            (1, "x", False),
            (2, str(uuid.UUID(int=7)), True),
            (2, str(uuid.UUID(int=10)).upper(), False),
            (2, "", False),
            (3, "bank", True),
            (3, " ", False),
        ],
    )
    def test_each_kind_has_its_own_id(self, kind, controller_id, good):
        assert (consents.controller_problem(kind, controller_id) == "") is good
