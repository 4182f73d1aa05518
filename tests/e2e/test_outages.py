"""PostgreSQL, NATS, the issuer and a neighbour stopped and frozen under load: clear 503s in time, truth at readyz, recovery by itself."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio
from servicekit.testing import web
from servicekit.testing.crash.accounts import Figures, check_audit, check_events, quiet
from servicekit.testing.crash.doors import Doors
from servicekit.testing.crash.effects import check_content, check_effects, check_open, check_wholeness
from servicekit.testing.crash.stack import Stack
from servicekit.testing.crash.trade import Trade
from servicekit.testing.platform import until

pytestmark = pytest.mark.slow

HUNG = 13.0  # seconds: longer than the gateway gives a service
GONE = 3.0
PATIENCE = 20.0  # seconds that a caller waits: an answer that comes later is no answer
REASONS = {"DEPENDENCY_UNAVAILABLE", "UNAVAILABLE"}


@dataclass(frozen=True)
class Answer:
    """What a caller was told, and after how long."""

    path: str
    status: int
    reason: str
    again: bool
    seconds: float


@dataclass
class Caller:
    """Somebody who reads one thing after the other, whatever happens."""

    doors: Doors
    http: httpx.AsyncClient
    paths: list[str]
    answers: list[Answer] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            for path in self.paths:
                self.answers.append(await self.ask(path))
            await asyncio.sleep(0.2)

    async def ask(self, path: str) -> Answer:
        headers = {"authorization": f"Bearer {await self.doors.token('oem.manager')}"}
        began = time.monotonic()
        answer = await self.http.get(path, headers=headers)  # a timeout here is a caller who was left waiting
        reason = "" if answer.status_code == 200 else answer.json()["reason"]
        return Answer(path, answer.status_code, reason, "retry-after" in answer.headers, time.monotonic() - began)


@dataclass
class Scene:
    """A platform with a trade going on and somebody who asks for a customer, a car and a dealer."""

    stack: Stack
    doors: Doors
    trade: Trade
    caller: Caller

    async def more(self, writes: int) -> None:
        wanted = len(self.trade.ledger.done) + writes

        async def done() -> bool:
            return len(self.trade.ledger.done) >= wanted

        await until(done, 120, "nothing is written any more")

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[list[Answer]]:
        """What happens inside is an outage; afterwards all is well again without a restart of any service, and the answers are judged."""
        services = [*self.stack.services, "gateway"]
        born = {name: self.stack.children[name].pid for name in services}
        self.caller.answers.clear()
        yield self.caller.answers
        await self.stack.settled()
        await self.more(20)
        assert [(await self.caller.ask(path)).status for path in self.caller.paths] == [200, 200, 200]
        assert {name: self.stack.children[name].pid for name in services} == born, "a service was started again"
        for answer in self.caller.answers:
            assert answer.status in (200, 503), answer
            assert answer.status == 200 or (answer.reason in REASONS and answer.again), answer

    @asynccontextmanager
    async def without(self, name: str) -> AsyncIterator[None]:
        """A process is down inside."""
        await self.stack.hold(name)
        try:
            yield
        finally:
            self.stack.release(name)

    @asynccontextmanager
    async def frozen(self, name: str) -> AsyncIterator[None]:
        """A process hangs inside."""
        self.stack.freeze(name)
        try:
            yield
        finally:
            self.stack.thaw()

    async def failing(self, names: list[str]) -> None:
        """Returns when these processes say that they cannot serve for want of the database."""

        async def told() -> bool:
            found = [await self.stack.readiness(name) for name in names]
            return all(status == 503 and body["failing"] == ["database"] for status, body in found)

        await until(told, 30, "readiness does not tell of the database")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with Stack(tmp_path_factory.mktemp("outages")) as stack:
        rng = random.Random(5)
        doors = Doors(stack, rng)
        trade = Trade(doors, rng)
        await trade.open()
        working = asyncio.create_task(trade.run(4, rest=0.2))
        http = web.client(stack.dev.addresses.http_url or "", timeout=PATIENCE)
        made = Scene(stack, doors, trade, Caller(doors, http, []))
        await made.more(20)
        ledger = trade.ledger
        made.caller.paths = [
            f"/v1/customers/{next(iter(ledger.customers))}",
            f"/v1/vehicles/{next(iter(ledger.cars))}",
            f"/v1/dealers/{next(iter(ledger.dealers))}",
        ]
        asking = asyncio.create_task(made.caller.run())
        yield made
        asking.cancel()
        trade.stop()
        await working
        await accounts(made)
        await http.aclose()
        await doors.close()


async def accounts(scene: Scene) -> None:
    """Asserts, after all outages, that nothing was lost or doubled."""
    stack, ledger, figures = scene.stack, scene.trade.ledger, Figures()
    await check_open(stack, ledger)
    await scene.trade.settle()
    await quiet(stack)
    await check_events(stack, figures)
    await check_audit(stack, ledger, figures)
    await check_wholeness(stack)
    await check_content(stack, ledger, figures)
    await check_effects(stack, ledger, figures)
    print(*figures.lines(), dict(scene.doors.answers), sep="\n")


def refused(answers: list[Answer], path: str = "") -> list[Answer]:
    return [answer for answer in answers if answer.status == 503 and answer.path.startswith(path)]


@pytest.mark.timeout(600)
class TestPostgres:
    async def test_stopped_it_is_503_and_readiness_says_so(self, scene: Scene) -> None:
        async with scene.outage() as answers, scene.without("postgres"):
            await scene.failing(scene.stack.services)
            assert (await scene.stack.readiness("gateway"))[0] == 200
            await asyncio.sleep(GONE)
        assert {answer.path for answer in refused(answers)} == set(scene.caller.paths)

    async def test_frozen_it_is_503_before_the_caller_gives_up(self, scene: Scene) -> None:
        async with scene.outage() as answers, scene.frozen("postgres"):
            await scene.failing(scene.stack.services)
            await asyncio.sleep(HUNG)
        assert refused(answers)


@pytest.mark.timeout(600)
class TestNats:
    async def test_stopped_writes_go_on_and_events_come_later(self, scene: Scene) -> None:
        async with scene.outage() as answers:
            async with scene.without("nats"):
                await scene.more(20)
                waiting = "SELECT 1 FROM outbox_messages WHERE publish_time IS NULL"
                assert await scene.stack.sql("customer", waiting)
                assert [(await scene.stack.readiness(name))[0] for name in scene.stack.services] == [200] * len(
                    scene.stack.services
                )
            await quiet_outboxes(scene.stack)
        assert refused(answers) == []

    async def test_frozen_writes_go_on_and_events_come_later(self, scene: Scene) -> None:
        async with scene.outage() as answers:
            async with scene.frozen("nats"):
                await scene.more(20)
                await asyncio.sleep(HUNG)
            await quiet_outboxes(scene.stack)
        assert refused(answers) == []


@pytest.mark.timeout(600)
class TestIssuer:
    async def test_stopped_who_is_known_goes_on(self, scene: Scene) -> None:
        async with scene.outage() as answers, scene.without("issuer"):
            await scene.more(20)
        assert refused(answers) == []

    async def test_a_service_that_begins_without_the_issuer_is_503_until_it_is_back(self, scene: Scene) -> None:
        path = scene.caller.paths[2]

        async def told() -> bool:
            found = await scene.caller.ask(path)
            return (found.status, found.reason, found.again) == (503, "DEPENDENCY_UNAVAILABLE", True)

        async with scene.without("issuer"):
            scene.stack.kill("network")
            await until(told, 60, "the network service does not say that the issuer is away")

        async def back() -> bool:
            return (await scene.caller.ask(path)).status == 200

        await until(back, 60, "the network service did not recover")
        await scene.stack.settled()


@pytest.mark.timeout(600)
class TestNeighbour:
    async def test_stopped_only_what_needs_it_is_503(self, scene: Scene) -> None:
        customer, *others = scene.caller.paths
        async with scene.without("customer"):
            scene.caller.answers.clear()
            await asyncio.sleep(GONE)
            answers = [*scene.caller.answers]
        await scene.stack.settled()
        await scene.more(20)
        assert refused(answers, customer)
        assert [refused(answers, path) for path in others] == [[], []]
        assert {answer.status for answer in answers} <= {200, 503}

    async def test_frozen_only_what_needs_it_is_503_in_time(self, scene: Scene) -> None:
        customer, *others = scene.caller.paths
        async with scene.outage() as answers, scene.frozen("customer"):
            sold = await scene.doors.attempt(scene.trade.sale_of_known())
            assert sold == "UNAVAILABLE DEPENDENCY_UNAVAILABLE"
            status, _ = await scene.stack.readiness("customer")
            assert status == 0
            told = await scene.caller.ask(customer)
            assert (told.status, told.again) == (503, True)
            assert [(await scene.caller.ask(path)).status for path in others] == [200, 200]
        assert [refused(answers, path) for path in others] == [[], []]


async def quiet_outboxes(stack: Stack) -> None:
    """Returns when nothing waits for the broker."""

    async def empty() -> bool:
        # A service to which this load brings nothing has said nothing.
        sent = "EXISTS (SELECT FROM outbox_messages WHERE publish_time < now())"
        query = f"SELECT 1 WHERE {sent} OR NOT EXISTS (SELECT FROM outbox_messages)"
        late = "SELECT 1 FROM outbox_messages WHERE publish_time IS NULL AND create_time < now() - interval '3 s'"
        return all([await stack.sql(name, query) and not await stack.sql(name, late) for name in stack.services])

    await until(empty, 90, "the outboxes are not emptied")
