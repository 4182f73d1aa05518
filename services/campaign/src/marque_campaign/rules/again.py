"""Lines of the ledger that follow another of the same person: a further call, and the next channel. Pure.

Both keep the step and lengthen the occurrence of the line they follow, so the unique key of the ledger keeps each once: `~ch3` names the
channel, `~call2` the call. An occurrence of anything else never holds a `~`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from marque_campaign.rules.ledger import ADDRESS_GONE, BOUNCED, DELIVERED, FAILED, FINAL, SUPPRESSED, Verdict

REACHED, NOT_REACHED, WRONG_NUMBER, NOT_AGAIN, DONE_ELSEWHERE, CALL_CANCELLED, CALL_LATER = range(1, 8)
"""Outcomes of a call, as `marque.customer.v1.CampaignCallOutcome` numbers them."""
MOST_CALLS, CALL_DAYS = 3, 3
EXPIRE_DAYS = 30
"""Where a campaign says nothing."""
EXPIRED, WITHDRAWN = "CALL_EXPIRED", "CALL_WITHDRAWN"
"""Why a call is not to be made any more: nobody made it in its days, or its person left."""
LATER = timedelta(days=1)
"""When somebody is called again who asked for it and named no time."""
TOLD_WITHIN = timedelta(days=30)
"""What became of a call is waited for so long; then its campaign may end without."""
BACK_WITHIN = timedelta(days=5)
"""A message that comes back does so within this: the days for which a mail server tries (RFC 5321, 4.5.4.1)."""

_CALL = re.compile(r"~call(\d+)$")
_OUTCOMES = {
    REACHED: Verdict(DELIVERED),
    NOT_REACHED: Verdict(FAILED, "NOT_REACHED"),
    WRONG_NUMBER: Verdict(BOUNCED, "WRONG_NUMBER", address_gone=True),
    NOT_AGAIN: Verdict(DELIVERED, "NOT_AGAIN"),
    DONE_ELSEWHERE: Verdict(DELIVERED, "DONE_ELSEWHERE"),
    CALL_CANCELLED: Verdict(FAILED, "CALL_CANCELLED"),
    CALL_LATER: Verdict(DELIVERED, "CALL_LATER"),
}
# The person cannot be reached by the channel, and may by another: consents are by channel.
_UNREACHED = frozenset({"NO_ADDRESS", "ADDRESS_UNREACHABLE", ADDRESS_GONE, "NEVER_GRANTED", "WITHDRAWN"})


@dataclass(frozen=True, slots=True)
class CallOrder:
    """What a call needs beside its words: the person, the dealer who calls (empty for the maker), what it is called, and its days."""

    customer_id: str
    campaign_id: str
    dealer_id: str
    purpose: int
    title: str
    days: int


def of_call(outcome: int, reason: str = "") -> Verdict:
    """Returns what the outcome of a call makes of its line; `reason`: why the line says that it was not to be made, if it does.

    Raises KeyError.
    """
    return Verdict(FAILED, reason) if outcome == CALL_CANCELLED and reason else _OUTCOMES[outcome]


def told_of_call(state: int, reason: str) -> str:
    """Returns what came of a call whose line stands so, as rules of steps ask for it; empty where it is not known, or nobody was called."""
    if state == DELIVERED:
        return {"": "reached", "NOT_AGAIN": "refused", "CALL_LATER": "call_later"}.get(reason, "")
    return "not_reached" if state in (FAILED, BOUNCED) else ""


def about_of(occurrence: str) -> str:
    """Returns the occurrence that a line, or the one that it follows, was planned for."""
    return occurrence.partition("~")[0]


def call_number(occurrence: str) -> int:
    """Returns which call of the person a line is, from 1."""
    found = _CALL.search(occurrence)
    return int(found.group(1)) if found else 1


def next_call(occurrence: str, most: int) -> str | None:
    """Returns the occurrence of the call after a vain one; None where that was the last. `most`: 0 for the usual number."""
    number = call_number(occurrence)
    if number >= (most or MOST_CALLS):
        return None
    return f"{_CALL.sub('', occurrence)}~call{number + 1}"


def falls_back(verdict: Verdict) -> bool:
    """Tells whether the next channel is tried after a line ended so."""
    if verdict.state not in FINAL:
        return False
    if verdict.state == SUPPRESSED:
        return verdict.reason in _UNREACHED
    return verdict.state == BOUNCED or verdict.address_gone
