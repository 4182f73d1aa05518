"""Notices of a recall: what of a line's end the recall's owner is told. Pure."""

from __future__ import annotations

from marque_campaign.rules.ledger import ADDRESS_GONE, BOUNCED, DELIVERED, ERASED, FAILED, SUPPRESSED

# RecallUnreachableReason of marque.vehicle.v1: the notice could not be delivered, and nothing is known against reaching the car.
UNDELIVERED, REACHED = 4, 0
GONE_CARS = frozenset({"EXPORTED", "STOLEN", "SCRAPPED"})
"""Why a car needs no notice: it is where no remedy reaches it. To whom a notice could not be delivered, the next wave tries again."""
_NO_WAY = frozenset(
    {
        "NO_ADDRESS", "ADDRESS_UNREACHABLE", ADDRESS_GONE, ERASED, "UNKNOWN_CUSTOMER", "RESTRICTED", "UNMAILABLE", "VARIABLE_MISSING",
    }
)  # fmt: skip


def told_of(state: int, reason: str, told_state: int) -> int | None:
    """Returns what is told of a car whose notice came to an end: UNDELIVERED, REACHED, or None for nothing.

    `told_state` is the state at which something was told before, 0 for never. Only what this line itself said is taken back. Who sold the
    car is not told: somebody else owns it, whom the next wave reaches; nor is a campaign that was cancelled.
    """
    if state in (BOUNCED, FAILED) or (state == SUPPRESSED and reason in _NO_WAY):
        return UNDELIVERED
    if state == DELIVERED and told_state == BOUNCED:
        return REACHED
    return None
