"""The ledger: where a line may go, and what answers make of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import ledger
from marque_campaign.rules.ledger import (
    FINAL,
    HANDED,
    OPEN,
    PLANNED,
    STATES,
    SUPPRESSED,
    TAKEN,
    UNKNOWN,
    may_follow,
    of_delay,
    of_done,
    of_refusal,
    of_silence,
    pause,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ATTEMPTS = st.integers(1, 60)
REASONS = st.sampled_from([*sorted(ledger.TRANSIENT), "WITHDRAWN", "CAP_REACHED", "QUIET_HOURS", "ERASED", "REVOKED"])
WAITS = st.one_of(st.none(), st.integers(0, 10 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds)))


class TestWays:
    def test_what_is_final_is_never_begun_again(self) -> None:
        assert [(a, b) for a in FINAL for b in OPEN if may_follow(a, b)] == []

    def test_every_open_line_can_end(self) -> None:
        for state in OPEN:
            reached = {state}
            for _ in STATES:
                reached |= {after for before in reached for after in STATES if may_follow(before, after)}
            assert reached >= FINAL

    def test_a_line_that_was_suppressed_or_refused_was_never_taken(self) -> None:
        assert not [after for after in TAKEN for before in (SUPPRESSED, ledger.FAILED) if may_follow(before, after)]


class TestVerdicts:
    @given(REASONS, WAITS, ATTEMPTS)
    def test_of_a_line_that_may_have_left_no_refusal_says_that_it_did_not(
        self, reason: str, retry: datetime | None, attempts: int
    ) -> None:
        found = of_refusal(reason, retry, handed=True, planned=NOW, now=NOW, attempts=attempts)

        assert found.state in (HANDED, UNKNOWN)
        assert (found.retry_time is not None) == (found.state == HANDED)

    @given(REASONS, WAITS, ATTEMPTS)
    def test_of_a_line_that_did_not_leave_the_refusal_stands_or_is_asked_again_and_it_ends(
        self, reason: str, retry: datetime | None, attempts: int
    ) -> None:
        found = of_refusal(reason, retry, handed=False, planned=NOW, now=NOW, attempts=attempts)

        assert found.state in (PLANNED, SUPPRESSED)
        assert found.reason == reason
        if found.state == PLANNED and reason not in ledger.TRANSIENT:
            assert found.retry_time is not None
            assert found.retry_time - NOW <= ledger.PATIENCE
        if reason in ledger.TRANSIENT:
            assert (found.state == SUPPRESSED) == (attempts >= ledger.MOST_ATTEMPTS)

    @given(ATTEMPTS, st.booleans())
    def test_silence_is_asked_again_only_where_a_message_is_taken_once(self, attempts: int, repeatable: bool) -> None:
        found = of_silence(repeatable=repeatable, attempts=attempts, now=NOW, why="HTTP_500")

        assert (found.state == HANDED) == (repeatable and attempts < ledger.MOST_ASKED)
        assert found.state in (HANDED, UNKNOWN)

    @given(ATTEMPTS, st.floats(0, 1e9))
    def test_a_delay_ends_some_day(self, attempts: int, seconds: float) -> None:
        found = of_delay("HTTP_429", attempts=attempts, now=NOW, seconds=seconds)

        if attempts >= ledger.MOST_ATTEMPTS:
            assert found.state == ledger.FAILED
        else:
            assert found.retry_time is not None
            assert NOW < found.retry_time <= NOW + timedelta(days=1)

    def test_a_permit_that_was_spent_tells_of_a_second_self_or_of_a_worker_that_is_gone(self) -> None:
        assert (of_done(handed=False).reason, of_done(handed=True).state) == ("SAME_PERSON", UNKNOWN)

    @given(st.integers(0, 10_000))
    def test_pauses_grow_to_a_minute(self, attempts: int) -> None:
        assert timedelta(seconds=0.5) <= pause(attempts) <= pause(attempts + 1) <= timedelta(minutes=1)
