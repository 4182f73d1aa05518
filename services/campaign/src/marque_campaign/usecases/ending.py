"""What became of a message is told to the others and counted, by the transaction that wrote it down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_campaign import events
from marque_campaign.repository import again as lines
from marque_campaign.repository import bounces
from marque_campaign.rules import again, figures
from marque_campaign.rules.ledger import Verdict


def ended(uow: UnitOfWork, row: Any, state: int, reason: str) -> None:
    """Tells of a line of the ledger that came to its end; its row has the version after it."""
    uow.emit(events.message_ended(row, state, reason))
    uow.tally(figures.MESSAGES, channel=figures.channel_of(row.channel), outcome=figures.outcome_of(state))


async def bounced(uow: UnitOfWork, row: Any, reason: str) -> None:
    """Marks the address of a line as one that can get nothing any more, and tells whose it is."""
    await bounces.mark(uow.session, row.send_id, reason, uow.now)
    uow.emit(events.message_bounced(row, reason))


async def arrived(uow: UnitOfWork, row: Any) -> None:
    """Takes back what a line told of its address, where it did, and says so: the message arrived after all."""
    if await bounces.lift(uow.session, row.send_id):
        uow.emit(events.message_bounce_lifted(row))


async def fall_back(uow: UnitOfWork, settled: Iterable[tuple[Any, Verdict]]) -> None:
    """Plans the next channel for the people of lines that ended where the channel reaches nobody."""
    ids = [row.send_id for row, verdict in settled if again.falls_back(verdict)]
    if ids:
        await lines.plan_next(uow.session, ids, uow.now)
