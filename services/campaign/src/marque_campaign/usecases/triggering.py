"""Campaigns that write to somebody when they did something: a line of the ledger for each time, once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_campaign.repository import again as calls
from marque_campaign.repository import runs
from marque_campaign.repository import triggers as repository
from marque_campaign.rules.again import WITHDRAWN
from marque_campaign.usecases import calling
from marque_campaign.usecases.ending import ended
from marque_campaign.usecases.responding import Deed

TAKEN_BACK = "TAKEN_BACK"


async def happened(uow: UnitOfWork, deeds: Sequence[Deed]) -> None:
    """Plans a message of every campaign that waits for such a deed. Heard again, it plans none: the deed is the occurrence.

    A deed from before the launch plans none either, so that what is entered or imported late writes to nobody.
    """
    async with uow:
        awaited = await repository.awaited(uow.session)
        for deed in deeds:
            if deed.kind in awaited:
                await repository.plan(uow.session, {**_values(deed), "now": uow.now})


def _values(deed: Deed) -> dict[str, Any]:
    return {
        "kind": deed.kind,
        "key": deed.key,
        "person": deed.customer_id,
        "dealer": deed.dealer_id,
        "moment": deed.moment,
    }


async def undone(uow: UnitOfWork, *, key: str, customer_id: uuid.UUID) -> None:
    """Ends the messages of a deed that was taken back, as far as nobody has begun them, and calls that nobody has made."""
    async with uow:
        await runs.take_back(uow.session, customer_id, key, TAKEN_BACK, uow.now)
        for row in await repository.take_back(uow.session, customer_id, key, TAKEN_BACK, uow.now):
            ended(uow, row, row.state, row.reason)
        await calling.withdraw(uow, await calls.calls_of(uow.session, customer_id, key), WITHDRAWN)
