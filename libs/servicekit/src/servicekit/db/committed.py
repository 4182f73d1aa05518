"""What this process's units of work committed, told to those of it who would otherwise look for it at their next poll."""

from __future__ import annotations

import asyncio
from datetime import timedelta

# Work that comes due sooner than this is told at once; what comes later, or from another process, is found by polling.
SOON = timedelta(milliseconds=500)


class Committed:
    """Set by units of work, cleared by who acts: `events` stand in the outbox, `due` work stands in `due_work` and is due now."""

    def __init__(self) -> None:
        self.events = asyncio.Event()
        self.due = asyncio.Event()


async def wait_for(told: asyncio.Event, seconds: float) -> None:
    """Returns when told, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await told.wait()
    except TimeoutError:
        pass
