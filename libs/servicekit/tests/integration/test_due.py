"""Work that time makes due, on real PostgreSQL: each piece once, failures later and later, nothing lost."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from servicekit.db import due
from servicekit.db.base import now
from servicekit.db.committed import Committed
from servicekit.db.due import DueHandler, DueWorker
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.errors import NotFound
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal
from servicekit.testing.platform import until


class Desk:
    """Due work of a kind of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.kind = uuid.uuid4().hex
        self.done: list[str] = []
        self.committed = Committed()

    async def schedule(self, *keys: str, at: datetime | None = None) -> None:
        async with (uow := UnitOfWork(self.database, Call(Principal("s"), "/m"), committed=self.committed)):
            for key in keys:
                await uow.schedule(self.kind, key, at or now() - timedelta(seconds=1))

    def worker(self, handler: DueHandler, **more: DueHandler) -> DueWorker:
        handlers: Mapping[str, DueHandler] = {self.kind: handler, **more}
        return DueWorker(self.database, handlers, self.committed)

    async def work(self, worker: DueWorker) -> None:
        while await worker.run_one():
            pass

    async def note(self, uow: UnitOfWork, key: str) -> datetime | None:
        self.done.append(key)
        return None

    async def rows(self) -> dict[str, Any]:
        query = "SELECT key, due_time, attempts, failure FROM due_work WHERE kind = $1"
        return {row["key"]: row for row in await self.database.reader.fetch(query, self.kind)}

    async def make_due(self) -> None:
        await self.database.reader.fetch(
            "UPDATE due_work SET due_time = now() - interval '1 s' WHERE kind = $1", self.kind
        )


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


class TestDueWork:
    async def test_what_is_due_is_done_and_gone_and_the_rest_waits(self, desk: Desk) -> None:
        await desk.schedule("b", at=now() - timedelta(seconds=5))
        await desk.schedule("a", at=now() - timedelta(seconds=9))
        await desk.schedule("later", at=now() + timedelta(hours=1))
        await desk.work(desk.worker(desk.note))
        assert desk.done == ["a", "b"]
        assert set(await desk.rows()) == {"later"}

    async def test_two_workers_do_each_piece_once_and_do_not_wait_for_each_other(self, desk: Desk) -> None:
        together = asyncio.Barrier(2)

        async def meet(uow: UnitOfWork, key: str) -> None:
            if not desk.done:
                async with asyncio.timeout(20):  # only if the other holds another row meanwhile do both arrive
                    await together.wait()
            desk.done.append(key)

        await desk.schedule(*map(str, range(40)))
        workers = [desk.worker(meet), desk.worker(meet)]
        await asyncio.gather(*(desk.work(worker) for worker in workers))
        assert sorted(desk.done, key=int) == [str(number) for number in range(40)]
        assert await desk.rows() == {}

    async def test_the_work_and_its_end_are_one_transaction(self, desk: Desk) -> None:
        async def half(uow: UnitOfWork, key: str) -> None:
            await uow.schedule(desk.kind, "other", now() + timedelta(days=1))
            raise NotFound()

        await desk.schedule("a")
        await desk.work(desk.worker(half))
        assert set(await desk.rows()) == {"a"}

    async def test_a_failure_is_postponed_longer_each_time_and_never_lost(self, desk: Desk) -> None:
        async def fail(uow: UnitOfWork, key: str) -> None:
            raise RuntimeError("王小明")

        await desk.schedule("a")
        delays = []
        for attempt in range(1, 13):
            before = now()
            await desk.work(desk.worker(fail))
            row = (await desk.rows())["a"]
            assert (row["attempts"], row["failure"]) == (attempt, "RuntimeError")
            delays.append((row["due_time"] - before).total_seconds())
            await desk.make_due()
        assert [round(delay) for delay in delays[:6]] == [1, 2, 4, 8, 16, 32]
        assert round(max(delays)) == round(delays[-1]) == 600

        await desk.work(desk.worker(desk.note))
        assert desk.done == ["a"]
        assert await desk.rows() == {}

    async def test_a_failure_of_one_does_not_hold_the_others_back(self, desk: Desk) -> None:
        async def pick(uow: UnitOfWork, key: str) -> datetime | None:
            if key == "bad":
                await uow.session.execute(sa.text("SELECT 1 / 0"))
            return await desk.note(uow, key)

        await desk.schedule("bad", at=now() - timedelta(hours=1))
        await desk.schedule("a", "b")
        await desk.work(desk.worker(pick))
        assert sorted(desk.done) == ["a", "b"]
        assert set(await desk.rows()) == {"bad"}

    async def test_work_may_name_its_next_moment(self, desk: Desk) -> None:
        moment = datetime(2999, 1, 1, tzinfo=UTC)

        async def again(uow: UnitOfWork, key: str) -> datetime:
            return moment

        await desk.schedule("a")
        await desk.work(desk.worker(again))
        row = (await desk.rows())["a"]
        assert (row["due_time"], row["attempts"], row["failure"]) == (moment, 0, None)

    async def test_a_moment_that_the_use_case_itself_set_stands(self, desk: Desk) -> None:
        moment = datetime(2999, 1, 1, tzinfo=UTC)

        async def reschedule(uow: UnitOfWork, key: str) -> None:
            await uow.schedule(desk.kind, key, moment)

        await desk.schedule("a")
        await desk.work(desk.worker(reschedule))
        assert (await desk.rows())["a"]["due_time"] == moment

    async def test_a_failure_does_not_move_what_was_rescheduled_meanwhile(self, desk: Desk) -> None:
        moment = datetime(2999, 1, 1, tzinfo=UTC)
        worker = desk.worker(desk.note)
        await desk.schedule("a")
        async with desk.database.engine.connect() as connection:
            claimed = (await connection.execute(worker._claim())).one()
        await desk.schedule("a", at=moment)
        await worker._postpone(claimed, RuntimeError())
        assert ((await desk.rows())["a"]["due_time"], (await desk.rows())["a"]["attempts"]) == (moment, 0)

    async def test_what_is_due_at_once_is_begun_without_waiting_for_the_next_poll(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(due, "POLL_SECONDS", 3600.0)
        task = asyncio.create_task(desk.worker(desk.note).run())

        async def done(*keys: str) -> None:
            async def told() -> bool:
                return desk.done == list(keys)

            await until(told, 20, f"only {desk.done} was done")

        try:
            await desk.schedule("a")
            await done("a")
            await desk.schedule("later", at=now() + timedelta(hours=1))
            assert not desk.committed.due.is_set()
            await desk.schedule("b", at=now())
            await done("a", "b")
        finally:
            task.cancel()

    async def test_kinds_of_others_are_left_alone(self, desk: Desk, database: Database) -> None:
        await desk.schedule("a")
        await desk.work(Desk(database).worker(desk.note))
        assert set(await desk.rows()) == {"a"}

    async def test_a_stopped_worker_undoes_what_was_under_way(self, desk: Desk) -> None:
        reached = asyncio.Event()

        async def hang(uow: UnitOfWork, key: str) -> None:
            await uow.schedule(desk.kind, "half", now())
            reached.set()
            await asyncio.Event().wait()

        await desk.schedule("a")
        task = asyncio.create_task(desk.worker(hang).run())
        await asyncio.wait_for(reached.wait(), 20)
        task.cancel()
        (ended,) = await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 20)
        assert isinstance(ended, asyncio.CancelledError)
        row = (await desk.rows())["a"]
        assert (row["attempts"], set(await desk.rows())) == (0, {"a"})
