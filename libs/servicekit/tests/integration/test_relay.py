"""From the outbox to a real broker: everything, once, in order, whatever dies on the way."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
import pytest_asyncio
from devstack.nats import EmbeddedNats
from marque.customer.v1.customer_events_pb2 import CustomerUpdated
from servicekit import tasks
from servicekit.db.base import now
from servicekit.db.committed import Committed
from servicekit.db.engine import Database
from servicekit.db.tables import outbox_messages
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from servicekit.ids import new_uuid
from servicekit.messaging import envelope, relay, resend, streams
from servicekit.messaging.relay import Relay
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal
from servicekit.service import connect_nats
from servicekit.testing.platform import until

TYPE = "marque.customer.v1.CustomerUpdated"
LEADERS = (
    "FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """A broker of this test alone, which it may halt."""
    with EmbeddedNats(tmp_path / "nats") as made:
        yield made


class Side:
    """What one test writes into the outbox and finds in the stream."""

    def __init__(self, database: Database, broker: EmbeddedNats, client: Any) -> None:
        self.database = database
        self.broker = broker
        self.client = client
        self.committed = Committed()

    async def say(self, key: str, *versions: int, fail: bool = False) -> None:
        async with (uow := UnitOfWork(self.database, Call(Principal("s"), "/m"), committed=self.committed)):
            for version in versions:
                uow.emit(CustomerUpdated(customer_id=key, aggregate_version=version))
            if fail:
                raise RuntimeError

    @asynccontextmanager
    async def relaying(self, count: int = 1) -> AsyncIterator[None]:
        made = [Relay(self.database, self.client, self.committed, "customer") for _ in range(count)]
        running = [asyncio.create_task(one.run()) for one in made]
        try:
            yield
        finally:
            await asyncio.wait_for(tasks.end(running), 20)
            assert all(task.cancelled() for task in running)

    async def begin_anew(self) -> None:
        """Makes the stream anew: with it the broker forgets which ids it had."""
        await self.client.jetstream().delete_stream("MARQUE_CUSTOMER")
        await streams.reconcile(self.client.jetstream(), "customer", [], replicas=1, max_age_days=1)

    async def waiting(self) -> int:
        query = "SELECT count(*) FROM outbox_messages WHERE publish_time IS NULL"
        return int(await self.database.reader.fetchval(query))

    async def all_published(self) -> bool:
        return await self.waiting() == 0

    async def heard(self) -> list[Any]:
        """Everything that stands in the stream, in its order."""
        other = await nats.connect(self.broker.url)
        jetstream = other.jetstream()
        state = (await jetstream.stream_info("MARQUE_CUSTOMER")).state
        found = [
            await jetstream.get_msg("MARQUE_CUSTOMER", number) for number in range(state.first_seq, state.last_seq + 1)
        ]
        await other.close()
        return [envelope.read(message.headers, message.data or b"") for message in found]


@pytest_asyncio.fixture(loop_scope="session")
async def side(database: Database, broker: EmbeddedNats) -> AsyncIterator[Side]:
    client = await connect_nats(broker.url, "test")
    await streams.reconcile(client.jetstream(), "customer", [], replicas=1, max_age_days=1)
    await database.reader.fetch("DELETE FROM outbox_messages")
    yield Side(database, broker, client)
    with contextlib.suppress(Exception):  # a test may have left it without its broker
        await client.close()


class TestRelay:
    async def test_committed_events_arrive_once_in_the_order_of_their_aggregate(self, side: Side) -> None:
        keys = [uuid.uuid4().hex for _ in range(5)]
        with pytest.raises(RuntimeError):
            await side.say("rolled-back", 1, fail=True)
        for version in range(1, 41):
            await asyncio.gather(*(side.say(key, version) for key in keys))
        async with side.relaying():
            await until(side.all_published, 20, "the outbox was not emptied")

        found = await side.heard()
        assert len(found) == 200
        for key in keys:
            assert [event.version for event in found if event.key == key] == list(range(1, 41))

    async def test_more_than_a_batch_goes_out_while_it_grows(self, side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(relay, "BATCH", 7)
        async with side.relaying():
            for start in range(1, 60, 10):
                await side.say("a", *range(start, start + 10))
            await until(side.all_published, 20, "the outbox was not emptied")
        assert [event.version for event in await side.heard()] == list(range(1, 61))

    async def test_an_event_that_commits_after_a_later_position_is_not_passed_over(self, side: Side) -> None:
        async with side.relaying():
            async with (early := UnitOfWork(side.database, Call(Principal("s"), "/m"), committed=side.committed)):
                await early.session.execute(_outbox_row("early"))
                await side.say("late", 1)
                await until(side.all_published, 20, "the later event was not published")
            await until(side.all_published, 20, "the earlier event was not published")
        assert [event.key for event in await side.heard()] == ["late", "early"]

    async def test_of_two_relays_one_publishes_and_the_other_takes_over(self, side: Side) -> None:
        async with side.relaying(2):
            await side.say("a", *range(1, 301))
            await until(side.all_published, 20, "the outbox was not emptied")
            assert await side.database.reader.fetchval(f"SELECT count(*) {LEADERS}") == 1
            await side.database.reader.fetch(f"SELECT pg_terminate_backend(pid) {LEADERS}")
            await side.say("a", *range(301, 401))
            await until(side.all_published, 20, "nobody took over")
        assert [event.version for event in await side.heard()] == list(range(1, 401))

    async def test_while_the_broker_is_away_events_wait_and_come_later(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(relay, "ACK_SECONDS", 0.5)
        async with side.relaying():
            await side.say("a", 1)
            await until(side.all_published, 20, "the first event was not published")
            await asyncio.to_thread(side.broker.halt)
            await side.say("a", 2, 3)
            await asyncio.sleep(0.8)
            assert await side.waiting() == 2
            await asyncio.to_thread(side.broker.start)
            await until(side.all_published, 30, "the events were not published after the broker came back")
        assert [event.version for event in await side.heard()] == [1, 2, 3]

    async def test_it_ends_at_once_though_the_broker_is_away(self, side: Side) -> None:
        async with side.relaying():
            await asyncio.to_thread(side.broker.halt)
            await side.say("a", 1)
            await asyncio.sleep(0.2)
        assert await side.waiting() == 1

    async def test_a_crash_between_publishing_and_marking_doubles_nothing(self, side: Side) -> None:
        async with side.relaying():
            await side.say("a", *range(1, 21))
            await until(side.all_published, 20, "the outbox was not emptied")
            await side.database.reader.fetch("UPDATE outbox_messages SET publish_time = NULL")
            side.committed.events.set()
            await until(side.all_published, 20, "the outbox was not emptied again")
        assert [event.version for event in await side.heard()] == list(range(1, 21))


class TestResend:
    async def test_events_published_in_the_span_leave_again_with_their_ids_in_order(self, side: Side) -> None:
        async with side.relaying():
            await side.say("before", 1)
            await until(side.all_published, 20, "the outbox was not emptied")
            start = await side.database.reader.fetchval("SELECT clock_timestamp()")
            await side.say("a", *range(1, 31))
            await until(side.all_published, 20, "the outbox was not emptied")
            first = await side.heard()
            await side.begin_anew()
            end = await side.database.reader.fetchval("SELECT clock_timestamp()")
            async with (uow := UnitOfWork(side.database, Call(Principal("s"), "/m"), committed=side.committed)):
                assert await resend.resend(uow, start, end) == 30
            side.committed.events.set()
            await until(side.all_published, 20, "the outbox was not emptied again")
        assert [event.id for event in await side.heard()] == [event.id for event in first if event.key == "a"]
        async with (uow := UnitOfWork(side.database, Call(Principal("s"), "/m"))):
            assert await resend.resend(uow, start, end) == 0  # published again after the span

    async def test_an_empty_span_is_refused(self, side: Side) -> None:
        moment = now()
        with pytest.raises(InvalidArgument):
            async with (uow := UnitOfWork(side.database, Call(Principal("s"), "/m"))):
                await resend.resend(uow, moment, moment)


def _outbox_row(key: str) -> Any:
    event = CustomerUpdated(customer_id=key, aggregate_version=1)
    return outbox_messages.insert().values(
        event_id=new_uuid(), event_type=TYPE, aggregate_id=key, aggregate_version=1, payload=event.SerializeToString(), create_time=now()
    )  # fmt: skip
