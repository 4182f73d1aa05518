"""Runs that find duplicates: asked for by people, done by a sweep, one at a time.

Whoever runs it holds the linker's lock; a run whose process ended, by whatever, is taken up by the next look at it and goes on where it
was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork, Work
from servicekit.ids import new_uuid
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.telemetry import logs

from marque_customer.models.duplicate_runs import LINKER_FAILED, WAITING, DuplicateRun
from marque_customer.repository import duplicate_runs as repository
from marque_customer.repository import linking

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
            if failed:
                run.fail(uow.now, LINKER_FAILED)
            else:
                run.finish(uow.now)
    return False


async def give_up(*, work: Work, wait: timedelta) -> bool:
    """Ends the run that nobody takes up: where no process has a folder to link in, or none has any more.

    Who holds the linker's lock is at it, or at a run of the command line that this one waits for.
    """
    async with work.read() as session:
        run = await repository.unended(session)
        if run is None or not run.given_up(now(), wait):
            return False
    async with work(Call(SYSTEM, _NAME)) as uow:
        run = await repository.unended(uow.session, lock=True)
        if run is not None and (why := run.given_up(uow.now, wait)) and await linking.nobody_links(uow.session):
            run.fail(uow.now, why)
            log.error("a run that finds duplicates was given up", extra={"reason": why})
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
