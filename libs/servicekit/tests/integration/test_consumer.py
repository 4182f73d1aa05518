"""From a real broker to effects in real PostgreSQL: each once, in order, and one bad event alone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from marque.customer.v1.customer_events_pb2 import CustomerUpdated
from nats.aio.client import Client as Nats
from servicekit.db.base import now
from servicekit.db.committed import Committed
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.errors import Aborted, FailedPrecondition, Unavailable
from servicekit.messaging import consumer, deadletters, envelope, streams
from servicekit.messaging.consumer import Consumer, Subscription
from servicekit.messaging.envelope import Event
from servicekit.testing.platform import until

TYPE = "marque.customer.v1.CustomerUpdated"
Behaviour = Callable[[UnitOfWork, Event], Awaitable[None]]


class LateNews(FailedPrecondition):
    reason = "LATE_NEWS"


class Hearer:
    """A consumer of its own on the module's stream; its effects are rows, in the order of their commit."""

    def __init__(self, database: Database, broker: Nats) -> None:
        self.database = database
        self.broker = broker
        self.jetstream = broker.jetstream()
        self.name = f"test_{uuid.uuid4().hex}"
        self.tried: list[tuple[str, int]] = []
        self.behaviour: Behaviour | None = None
        self.subscription = Subscription(self.name, "customer", {TYPE: self._handle})

    async def _handle(self, uow: UnitOfWork, event: Event) -> None:
        self.tried.append((event.key, event.version))
        query = sa.text("INSERT INTO heard (consumer, key, version) VALUES (:name, :key, :version)")
        await uow.session.execute(query, {"name": self.name, "key": event.key, "version": event.version})
        if self.behaviour is not None:
            await self.behaviour(uow, event)

    async def say(
        self, key: str, version: int, *, payload: bytes | None = None, kind: str = TYPE, **head: Any
    ) -> uuid.UUID:
        """Publishes an event; `head` replaces headers, None leaves one out."""
        event_id = uuid.uuid4()
        wanted: dict[str, Any] = {"event_id": str(event_id), "event_type": kind, "key": key, "version": version}
        made: dict[str, Any] = envelope.headers(**wanted, time=now(), traceparent=None)
        made |= {name.replace("_", "-"): value for name, value in head.items()}
        data = (
            CustomerUpdated(customer_id=key, aggregate_version=version).SerializeToString()
            if payload is None
            else payload
        )
        await self.jetstream.publish(
            kind, data, headers={name: value for name, value in made.items() if value is not None}
        )
        return event_id

    async def declare(self) -> None:
        config = streams.consumer_config(self.subscription)
        config.deliver_policy = streams.DeliverPolicy.NEW
        await self.jetstream.add_consumer("MARQUE_CUSTOMER", config)

    @asynccontextmanager
    async def listening(self, count: int = 1) -> AsyncIterator[None]:
        made = [Consumer(self.database, self.broker, self.subscription, Committed()) for _ in range(count)]
        tasks = [asyncio.create_task(one.run()) for one in made]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended)

    async def effects(self) -> list[tuple[str, int]]:
        query = "SELECT key, version FROM heard WHERE consumer = $1 ORDER BY position"
        return [(row["key"], row["version"]) for row in await self.database.reader.fetch(query, self.name)]

    async def parked(self) -> list[Any]:
        return [row for row in await deadletters.waiting(self.database, limit=1000) if row.consumer == self.name]

    async def settled(self) -> None:
        """Returns when the broker has nothing left for this consumer."""

        async def quiet() -> bool:
            info = await self.jetstream.consumer_info("MARQUE_CUSTOMER", self.name)
            return info.num_pending == 0 and info.num_ack_pending == 0

        await until(quiet, 30, "the consumer did not settle")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _tables(database: Database) -> None:
    await database.reader.fetch(
        "CREATE TABLE heard (position bigint GENERATED ALWAYS AS IDENTITY, consumer text, key text, version bigint)"
    )


@pytest_asyncio.fixture(loop_scope="session")
async def hearer(database: Database, broker: Nats) -> AsyncIterator[Hearer]:
    made = Hearer(database, broker)
    await made.declare()
    yield made
    await made.jetstream.delete_consumer("MARQUE_CUSTOMER", made.name)


class TestEffects:
    async def test_each_event_has_its_effect_once_and_in_the_order_of_its_aggregate(self, hearer: Hearer) -> None:
        keys = [uuid.uuid4().hex for _ in range(20)]
        for version in range(1, 16):
            for key in keys:
                await hearer.say(key, version)
        async with hearer.listening():
            await hearer.settled()

        found = await hearer.effects()
        assert len(found) == 300
        for key in keys:
            assert [version for name, version in found if name == key] == list(range(1, 16))

    async def test_an_event_said_again_has_no_second_effect(self, hearer: Hearer) -> None:
        async with hearer.listening():
            first = await hearer.say("a", 1)
            await hearer.settled()
            for number in range(3):  # past the broker's own memory of doubles
                await hearer.say("a", 1, ce_id=str(first), Nats_Msg_Id=f"{first}-{number}")
            await hearer.settled()
        assert await hearer.effects() == [("a", 1)]

    async def test_doubles_within_one_batch_have_one_effect(self, hearer: Hearer) -> None:
        event_id = str(uuid.uuid4())
        for number in range(5):
            await hearer.say("a", 1, ce_id=event_id, Nats_Msg_Id=f"{event_id}-{number}")
        await hearer.say("a", 2)
        async with hearer.listening():
            await hearer.settled()
        assert await hearer.effects() == [("a", 1), ("a", 2)]

    async def test_two_replicas_share_the_work_without_doubling_it(self, hearer: Hearer) -> None:
        for number in range(200):
            await hearer.say(str(number), 1)
        async with hearer.listening(2):
            await hearer.settled()
        assert sorted(await hearer.effects()) == sorted((str(number), 1) for number in range(200))

    async def test_a_message_is_acknowledged_only_after_its_effect_is_committed(self, hearer: Hearer) -> None:
        reached, waits = asyncio.Event(), asyncio.Event()

        async def hold(uow: UnitOfWork, event: Event) -> None:
            reached.set()
            await waits.wait()

        hearer.behaviour = hold
        async with hearer.listening():
            await hearer.say("a", 1)
            await asyncio.wait_for(reached.wait(), 20)
            assert (await hearer.jetstream.consumer_info("MARQUE_CUSTOMER", hearer.name)).num_ack_pending == 1
            assert await hearer.effects() == []
        assert await hearer.effects() == []  # stopped before the commit: undone, and the broker still has it

        hearer.behaviour = None
        async with hearer.listening():
            await hearer.settled()
        assert await hearer.effects() == [("a", 1)]


class TestFailures:
    async def test_one_bad_event_is_parked_alone(self, hearer: Hearer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(consumer, "_LANES", 1)

        async def refuse(uow: UnitOfWork, event: Event) -> None:
            if event.key == "bad":
                raise LateNews()
            if event.key == "broken":
                raise RuntimeError("王小明")

        hearer.behaviour = refuse
        for key, version in (("a", 1), ("bad", 1), ("b", 1), ("broken", 1), ("a", 2), ("bad", 2)):
            await hearer.say(key, version)
        async with hearer.listening():
            await hearer.settled()

        assert await hearer.effects() == [("a", 1), ("b", 1), ("a", 2)]
        parked = await hearer.parked()
        assert sorted((row.headers["ce-subject"], row.reason) for row in parked) == [
            ("bad", "LATE_NEWS"), ("bad", "LATE_NEWS"), ("broken", "RuntimeError")
        ]  # fmt: skip
        assert all("王小明" not in str(row) for row in parked)

    @pytest.mark.parametrize(
        "error", [Unavailable(dependency="X"), Aborted(), ConnectionError()], ids=lambda one: type(one).__name__
    )
    async def test_a_passing_failure_is_tried_again_and_then_applied_in_order(
        self, hearer: Hearer, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumer, "_LANES", 1)

        async def stumble(uow: UnitOfWork, event: Event) -> None:
            if (event.key, event.version) == ("a", 2) and hearer.tried.count(("a", 2)) < 4:
                raise error

        hearer.behaviour = stumble
        for key, version in (("a", 1), ("a", 2), ("b", 1), ("a", 3)):
            await hearer.say(key, version)
        async with hearer.listening():
            await hearer.settled()

        found = await hearer.effects()
        assert [version for key, version in found if key == "a"] == [1, 2, 3]
        assert found.index(("b", 1)) < found.index(("a", 2))
        assert await hearer.parked() == []

    @pytest.mark.parametrize(
        ("head", "payload"),
        [
            ({"ce_id": None}, None),
            ({"ce_id": "no-uuid"}, None),
            ({"ce_type": "marque.customer.v1.NoSuch"}, None),
            ({"ce_type": None}, None),
            ({"ce_subject": None}, None),
            ({"ce_time": "when"}, None),
            ({}, b"\xff\xff"),
            ({"ce_subject": "naïve-é"}, b"\xff"),
        ],
        ids=str,
    )
    async def test_a_message_that_is_no_event_is_parked_and_others_go_on(
        self, hearer: Hearer, head: dict[str, Any], payload: bytes | None
    ) -> None:
        await hearer.say("before", 1)
        await hearer.say("x", 1, payload=payload, **head)
        await hearer.say("after", 1)
        async with hearer.listening():
            await hearer.settled()
        assert sorted(await hearer.effects()) == [("after", 1), ("before", 1)]
        (row,) = await hearer.parked()
        assert row.reason == "BadEnvelope"

    async def test_a_value_that_no_column_holds_is_parked_and_not_tried_for_ever(self, hearer: Hearer) -> None:
        async def overflow(uow: UnitOfWork, event: Event) -> None:
            await uow.session.execute(sa.select(sa.text("1")).where(sa.literal(2**63, sa.BigInteger) == 1))

        hearer.behaviour = overflow
        await hearer.say("a", 1)
        async with hearer.listening():
            await hearer.settled()
        assert len(await hearer.parked()) == 1

    async def test_an_event_without_a_handler_is_passed_over(self, hearer: Hearer, database: Database) -> None:
        event = envelope.read(
            envelope.headers(
                event_id=str(uuid.uuid4()), event_type="marque.customer.v1.CustomerErased", key="a", version=1, time=now(), traceparent=None
            ),
            b"",
        )  # fmt: skip
        await consumer.apply(database, hearer.subscription, [event], Committed())
        assert (await hearer.effects(), await hearer.parked()) == ([], [])


class TestReplay:
    async def test_a_parked_event_is_applied_once_its_cause_is_gone(self, hearer: Hearer, database: Database) -> None:
        async def refuse(uow: UnitOfWork, event: Event) -> None:
            raise LateNews()

        async def apply(name: str, event: Event) -> None:
            await consumer.apply(database, hearer.subscription, [event], Committed())

        hearer.behaviour = refuse
        await hearer.say("a", 1)
        async with hearer.listening():
            await hearer.settled()
        (row,) = await hearer.parked()
        ids = [row.dead_letter_id]

        assert await deadletters.replay(database, ids, apply) == {ids[0]: "LATE_NEWS"}
        hearer.behaviour = None
        for _ in range(2):
            assert await deadletters.replay(database, ids, apply) == {ids[0]: ""}

        assert await hearer.effects() == [("a", 1)]
        assert await hearer.parked() == []

    async def test_headers_that_json_cannot_hold_are_parked_all_the_same(
        self, hearer: Hearer, database: Database
    ) -> None:
        await deadletters.park(
            database, hearer.name, {"CE-Id": "\udcff\0", "ce-type": "a\0b", "secret": "x"}, b"\0\xff", "BadEnvelope"
        )
        (row,) = await hearer.parked()
        assert set(row.headers) == {"ce-id", "ce-type"}
        assert bytes(row.payload) == b"\0\xff"
