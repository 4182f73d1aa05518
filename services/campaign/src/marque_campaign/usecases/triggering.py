"""Campaigns that write to somebody when they did something: a line of the ledger for each time, once."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.uow import UnitOfWork

from marque_campaign.repository import triggers as repository
from marque_campaign.usecases.ending import ended

TAKEN_BACK = "TAKEN_BACK"


async def happened(
    uow: UnitOfWork, *, kind: int, key: str, customer_id: uuid.UUID, dealer_id: uuid.UUID | None, moment: datetime
) -> None:
    """Plans a message of every campaign that waits for such a deed. Heard again, it plans none: the deed is the occurrence.

    A deed from before the launch plans none either, so that what is entered or imported late writes to nobody.
    """
    async with uow:
        values = {
            "kind": kind,
            "key": key,
            "person": customer_id,
            "dealer": dealer_id,
            "moment": moment,
            "now": uow.now,
        }
        await repository.plan(uow.session, values)


async def undone(uow: UnitOfWork, *, key: str, customer_id: uuid.UUID) -> None:
    """Ends the messages of a deed that was taken back, as far as nobody has begun them."""
    async with uow:
        for row in await repository.take_back(uow.session, customer_id, key, TAKEN_BACK, uow.now):
            ended(uow, row, row.state, row.reason)
