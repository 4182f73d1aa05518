"""Work that asks another service first, and so cannot be due work, whose row is locked while it is done.

A sweep looks for what is left to do, asks outside every transaction, and applies in a unit of work of its own. Replicas may sweep at the
same time: applying twice must change nothing. A service that is stopped lets the step come to its end: broken off between the asking and
the applying, it would leave what nobody knows the end of, a mail that was handed over for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from servicekit.tasks import AGAIN_SECONDS
from servicekit.telemetry import logs, spans

log = logs.get_logger(__name__)

# Does one bounded step; returns whether more is left.
Sweep = Callable[[], Awaitable[bool]]
EVERY_SECONDS = 1.0
_MAX_WAIT = 30.0


async def run(name: str, sweep: Sweep, patience: float = 0.0) -> None:
    """Sweeps until cancelled; a neighbour or database that is away is waited for with a growing delay.

    `patience` is how many seconds a step under way still has when it is cancelled.
    """
    wait = EVERY_SECONDS
    while True:
        try:
            with spans.sweep_span(name):
                more = await _whole(sweep(), patience)
            wait = EVERY_SECONDS
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("sweep waits", extra={"task": name, "error_type": type(error).__name__, "seconds": wait})
            more, wait = False, min(wait * 2, _MAX_WAIT)
        if not more:
            await asyncio.sleep(wait)


async def _whole(step: Awaitable[bool], patience: float) -> bool:
    """Waits for a step; whoever cancels waits for it too, as long as patience lasts. However often: `tasks.end` cancels again."""
    task, loop = asyncio.ensure_future(step), asyncio.get_running_loop()
    ends: float | None = None
    while not task.done():
        left = None if ends is None else ends - loop.time()
        if left is not None and left <= 0:
            task.cancel()
            left = AGAIN_SECONDS
        try:
            await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError:
            ends = loop.time() + patience if ends is None else ends
    if ends is None:
        return task.result()
    if not task.cancelled() and (fault := task.exception()) is not None:
        log.warning("the last step failed", extra={"error_type": type(fault).__name__})
    raise asyncio.CancelledError
