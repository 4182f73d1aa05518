"""Runs that find duplicates: asked for by people, done by a sweep, one at a time.

Whoever runs it holds the linker's lock; a run whose process ended, by whatever, is taken up by the next look at it and goes on where it
was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from servicekit.db.uow import UnitOfWork, Work
from servicekit.ids import new_uuid
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.telemetry import logs

from marque_customer.models.duplicate_runs import WAITING, DuplicateRun
from marque_customer.repository import duplicate_runs as repository

_NAME = "sweep:duplicate-runs"
log = logs.get_logger(__name__)
Tell = Callable[[dict[str, Any]], None]
# Finds duplicates once, telling of each step; false where another process does.
Finder = Callable[[Tell], Awaitable[bool]]


async def start(*, uow: UnitOfWork) -> Any:
    """Returns the run that waits or runs, else a new one."""
    async with uow:
        run = await repository.unended(uow.session, lock=True)
        if run is None:
            run = DuplicateRun(
                run_id=new_uuid(), state=WAITING, step="", merged=0, queued=0, attempts=0, create_time=uow.now,
                principal=uow.principal.subject,
            )  # fmt: skip
            uow.add(run)
            uow.audit("start", "duplicate_run", str(run.run_id))
        return await uow.answer(run)


async def sweep(*, work: Work, find: Finder) -> bool:
    """Does the run that waits, or one whose process ended; there is never more than one, so that nothing is left after it."""
    async with work.read() as session:
        if await repository.unended(session) is None:
            return False
    steps: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    writing = asyncio.create_task(_write(work, steps))
    failed = False
    try:
        if not await find(steps.put_nowait):
            return False
        steps.put_nowait(None)
        await writing
    except RuntimeError as error:
        log.error("a run that finds duplicates failed", exc_info=error)
        failed = True
    finally:
        writing.cancel()
    async with work(Call(SYSTEM, _NAME)) as uow:
        run = await repository.unended(uow.session, lock=True)
        if run is not None:
            run.finish(uow.now, failed=failed)
    return False


async def _write(work: Work, steps: asyncio.Queue[dict[str, Any] | None]) -> None:
    """Writes down how far the run has come, its beginning with the first step, until nothing more comes."""
    first = True
    while (told := await steps.get()) is not None:
        async with work(Call(SYSTEM, _NAME)) as uow:
            run = await repository.unended(uow.session, lock=True)
            if run is None:
                continue
            if first:
                run.begin(uow.now)
            step = str(told.get("step") or told.get("stage") or "")
            run.reach(step[:64], told.get("merged"), told.get("queued"))
        first = False
