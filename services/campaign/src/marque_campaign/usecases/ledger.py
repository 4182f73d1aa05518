"""What others tell of lines of the ledger: operators who asked a provider, and providers themselves."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_campaign.errors import SendNotFound, SendStateNotAllowed
from marque_campaign.repository import ledger as lines
from marque_campaign.repository import sends as repository
from marque_campaign.repository.scope import Scope
from marque_campaign.rules import ledger as rules
from marque_campaign.rules.ledger import Verdict
from marque_campaign.usecases.ending import arrived, bounced, ended, fall_back


async def settle(*, uow: UnitOfWork, scope: Scope, send_id: uuid.UUID, state: int) -> Any:
    """Settles a line of which nobody knew whether it was taken. Raises SendNotFound, SendStateNotAllowed."""
    async with uow:
        found = await lines.lock(uow.session, scope, send_id)
        if found is None:
            raise SendNotFound()
        if found.state != rules.UNKNOWN:
            raise SendStateNotAllowed()
        row = await repository.settle(uow.session, send_id, Verdict(state, "SETTLED"), uow.now)
        ended(uow, row, state, "SETTLED")
        uow.audit("settle", "campaign_send", str(send_id), ("state",))
        return await uow.answer(await lines.read(uow.session, send_id))


async def record(*, uow: UnitOfWork, reports: Sequence[tuple[uuid.UUID, int, str, bool]]) -> tuple[int, int]:
    """Records what a provider tells of messages: (id, state, reason, whether the address can get nothing
    any more); returns how many lines changed, and how many are not known.

    Of a line that is known and may not go there, because it was told before or was never handed over, nothing changes.
    """
    changed = unknown = 0
    async with uow:
        for send_id, state, reason, gone in sorted(reports):
            if await reported(uow, send_id, Verdict(state, reason, address_gone=gone)):
                changed += 1
            elif not await lines.was_handed(uow.session, send_id):
                unknown += 1
    return changed, unknown


async def reported(uow: UnitOfWork, send_id: uuid.UUID, verdict: Verdict) -> bool:
    """Writes down what is told of a line that was handed over, with all that follows; returns whether it changed."""
    row = await repository.settle(uow.session, send_id, verdict, uow.now)
    if row is None:
        return False
    if verdict.state == rules.FAILED:
        ended(uow, row, verdict.state, verdict.reason)
    if verdict.address_gone:
        await bounced(uow, row, verdict.reason)
    if verdict.state == rules.DELIVERED:
        await arrived(uow, row)
    await fall_back(uow, [(row, verdict)])
    return True
