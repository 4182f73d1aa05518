"""Which line follows another of the same person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque.customer.v1 import task_pb2
from marque_campaign.rules import again, ledger
from marque_campaign.rules.ledger import Verdict

BASES = st.sampled_from(["", "lead:1", "sale:x~ch1", "~ch3"])


class TestCalls:
    @given(base=BASES, most=st.integers(0, 10))
    def test_somebody_whom_nobody_reaches_is_called_as_often_as_the_campaign_says(self, base: str, most: int) -> None:
        lines, following = [base], again.next_call(base, most)
        while following is not None:
            lines.append(following)
            following = again.next_call(following, most)

        assert len(lines) == len(set(lines)) == (most or again.MOST_CALLS)
        assert [again.call_number(one) for one in lines] == list(range(1, len(lines) + 1))

    @pytest.mark.parametrize("outcome", [one for one in task_pb2.CampaignCallOutcome.values() if one])
    def test_every_outcome_ends_a_line_that_was_accepted_or_of_which_nobody_knew(self, outcome: int) -> None:
        verdict = again.of_call(outcome)

        for before in (ledger.HANDED, ledger.ACCEPTED, ledger.UNKNOWN):
            assert ledger.may_follow(before, verdict.state)
        assert verdict.state in ledger.FINAL - {ledger.ACCEPTED}

    def test_why_a_call_was_not_to_be_made_stays_unless_it_was_made(self) -> None:
        assert again.of_call(again.CALL_CANCELLED, again.EXPIRED) == Verdict(ledger.FAILED, again.EXPIRED)
        assert again.of_call(again.REACHED, again.EXPIRED) == Verdict(ledger.DELIVERED)


class TestChannels:
    @pytest.mark.parametrize(
        ("verdict", "falls"),
        [
            (Verdict(ledger.SUPPRESSED, "NO_ADDRESS"), True),
            (Verdict(ledger.SUPPRESSED, "NEVER_GRANTED"), True),
            (Verdict(ledger.SUPPRESSED, "WITHDRAWN"), True),
            (Verdict(ledger.SUPPRESSED, "ADDRESS_UNREACHABLE"), True),
            (Verdict(ledger.SUPPRESSED, ledger.ADDRESS_GONE), True),
            (Verdict(ledger.BOUNCED, "BOUNCE_5.1.1"), True),
            (Verdict(ledger.FAILED, "SMTP_550", address_gone=True), True),
            (Verdict(ledger.FAILED, "NOT_REACHED"), False),
            (Verdict(ledger.SUPPRESSED, "ERASED"), False),
            (Verdict(ledger.SUPPRESSED, "CAP_REACHED"), False),
            (Verdict(ledger.SUPPRESSED, "HOLDOUT"), False),
            (Verdict(ledger.SUPPRESSED, "BUDGET"), False),
            (Verdict(ledger.UNKNOWN, "LOST"), False),
            (Verdict(ledger.PLANNED, "NO_ADDRESS"), False),
            (Verdict(ledger.ACCEPTED), False),
            (Verdict(ledger.DELIVERED), False),
        ],
    )
    def test_the_next_is_tried_only_where_the_channel_cannot_reach_the_person(
        self, verdict: Verdict, falls: bool
    ) -> None:
        assert again.falls_back(verdict) is falls
