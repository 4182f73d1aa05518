"""What a withdrawal waits for before it is answered: hand-overs that may be under way, or may still begin.

A worker begins a hand-over only within the spend window of the moment before it spent its permit, by a clock that counts on while it is
frozen. Whatever was spent before the withdrawal was committed has no time left when that window and the margin for clocks are over. We
count them from the commit, by our own clock of the same kind: no wall clock decides.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from servicekit import permits as clients
from servicekit.db.uow import Replayed, Work

from marque_customer.repository import permits
from marque_customer.rules.permits import Windows

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.2


@asynccontextmanager
async def settles(work: Work, customer_id: uuid.UUID, windows: Windows) -> AsyncIterator[None]:
    """Leaves its block, whose work withdraws something of a customer, only when nothing that was permitted before can start.

    So does a retry that is told the first answer: the one before may have been cut off while it waited.
    """
    try:
        yield
    except Replayed:
        await wait(work, customer_id, windows)
        raise
    await wait(work, customer_id, windows)


async def wait(work: Work, customer_id: uuid.UUID, windows: Windows) -> None:
    """Waits until every permit of a customer that is spent now is ended, or past its window and the margin."""
    ends = clients.clock() + (windows.spend + windows.margin).total_seconds()
    waiting, pause = await permits.running(work.reader, customer_id), _FIRST_PAUSE
    while waiting and (left := ends - clients.clock()) > 0:
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)
        waiting = await permits.still_running(work.reader, waiting)
