"""The end of tasks that run for as long as a process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_SECONDS = 2.0


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels tasks until they have ended; what they raise is not raised here.

    Once is not enough: `asyncio.wait_for` of Python 3.11, which the broker's client waits with for every answer, loses a cancellation that
    comes in the moment between the answer and its hearing. Such a task goes on, and whoever waits for its end would wait for ever.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
        for task in ended:
            if not task.cancelled():
                task.exception()  # looked at: no complaint that nobody did
