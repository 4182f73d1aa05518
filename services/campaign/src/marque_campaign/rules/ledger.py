"""The ledger of what is sent: which state follows which, and what an answer of the gate or of a provider makes of a line. Pure.

    planned → claimed → handed → accepted → delivered | bounced
                                 failed · unknown · suppressed

A line is HANDED, committed, before the first byte leaves. So a worker that dies leaves either a line of which nothing left (it goes back to
planned) or one of which nobody knows: that is tried again only where the provider takes a message once by its key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

PLANNED, CLAIMED, HANDED, ACCEPTED, DELIVERED, BOUNCED, FAILED, UNKNOWN, SUPPRESSED = range(1, 10)
STATES = range(PLANNED, SUPPRESSED + 1)
OPEN = frozenset({PLANNED, CLAIMED, HANDED})
FINAL = frozenset(STATES) - OPEN
TAKEN = frozenset({ACCEPTED, DELIVERED, BOUNCED})

# Refusals of the gate that say nothing of the person: somebody else had the permit, or it went stale. They are asked again.
TRANSIENT = frozenset({"PERSON_CHANGED", "EXPIRED", "SUPERSEDED", "OVER", "IN_USE", "NOT_SPENT"})
# How long somebody waits for a day or an hour at which they may be contacted; after that the refusal stands.
PATIENCE = timedelta(days=3)
MOST_ATTEMPTS = 50
# A provider that takes a message once by its key is asked so often; then nobody knows.
MOST_ASKED = 8
SAME_PERSON, CANCELLED, ERASED, LOST, NO_ANSWER, LATE, NO_PROVIDER, ADDRESS_GONE = (
    "SAME_PERSON", "CANCELLED", "ERASED", "LOST", "NO_ANSWER", "LATE", "NO_PROVIDER", "ADDRESS_GONE",
)  # fmt: skip

# state → what may follow. A report may come late, twice and in any order: of what was taken the last word counts.
_FOLLOWS: dict[int, frozenset[int]] = {
    PLANNED: frozenset({CLAIMED, SUPPRESSED}),
    CLAIMED: frozenset({PLANNED, HANDED, SUPPRESSED, FAILED, UNKNOWN}),
    HANDED: frozenset({PLANNED, HANDED, ACCEPTED, DELIVERED, BOUNCED, FAILED, UNKNOWN, SUPPRESSED}),
    ACCEPTED: frozenset({DELIVERED, BOUNCED, FAILED}),
    DELIVERED: frozenset({BOUNCED}),
    BOUNCED: frozenset({DELIVERED}),
    FAILED: frozenset(),
    UNKNOWN: frozenset({ACCEPTED, DELIVERED, BOUNCED, FAILED}),
    SUPPRESSED: frozenset(),
}


def may_follow(before: int, after: int) -> bool:
    """Tells whether a line may go from a state to another."""
    return after in _FOLLOWS[before]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a line: the state, why, and before when it is not begun again (None for at once, or for a final state).

    `address_gone`: the address can get nothing any more.
    """

    state: int
    reason: str = ""
    retry_time: datetime | None = None
    address_gone: bool = False


def of_refusal(
    reason: str, retry_time: datetime | None, *, handed: bool, planned: datetime, now: datetime, attempts: int
) -> Verdict:
    """Returns what the gate's refusal makes of a line; `handed`: it was begun to be handed over before.

    Of what was begun nobody knows whether it arrived, so a refusal then does not make it "not sent".
    """
    if handed:
        if reason in TRANSIENT and attempts < MOST_ASKED:
            return Verdict(HANDED, reason, retry_time or now + pause(attempts))
        return Verdict(UNKNOWN, reason)
    if reason in TRANSIENT:
        if attempts >= MOST_ATTEMPTS:
            return Verdict(SUPPRESSED, reason)
        return Verdict(PLANNED, reason, retry_time or now + pause(attempts))
    if retry_time is not None and retry_time - planned <= PATIENCE:
        return Verdict(PLANNED, reason, retry_time)
    return Verdict(SUPPRESSED, reason)


def of_done(*, handed: bool) -> Verdict:
    """Returns what a permit makes of a line that somebody spent before.

    A line that was never begun shares its person with another one: two of the audience are one customer. One that was begun was begun by a
    worker that is gone.
    """
    return Verdict(UNKNOWN, LOST) if handed else Verdict(SUPPRESSED, SAME_PERSON)


def of_silence(*, repeatable: bool, attempts: int, now: datetime, why: str) -> Verdict:
    """Returns what a lost answer makes of a line: asked again where the provider takes a message once by its key."""
    if repeatable and attempts < MOST_ASKED:
        return Verdict(HANDED, why, now + pause(attempts))
    return Verdict(UNKNOWN, why)


def of_delay(reason: str, *, attempts: int, now: datetime, seconds: float = 0.0) -> Verdict:
    """Returns what becomes of a line of which surely nothing left: it is begun again later."""
    if attempts >= MOST_ATTEMPTS:
        return Verdict(FAILED, reason)
    return Verdict(PLANNED, reason, now + max(timedelta(seconds=min(seconds, 86_400)), pause(attempts)))


def pause(attempts: int) -> timedelta:
    """Returns how long is waited after so many attempts: half a second, doubled each time, a minute at most."""
    return timedelta(seconds=min(60.0, 0.25 * 2 ** min(max(attempts, 1), 10)))
