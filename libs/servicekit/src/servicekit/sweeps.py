"""Work that asks another service first, and so cannot be due work, whose row is locked while it is done.

A sweep looks for what is left to do, asks outside every transaction, and applies in a unit of work of its own. Replicas may sweep at the
same time: applying twice must change nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from servicekit.telemetry import logs, spans

log = logs.get_logger(__name__)

# Does one bounded step; returns whether more is left.
Sweep = Callable[[], Awaitable[bool]]
EVERY_SECONDS = 1.0
_MAX_WAIT = 30.0


async def run(name: str, sweep: Sweep) -> None:
    """Sweeps until cancelled; a neighbour or database that is away is waited for with a growing delay."""
    wait = EVERY_SECONDS
    while True:
        try:
            with spans.sweep_span(name):
                more = await sweep()
            wait = EVERY_SECONDS
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("sweep waits", extra={"task": name, "error_type": type(error).__name__, "seconds": wait})
            more, wait = False, min(wait * 2, _MAX_WAIT)
        if not more:
            await asyncio.sleep(wait)
