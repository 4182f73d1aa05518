"""What came of calls that somebody made for a campaign."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from servicekit.calling import call_again
from servicekit.db.uow import UnitOfWork

from marque_campaign import events
from marque_campaign.repository import again as repository
from marque_campaign.rules import again
from marque_campaign.rules import ledger as rules
from marque_campaign.usecases import ledger
from marque_campaign.usecases.ending import ended


async def called(*, uow: UnitOfWork, send_id: uuid.UUID, outcome: int, again_time: datetime | None = None) -> None:
    """Settles the line of a call, and plans the next one where nobody was reached, or the person asked for it (at `again_time`, else a
    day later), and the campaign calls again. A run that stands at the call goes on at once, or waits for the next one.
    """
    async with uow:
        why = await repository.hold_run(uow.session, send_id)
        if not await ledger.reported(uow, send_id, again.of_call(outcome, why)):
            return
        following = None
        if outcome in (again.NOT_REACHED, again.CALL_LATER) and not why:
            following = await _again(uow, send_id, outcome, again_time)
        await repository.go_on(uow.session, send_id, following, uow.now)


async def _again(uow: UnitOfWork, send_id: uuid.UUID, outcome: int, asked: datetime | None) -> uuid.UUID | None:
    """Plans the call after one; None where that was the last."""
    row = await repository.call_of(uow.session, send_id)
    if row is None or (occurrence := again.next_call(row.occurrence, row.most_calls)) is None:
        return None
    due = call_again(again.call_number(row.occurrence), uow.now)
    if outcome == again.CALL_LATER:
        due = asked or uow.now + again.LATER
    return await repository.plan_call(uow.session, send_id, occurrence, due, uow.now)


async def withdraw(uow: UnitOfWork, send_ids: Sequence[uuid.UUID], reason: str) -> set[uuid.UUID]:
    """Says of calls that they are not to be made any more; returns those of which it could be said. What came of the others stands."""
    if not send_ids:
        return set()
    rows = await repository.withdraw(uow.session, send_ids, reason, uow.now)
    for row in rows:
        if row.state in rules.FINAL and row.state not in rules.TAKEN:
            ended(uow, row, row.state, row.reason)
        else:
            uow.emit(events.campaign_call_withdrawn(row))
    return {row.send_id for row in rows}
