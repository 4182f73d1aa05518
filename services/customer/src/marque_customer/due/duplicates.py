"""Finding duplicates among all customers: a run that an operator or a timer starts, once at a time.

The linker works in a process of its own, with low priority, on a file that holds what was live when the run began; its libraries never come
into the processes that answer people. The file and all that is made of it is personal, so the folder is for this user alone and goes when
the run ends; a run that was killed goes on where it was, within a day.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
from servicekit.children import child
from servicekit.db.engine import Database
from servicekit.db.uow import Work

from marque_customer.repository import linking as repository
from marque_customer.usecases import linking
from marque_customer.usecases.linking import Applied, Linked

FRESH_SECONDS = 86_400
_LINKER = "marque_customer.linking"
Tell = Callable[[dict[str, Any]], None]


class AlreadyRunning(Exception):
    """Another process finds duplicates in this database."""


async def find_duplicates(*, database: Database, work: Work, folder: Path, tell: Tell, memory: str = "") -> Applied:
    """Finds duplicates among all live customers, merges the sure ones and queues the doubtful ones; returns how many.

    `tell` hears of each step. Killed at any moment it can be started again: what was applied is applied.
    Raises AlreadyRunning, and RuntimeError where the linker fails.
    """
    async with _alone(database) as connection:
        tell({"step": "begun"})
        file = _folder(folder) / "customers.csv"
        if not file.exists():
            draft = file.with_suffix(".part")
            await repository.export(connection, draft)
            draft.rename(file)
        tell({"step": "read", "bytes": file.stat().st_size})
        await _link(file, folder, tell, memory)
        done = await _apply(work, folder / "pairs.jsonl", tell)
        tell({"step": "same_numbers", "queued": await linking.queue_twins(work=work)})
        await asyncio.to_thread(shutil.rmtree, folder)
    return done


async def find_alone(tell: Tell, *, database: Database, work: Work, folder: Path, memory: str = "") -> bool:
    """Finds duplicates as `find_duplicates` does; false where another run is under way, on whichever machine. Raises RuntimeError."""
    try:
        await find_duplicates(database=database, work=work, folder=folder, tell=tell, memory=memory)
    except AlreadyRunning:
        return False
    return True


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.direct()
    try:
        if not await repository.alone(connection):
            raise AlreadyRunning("another run is under way: it is left to finish")
        yield connection
    finally:
        await connection.close()


def _folder(folder: Path) -> Path:
    """Makes the folder, for this user alone; what an old run left is forgotten, people may have been erased since."""
    started = folder / "customers.csv"
    if folder.exists() and (not started.exists() or time.time() - started.stat().st_mtime > FRESH_SECONDS):
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


async def _link(file: Path, folder: Path, tell: Tell, memory: str) -> None:
    roles = [f"--role={column}={role}" for column, role in repository.ROLES.items()]
    argv = ["-m", _LINKER, str(file), "--key", repository.KEY, "--folder", str(folder), *roles]
    argv += [f"--memory={memory}"] if memory else []
    async with child(argv) as running:
        assert running.stdout is not None
        while line := await asyncio.to_thread(running.stdout.readline):
            tell(json.loads(line))
        if await asyncio.to_thread(running.wait):
            raise RuntimeError(f"the linker ended with {running.returncode}")


async def _apply(work: Work, file: Path, tell: Tell) -> Applied:
    done = Applied()
    # The sure ones first: a doubtful pair is then asked of the survivors, or is one already.
    for sure, step in ((True, linking.merge), (False, linking.queue)):
        pairs = (pair for pair in _pairs(file) if pair.merge is sure)
        while chunk := list(islice(pairs, linking.AT_ONCE)):
            found = await step(work=work, pairs=chunk)
            done = Applied(*(one + other for one, other in zip(done, found, strict=True)))
        tell({"step": "merged" if sure else "queued", **done._asdict()})
    return done


def _pairs(file: Path) -> Iterator[Linked]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield Linked(uuid.UUID(row["left"]), uuid.UUID(row["right"]), row["score"], row["merge"], row["reasons"])
