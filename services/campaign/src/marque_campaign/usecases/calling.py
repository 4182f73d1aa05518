"""What came of calls that somebody made for a campaign."""

from __future__ import annotations

import uuid

from servicekit.calling import call_again
from servicekit.db.uow import UnitOfWork

from marque_campaign.repository import again as repository
from marque_campaign.rules import again
from marque_campaign.usecases import ledger


async def called(*, uow: UnitOfWork, send_id: uuid.UUID, outcome: int) -> None:
    """Settles the line of a call, and plans the next one where nobody was reached and the campaign calls again."""
    verdict = again.of_call(outcome)
    async with uow:
        changed = await ledger.reported(uow, send_id, verdict)
        if not changed or outcome != again.NOT_REACHED:
            return
        row = await repository.call_of(uow.session, send_id)
        if row is not None and (occurrence := again.next_call(row.occurrence, row.most_calls)) is not None:
            due = call_again(again.call_number(row.occurrence), uow.now)
            await repository.plan_call(uow.session, send_id, occurrence, due, uow.now)
