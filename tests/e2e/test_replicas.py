"""Two replicas hear one aggregate's events in any order between them: what they keep is what the order of the events demands."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from marque.customer.v1 import customer_events_pb2
from servicekit.testing.crash.accounts import Figures, check_events, quiet
from servicekit.testing.crash.stack import Stack

pytestmark = pytest.mark.slow

HEARERS = ("vehicle", "network")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
SAY = """
INSERT INTO outbox_messages (event_id, event_type, aggregate_id, aggregate_version, payload)
VALUES (gen_random_uuid(), $1, $2, $3, $4)"""
KEPT = """
SELECT from_customer_id::text AS gone, to_customer_id::text AS into, known_from, known_until FROM customer_aliases
WHERE known_until IS NULL OR known_until > known_from ORDER BY 1, 3"""


@dataclass
class Merges:
    """Customers merged and unmerged at random; `intervals` is what a hearer must know in the end."""

    rng: random.Random
    intervals: dict[str, list[list[Any]]] = field(default_factory=dict)
    events: list[tuple[str, str, int, bytes]] = field(default_factory=list)

    def make(self, count: int) -> None:
        survivors = {str(uuid.UUID(int=self.rng.getrandbits(128))): 1 for _ in range(8)}
        gone = [str(uuid.UUID(int=self.rng.getrandbits(128))) for _ in range(25)]
        for number in range(count):
            moment, one = BEGAN + timedelta(minutes=number), self.rng.choice(gone)
            spans = self.intervals.setdefault(one, [])
            if spans and spans[-1][2] is None:
                into, kind = spans[-1][0], "CustomersUnmerged"
                spans[-1][2] = moment
            else:
                into, kind = self.rng.choice([*survivors]), "CustomersMerged"
                spans.append([into, moment, None])
            survivors[into] += 1
            event = getattr(customer_events_pb2, kind)(
                customer_id=into, aggregate_version=survivors[into], merged_customer_id=one
            )
            event.occur_time.FromDatetime(moment)
            self.events.append((f"marque.customer.v1.{kind}", into, survivors[into], event.SerializeToString()))

    def expected(self) -> list[tuple[Any, ...]]:
        return [(gone, *span) for gone in sorted(self.intervals) for span in self.intervals[gone]]


@pytest_asyncio.fixture(loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("replicas"), workers=HEARERS) as made:
        yield made


async def say(stack: Stack, events: list[tuple[str, str, int, bytes]], rng: random.Random) -> None:
    """Puts events into the customer service's outbox, some at a time, as its use cases do."""
    connection = await asyncpg.connect(stack.dev.addresses.databases["customer"])
    try:
        at = 0
        while at < len(events):
            some = rng.randint(1, 12)
            async with connection.transaction():
                await connection.executemany(SAY, events[at : at + some])
            at += some
            await asyncio.sleep(rng.uniform(0.0, 0.03))
    finally:
        await connection.close()


class TestAliases:
    @pytest.mark.timeout(600)
    async def test_two_replicas_keep_what_the_order_of_the_events_demands(self, stack: Stack) -> None:
        rng = random.Random(8)
        merges = Merges(rng)
        merges.make(1200)
        saying = asyncio.create_task(say(stack, merges.events, rng))
        for victim in ("vehicle.work", "network", "vehicle", "network.work"):
            await asyncio.sleep(0.5)
            stack.kill(victim)
        await saying
        await stack.settled()
        await quiet(stack)
        await check_events(stack, Figures())
        for service in HEARERS:
            rows = [tuple(row) for row in await stack.sql(service, KEPT)]
            assert rows == merges.expected(), f"{service} keeps other aliases"
