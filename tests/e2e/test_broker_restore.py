"""A broker whose store was put back to an older state, or is empty: by docs/runbook.md nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from servicekit.testing.crash.accounts import Figures, check_audit, check_events, quiet
from servicekit.testing.crash.doors import Doors
from servicekit.testing.crash.effects import check_content, check_effects, check_wholeness
from servicekit.testing.crash.stack import Stack
from servicekit.testing.crash.trade import Trade
from servicekit.testing.platform import until

pytestmark = pytest.mark.slow

HEARD = "SELECT 1 FROM inbox_messages WHERE consumer = 'customer_network' AND event_id = ANY($1)"


@pytest_asyncio.fixture(loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("restore")) as made:
        yield made


class Load:
    """A trade that goes on while the test does something to the broker."""

    def __init__(self, stack: Stack) -> None:
        rng = random.Random(4)
        self.stack = stack
        self.doors = Doors(stack, rng)
        self.trade = Trade(self.doors, rng)

    async def begin(self) -> None:
        await self.trade.open()
        self._working = asyncio.create_task(self.trade.run(2, rest=0.1))
        await self.more(40)

    async def more(self, writes: int) -> None:
        """Returns when so many more writes were acknowledged."""
        wanted = len(self.trade.ledger.done) + writes

        async def done() -> bool:
            if self._working.done():
                self._working.result()
            return len(self.trade.ledger.done) >= wanted

        await until(done, 120, "nothing is written any more")

    async def settle(self) -> None:
        """Ends the trade and asserts that everything is accounted for."""
        self.trade.stop()
        await self._working
        await self.trade.settle()
        await quiet(self.stack)
        figures = Figures()
        await check_events(self.stack, figures, once=False)
        await check_audit(self.stack, self.trade.ledger, figures)
        await check_wholeness(self.stack)
        await check_content(self.stack, self.trade.ledger, figures)
        await check_effects(self.stack, self.trade.ledger, figures)
        await self.doors.close()
        print(*figures.lines(), sep="\n")


async def operator(stack: Stack, *words: str) -> str:
    """Runs marquectl against the platform; returns what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "marquectl", *words,
        env=stack.dev.operator_environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    return said


async def migrate(stack: Stack) -> None:
    """Runs the migrate step of every service, which makes its streams and consumers."""
    for service in stack.services:
        spec = stack.children[f"{service}.migrate"].spec
        argv = spec.argv() if callable(spec.argv) else spec.argv
        process = await asyncio.create_subprocess_exec(*argv, env={**os.environ, **(spec.env or {})})
        assert await process.wait() == 0


async def put_back(stack: Stack, prepare: Callable[[Path], object]) -> None:
    """Kills the broker, changes its store, and lets it start."""
    assert stack.dev.nats is not None
    await stack.hold("nats", gently=False)
    await asyncio.to_thread(prepare, stack.dev.nats.store_dir)
    stack.release("nats")
    await stack.settled()


async def unheard(stack: Stack, load: Load) -> list[Any]:
    """Dealers change while the customer service is down: the broker has the events, and nobody has applied them. Returns their ids."""
    await stack.hold("customer")
    before = {row["event_id"] for row in await stack.sql("network", "SELECT event_id FROM outbox_messages")}
    for _ in load.trade.ledger.dealers:
        await load.trade.change_dealer()
    await until(published(stack), 60, "the events do not leave the outbox")
    # The trade goes on: what it says from here on may still be in the outbox when the broker dies, and then it is not lost.
    rows = await stack.sql("network", "SELECT event_id FROM outbox_messages WHERE publish_time IS NOT NULL")
    return [row["event_id"] for row in rows if row["event_id"] not in before]


def published(stack: Stack) -> Callable[[], Awaitable[bool]]:
    async def done() -> bool:
        rows = await stack.sql("network", "SELECT 1 FROM outbox_messages WHERE publish_time IS NULL LIMIT 1")
        return not rows

    return done


class TestBroker:
    @pytest.mark.timeout(900)
    async def test_put_back_to_an_older_state_nothing_is_lost_once_the_operator_has_sent_again(
        self, stack: Stack, tmp_path: Path
    ) -> None:
        load = Load(stack)
        await load.begin()
        copied = datetime.now(UTC) - timedelta(seconds=5)  # clocks differ
        await put_back(stack, lambda store: shutil.copytree(store, tmp_path / "copy"))
        await load.more(40)
        lost = await unheard(stack, load)

        def old(store: Path) -> None:
            shutil.rmtree(store)
            shutil.copytree(tmp_path / "copy", store)

        await stack.hold("nats", gently=False)
        stack.release("customer")
        await put_back(stack, old)
        await load.more(20)
        assert (
            await stack.sql("customer", HEARD, lost) == []
        )  # the broker has forgotten them, and nobody would hear of them

        said = await operator(stack, "resend", "--since", copied.strftime("%Y-%m-%dT%H:%M:%S"))
        print(said)
        await load.settle()

    @pytest.mark.timeout(900)
    async def test_begun_anew_and_empty_nothing_is_lost_once_the_operator_has_sent_again(self, stack: Stack) -> None:
        load = Load(stack)
        began = datetime.now(UTC) - timedelta(seconds=60)
        await load.begin()
        lost = await unheard(stack, load)
        await stack.hold("nats", gently=False)
        stack.release("customer")
        await put_back(stack, shutil.rmtree)
        await load.more(20)  # writes go on without a stream: the outbox holds
        assert await stack.sql("customer", HEARD, lost) == []
        await migrate(stack)
        print(await operator(stack, "resend", "--since", began.strftime("%Y-%m-%dT%H:%M:%S")))
        await load.settle()
