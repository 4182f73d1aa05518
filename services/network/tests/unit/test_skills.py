"""What somebody can do on a day."""

from __future__ import annotations

from datetime import date

import pytest
from marque_network.rules.skills import first_expiry, holds, level_on

DAY = date(2026, 11, 20)


def certificate(issue: str | None, expiry: str | None, code: str = "hv") -> dict[str, str | None]:
    return {"code": code, "issue": issue, "expiry": expiry}


class TestHolds:
    @pytest.mark.parametrize(
        ("issue", "expiry", "expected"),
        [
            (None, None, True),
            ("2026-11-20", "2026-11-20", True),
            ("2026-11-21", None, False),
            (None, "2026-11-19", False),
            (None, "2026-11-20", True),
        ],
    )
    def test_both_days_are_included(self, issue: str | None, expiry: str | None, expected: bool) -> None:
        assert holds(certificate(issue, expiry), DAY) is expected


class TestLevelOn:
    def test_an_expired_certificate_counts_for_nothing_though_the_skill_is_named(self) -> None:
        assert level_on("hv", DAY, [{"code": "hv", "level": 5}], [certificate(None, "2026-11-19")]) == 0

    def test_a_certificate_that_holds_gives_the_named_level(self) -> None:
        assert level_on("hv", DAY, [{"code": "hv", "level": 4}], [certificate(None, "2026-11-20")]) == 4

    def test_without_a_grade_it_is_one(self) -> None:
        assert level_on("hv", DAY, [], [certificate(None, None)]) == 1
        assert level_on("hv", DAY, [{"code": "hv", "level": 0}], []) == 1

    def test_what_nobody_said_is_not_there(self) -> None:
        assert level_on("hv", DAY, [{"code": "other", "level": 5}], [certificate(None, None, "other")]) == 0


class TestFirstExpiry:
    def test_it_is_the_earliest_past_ones_included(self) -> None:
        assert first_expiry(
            [certificate(None, "2027-01-01"), certificate(None, "2020-01-01"), certificate(None, None)]
        ) == date(2020, 1, 1)
        assert first_expiry([certificate(None, None)]) is None
