"""Notices of a recall: what of a line's end the recall's owner is told. Pure."""

from __future__ import annotations

from marque_campaign.rules.ledger import (
    ADDRESS_GONE,
    BOUNCED,
    CANCELLED,
    DELIVERED,
    ERASED,
    FAILED,
    SAME_PERSON,
    SUPPRESSED,
)

# RecallUnreachableReason of marque.vehicle.v1: the notice could not be delivered, and nothing is known against reaching the car.
UNDELIVERED, REACHED = 4, 0
GONE_CARS = frozenset({"EXPORTED", "STOLEN", "SCRAPPED"})
"""Why a car needs no notice: it is where no remedy reaches it. To whom a notice could not be delivered, the next wave tries again."""
_NO_WAY = frozenset(
    {
        "NO_ADDRESS", "ADDRESS_UNREACHABLE", ADDRESS_GONE, ERASED, "UNKNOWN_CUSTOMER", "RESTRICTED", "UNMAILABLE", "VARIABLE_MISSING",
    }
)  # fmt: skip


_NOT_TOLD = frozenset({"NOT_THE_OWNER", SAME_PERSON, CANCELLED})


def told_of(state: int, reason: str, told_state: int, *, further: bool = False) -> int | None:
    """Returns what is told of a car whose notice came to an end: UNDELIVERED, REACHED, or None for nothing.

    `told_state` is the state at which something was told before, 0 for never. Only what this line itself said is taken back. Who sold the
    car is not told: somebody else owns it, whom the next wave reaches; nor is a campaign that was cancelled. `further`: the line is of a
    further channel, which was tried because no notice arrived by the one before; so whatever keeps it back leaves the owner unreached.
    """
    if state in (BOUNCED, FAILED) or (state == SUPPRESSED and reason in _NO_WAY):
        return UNDELIVERED
    if further and state == SUPPRESSED and reason not in _NOT_TOLD:
        return UNDELIVERED
    if state == DELIVERED and told_state == BOUNCED:
        return REACHED
    return None
