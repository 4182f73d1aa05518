"""What became of a message is told to the others and counted, by the transaction that wrote it down."""

from __future__ import annotations

from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_campaign import events
from marque_campaign.repository import bounces
from marque_campaign.rules import figures


def ended(uow: UnitOfWork, row: Any, state: int, reason: str) -> None:
    """Tells of a line of the ledger that came to its end; its row has the version after it."""
    uow.emit(events.message_ended(row, state, reason))
    uow.tally(figures.MESSAGES, channel=figures.channel_of(row.channel), outcome=figures.outcome_of(state))


async def bounced(uow: UnitOfWork, row: Any, reason: str) -> None:
    """Marks the address of a line as one that can get nothing any more, and tells whose it is."""
    await bounces.mark(uow.session, row.send_id, reason, uow.now)
    uow.emit(events.message_bounced(row, reason))
