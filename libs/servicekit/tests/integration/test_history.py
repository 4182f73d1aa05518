"""Events read again from a stream: all of them since the moment, however fast the broker is, and an end where there is nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from devstack.nats import EmbeddedNats
from marque.customer.v1.customer_events_pb2 import CustomerErased, CustomerUpdated
from servicekit.ids import new_uuid
from servicekit.messaging import envelope
from servicekit.messaging.history import events_since
from servicekit.service import connect_nats

ERASED = "marque.customer.v1.CustomerErased"


class Slow:
    """The real broker by a client that is so slow to ask on that all has been sent to it by then."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def jetstream(self) -> Slow:
        return Slow(self._real.jetstream())

    async def subscribe(self, *words: Any, **options: Any) -> Any:
        found = await self._real.subscribe(*words, **options)
        await asyncio.sleep(0.2)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Stream:
    """The customer service's stream on a broker of this module."""

    def __init__(self, broker: Any) -> None:
        self.broker = broker

    async def say(self, message: Any) -> str:
        kind, key = message.DESCRIPTOR.full_name, str(new_uuid())
        told = {"event_type": kind, "key": key, "version": 1, "time": datetime.now(UTC), "traceparent": None}
        headers = envelope.headers(event_id=str(new_uuid()), **told)
        await self.broker.jetstream().publish(envelope.subject(kind), message.SerializeToString(), headers=headers)
        return key

    async def since(self, moment: datetime) -> list[str]:
        return [event.key async for event in events_since(self.broker, "customer", [ERASED], moment)]


@pytest_asyncio.fixture(loop_scope="session")
async def stream(tmp_path: Path) -> AsyncIterator[Stream]:
    with EmbeddedNats(tmp_path / "nats") as server:
        broker = await connect_nats(server.url, "test")
        await broker.jetstream().add_stream(name="MARQUE_CUSTOMER", subjects=["marque.customer.>"])
        yield Stream(broker)
        await broker.close()


def erased() -> CustomerErased:
    return CustomerErased(customer_id=str(new_uuid()), erasure_id=str(new_uuid()))


class TestEventsSince:
    async def test_all_come_every_time_also_when_they_were_sent_before_anybody_asked(self, stream: Stream) -> None:
        moment = datetime.now(UTC) - timedelta(minutes=1)
        said = [await stream.say(erased()) for _ in range(3)]
        await stream.say(CustomerUpdated(customer_id=str(new_uuid()), aggregate_version=1))
        assert await stream.since(moment) == said
        stream.broker = Slow(stream.broker)
        assert await stream.since(moment) == said

    @pytest.mark.parametrize("others", [0, 1])
    async def test_nothing_since_is_an_end_at_once(self, stream: Stream, others: int) -> None:
        await stream.say(erased())
        await asyncio.sleep(0.01)
        moment = datetime.now(UTC)
        for _ in range(others):
            await stream.say(CustomerUpdated(customer_id=str(new_uuid()), aggregate_version=1))
        assert await stream.since(moment) == []
