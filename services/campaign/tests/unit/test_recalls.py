from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import ledger
from marque_campaign.rules.recalls import REACHED, UNDELIVERED, told_of


class TestToldOf:
    @pytest.mark.parametrize(
        ("state", "reason", "before", "expected"),
        [
            (ledger.ACCEPTED, "", 0, None),
            (ledger.DELIVERED, "", 0, None),
            (ledger.BOUNCED, "BOUNCE_5.1.1", ledger.ACCEPTED, UNDELIVERED),
            (ledger.DELIVERED, "", ledger.BOUNCED, REACHED),
            (ledger.DELIVERED, "", ledger.ACCEPTED, None),
            (ledger.FAILED, "SMTP_550", 0, UNDELIVERED),
            (ledger.UNKNOWN, "LOST", 0, None),
            (ledger.SUPPRESSED, "NO_ADDRESS", 0, UNDELIVERED),
            (ledger.SUPPRESSED, "ADDRESS_GONE", 0, UNDELIVERED),
            (ledger.SUPPRESSED, "ADDRESS_UNREACHABLE", 0, UNDELIVERED),
            (ledger.SUPPRESSED, "ERASED", 0, UNDELIVERED),
            (ledger.SUPPRESSED, "NOT_THE_OWNER", 0, None),
            (ledger.SUPPRESSED, "CANCELLED", 0, None),
            (ledger.SUPPRESSED, "SAME_PERSON", 0, None),
        ],
    )
    def test_what_no_notice_reaches_is_told_and_nothing_else(
        self, state: int, reason: str, before: int, expected: int | None
    ) -> None:
        assert told_of(state, reason, before) == expected

    @pytest.mark.parametrize(
        ("state", "reason", "expected"),
        [
            (ledger.ACCEPTED, "", None),
            (ledger.SUPPRESSED, "CAPPED", UNDELIVERED),
            (ledger.SUPPRESSED, "NOT_ASKED", UNDELIVERED),
            (ledger.SUPPRESSED, "NO_ADDRESS", UNDELIVERED),
            (ledger.FAILED, "NO_ANSWER", UNDELIVERED),
            (ledger.SUPPRESSED, "NOT_THE_OWNER", None),
            (ledger.SUPPRESSED, ledger.CANCELLED, None),
            (ledger.SUPPRESSED, ledger.SAME_PERSON, None),
        ],
    )
    def test_whom_the_last_channel_reaches_neither_is_told_of(
        self, state: int, reason: str, expected: int | None
    ) -> None:
        assert told_of(state, reason, 0, further=True) == expected

    @given(st.sampled_from(sorted(ledger.FINAL)), st.text(max_size=20), st.sampled_from([0, *ledger.FINAL]))
    def test_only_what_this_line_said_is_taken_back(self, state: int, reason: str, before: int) -> None:
        if told_of(state, reason, before) == REACHED:
            assert told_of(before, reason, 0) == UNDELIVERED
            assert ledger.may_follow(before, state)
