"""Who has which car, heard in whatever order and number: events of one transaction leave what they leave one by one."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from marque.vehicle.v1 import ownership_events_pb2 as events
from marque_customer.subscribers import subscriptions
from servicekit.db.committed import Committed
from servicekit.db.engine import Database
from servicekit.ids import new_uuid
from servicekit.messaging.consumer import apply
from servicekit.messaging.envelope import Event

_KEPT = """
SELECT vin, customer_id, role, valid_start_time, valid_end_time, voided, version, plate_stale_time IS NOT NULL AS asked
FROM known_cars WHERE ownership_id = $1"""
_ERASED = "UPDATE customers SET status = 3 WHERE customer_id = $1"


@dataclass
class Ear:
    """Gives events to the service as its consumer does."""

    desk: Any
    database: Database

    async def hear(self, told: Sequence[Event]) -> None:
        """In one transaction."""
        (vehicle,) = [one for one in subscriptions() if one.name == "customer_vehicle"]
        await apply(self.database, vehicle, list(told), Committed())

    async def kept(self, ownerships: Sequence[str]) -> list[dict[str, Any] | None]:
        """What is known of each ownership."""
        rows = [await self.desk.platform.sql("customer", _KEPT, one) for one in ownerships]
        return [dict(row[0]) if row else None for row in rows]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ear(desk: Any) -> AsyncIterator[Ear]:
    database = Database(desk.platform.databases["customer"])
    yield Ear(desk, database)
    await database.engine.dispose()


def stamp(seconds: int) -> Timestamp:
    return Timestamp(seconds=seconds)


def said(message: Any, version: int) -> Event:
    message.aggregate_version = version
    return Event(new_uuid(), message.DESCRIPTOR.full_name, message.ownership_id, version, datetime.now(UTC), message)


def ownership(customer: str, **fields: Any) -> dict[str, Any]:
    car = f"LSVAM4187D{uuid.uuid4().int % 10**7:07d}"
    return {"ownership_id": str(uuid.uuid4()), "vin": car, "customer_id": customer, "role": 1, **fields}


def life(owned: dict[str, Any], chance: random.Random) -> list[Event]:
    """A beginning, perhaps an end that may be taken back, and states said again of any of these versions; shuffled."""
    begin = stamp(1_600_000_000 + chance.randrange(10**6))
    ends = [None, *(stamp(1_700_000_000 + n) if n % 2 == 0 else None for n in range(chance.randrange(4)))]
    found = []
    for number, end in enumerate(ends, 1):
        states: list[Any] = [events.OwnershipSnapshot(**owned, valid_start_time=begin, valid_end_time=end)]
        if end is None:
            states.append(events.OwnershipStarted(**owned, valid_start_time=begin))
        else:
            states.append(events.OwnershipEnded(**owned, valid_end_time=end))
        found += [said(chance.choice(states), number) for _ in range(chance.randrange(3))]
    chance.shuffle(found)
    return found


class TestOwnerships:
    @pytest.mark.parametrize("seed", range(2))
    async def test_one_transaction_leaves_what_many_leave(self, desk: Any, ear: Ear, seed: int) -> None:
        chance = random.Random(seed)
        people = [(await desk.create()).customer_id for _ in range(4)] + [str(uuid.uuid4())]
        owned = [ownership(chance.choice(people)) for _ in range(25)]
        again = [ownership(one["customer_id"], vin=one["vin"]) for one in owned]
        lives = [life(one, random.Random(f"{seed}/{n}")) for n, one in enumerate(owned)]
        twins = [life(one, random.Random(f"{seed}/{n}")) for n, one in enumerate(again)]

        await ear.hear([event for told in lives for event in told])
        for told in twins:
            for event in told:
                await ear.hear([event])
        at_once = await ear.kept([one["ownership_id"] for one in owned])
        one_by_one = await ear.kept([one["ownership_id"] for one in again])

        assert at_once == one_by_one
        assert sum(one is not None for one in at_once) > 12

    async def test_states_said_at_once_are_what_each_person_is_found_by(self, desk: Any, ear: Ear) -> None:
        owner, left, erased = [await desk.create() for _ in range(3)]
        await desk.platform.sql("customer", _ERASED, erased.customer_id)
        kept, former, gone, other = [ownership(one.customer_id) for one in (owner, left, erased, owner)]
        found_by_former = {**former, "valid_start_time": stamp(1_600_000_000)}
        await ear.hear([said(events.OwnershipStarted(**found_by_former), 1)])

        assert await desk.found(desk.agent, former["vin"]) == [left.customer_id]
        states = [
            said(events.OwnershipSnapshot(**kept, valid_start_time=stamp(1_600_000_000)), 1),
            said(events.OwnershipSnapshot(**found_by_former, valid_end_time=stamp(1_700_000_000)), 2),
            said(events.OwnershipSnapshot(**gone, valid_start_time=stamp(1_600_000_000)), 1),
            said(events.OwnershipSnapshot(**other, valid_start_time=stamp(1_600_000_000), voided=True), 1),
        ]
        await ear.hear([*states, *states])

        assert [await desk.found(desk.agent, one["vin"]) for one in (kept, former, gone, other)] == [
            [owner.customer_id], [], [], []
        ]  # fmt: skip
        assert await ear.kept([gone["ownership_id"]]) == [None]
