"""PostgreSQL goes away and comes back on its port: callers are told UNAVAILABLE, and the same engine and pool serve again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from devstack import ports
from devstack.postgres import EmbeddedPostgres
from servicekit.db import engine
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.errors import Unavailable
from servicekit.rpc.call import Call
from servicekit.rpc.failures import as_domain_error, is_transient
from servicekit.rpc.principal import Principal
from servicekit.testing.platform import until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of this module alone, which tests stop; its port stays its own meanwhile."""
    port = ports.free_port()
    made = EmbeddedPostgres(tmp_path_factory.mktemp("outage") / "data", port, durable=False)
    made.start()
    yield made
    made.stop()
    ports.release(port)


@pytest_asyncio.fixture(loop_scope="session")
async def store(server: EmbeddedPostgres) -> AsyncIterator[Database]:
    made = Database(await asyncio.to_thread(server.create_role_and_database, "outage"), pool_size=3)
    await made.start()
    await made.reader.fetch("CREATE TABLE IF NOT EXISTS lines (line text)")
    yield made
    await made.stop()


async def write(store: Database) -> None:
    async with (uow := UnitOfWork(store, Call(Principal("s"), "/m"))):
        await uow.session.execute(sa.text("INSERT INTO lines VALUES ('x')"))


async def read(store: Database) -> Any:
    return await store.reader.fetchval("SELECT count(*) FROM lines")


async def failure(work: Awaitable[Any]) -> BaseException:
    with pytest.raises(Exception) as caught:
        await work
    return caught.value


async def works(work: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[bool]]:
    async def tried() -> bool:
        try:
            await work()
        except Exception as error:
            if not isinstance(as_domain_error(error), Unavailable):
                raise
            return False
        return True

    return tried


class TestOutage:
    async def test_a_database_that_is_down_is_unavailable_and_recovers_by_itself(
        self, server: EmbeddedPostgres, store: Database
    ) -> None:
        await asyncio.gather(*(write(store) for _ in range(3)))
        before = await read(store)
        await asyncio.to_thread(server.stop)
        for _ in range(4):  # the first meet dead connections, the later ones find nobody listening
            for work in (write(store), read(store)):
                error = await failure(work)
                assert isinstance(as_domain_error(error), Unavailable), error
                assert is_transient(error)

        await asyncio.to_thread(server.start)

        await until(await works(lambda: write(store)), 20, "writes did not recover")
        await until(await works(lambda: read(store)), 20, "reads did not recover")
        assert await read(store) == before + 1

    async def test_a_restart_between_two_calls_costs_at_most_a_failure_that_can_be_tried_again(
        self, server: EmbeddedPostgres, store: Database
    ) -> None:
        await asyncio.gather(*(write(store) for _ in range(3)))
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        await until(await works(lambda: write(store)), 20, "writes did not recover")
        await asyncio.gather(*(write(store) for _ in range(3)))

    async def test_work_under_way_when_it_goes_is_unavailable_and_not_half_done(
        self, server: EmbeddedPostgres, store: Database
    ) -> None:
        await write(store)
        before = await read(store)

        async def interrupted() -> None:
            async with (uow := UnitOfWork(store, Call(Principal("s"), "/m"))):
                await uow.session.execute(sa.text("INSERT INTO lines VALUES ('half')"))
                await asyncio.to_thread(server.stop)

        error = await failure(interrupted())
        assert isinstance(as_domain_error(error), Unavailable), error
        await asyncio.to_thread(server.start)
        await until(await works(lambda: read(store)), 20, "reads did not recover")
        assert await read(store) == before

    async def test_a_server_process_that_hangs_does_not_hold_up_the_end(
        self, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "CLOSING_SECONDS", 0.2)
        store = Database(await asyncio.to_thread(server.create_role_and_database, "hanging"), pool_size=1)
        await store.start()
        backend = await store.reader.fetchval("SELECT pg_backend_pid()")
        os.kill(backend, signal.SIGSTOP)
        try:
            await store.stop()
        finally:
            os.kill(backend, signal.SIGCONT)
        with pytest.raises(RuntimeError, match="not started"):
            _ = store.reader

    async def test_an_address_that_does_not_exist_is_unavailable(self) -> None:
        nowhere = Database("postgresql://u:p@no-such-host.invalid:5432/d")
        error = await failure(write(nowhere))
        assert isinstance(as_domain_error(error), Unavailable), error
        await nowhere.stop()
