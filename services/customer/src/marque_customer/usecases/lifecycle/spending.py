"""What customers spent. Events carry no prices, so the vehicle service is asked, after the fact and outside every transaction."""

from __future__ import annotations

import asyncio
from typing import Any

from servicekit.db.uow import Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_customer.clients import Vehicles
from marque_customer.models import SpendEntry
from marque_customer.repository import deeds, values
from marque_customer.repository.notes import connection_of

AT_ONCE = 64
_SIDE_BY_SIDE = 8
_NAME = "sweep:spend"


async def sweep(*, work: Work, vehicles: Vehicles) -> bool:
    """Asks what up to 64 sales and visits cost and has their people judged; returns whether more may be left.

    Raises Unavailable while the vehicle service is away: what is to be asked for stays noted.
    """
    rows = await deeds.asked(work.reader, AT_ONCE)
    if not rows:
        return False
    turn = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(row: Any) -> tuple[str, int]:
        async with turn:
            asked = vehicles.paid_for_sale if row["kind"] == SpendEntry.SALE else vehicles.paid_for_visit
            return await asked(row["reference_id"])

    paid = await asyncio.gather(*(one(row) for row in rows))
    answers = [
        (row["kind"], row["reference_id"], row["ask_time"], *amount) for row, amount in zip(rows, paid, strict=True)
    ]
    async with work(Call(SYSTEM, _NAME)) as uow:
        connection = await connection_of(uow.session)
        about = await deeds.price(connection, answers)
        await values.mark(connection, about)
    return len(rows) == AT_ONCE
