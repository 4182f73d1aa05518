"""The accounts of a platform after a storm: what every service must show, whatever it does.

Every committed event is in the stream, once and in the order of its aggregate; every consumer has applied each that it listens to, once;
nothing is parked, nothing waits.
"""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from dataclasses import dataclass, field

import nats
import nats.errors

from servicekit import contract
from servicekit.messaging import envelope
from servicekit.messaging.consumer import Subscription
from servicekit.testing.crash.stack import Stack
from servicekit.testing.crash.trade import Ledger
from servicekit.testing.platform import until

_WAITING = """
SELECT (SELECT count(*) FROM outbox_messages WHERE publish_time IS NULL) AS outbox,
    (SELECT count(*) FROM imports WHERE end_time IS NULL) AS imports,
    (SELECT count(*) FROM republishes WHERE end_time IS NULL) AS republishes,
    (SELECT count(*) FROM due_work WHERE attempts > 0 OR (kind <> 'housekeeping' AND due_time < now() + interval '10 seconds')) AS due"""
# What a sweep will look at next: each may say something that others hear.
_MARKED = {
    "customer": """
        SELECT (SELECT count(*) FROM customer_values WHERE next_time <= now())
            + (SELECT count(*) FROM spend_entries WHERE ask_time IS NOT NULL)""",
    "complaint": "SELECT count(*) FROM case_marks",
    "campaign": "SELECT count(*) FROM audience_stale",
}
_DOUBLED = """
SELECT event_type, aggregate_id, aggregate_version, count(*) AS times FROM outbox_messages
GROUP BY 1, 2, 3 HAVING count(*) > 1 LIMIT 5"""


@dataclass
class Figures:
    """What was counted; the report of a run."""

    events: Counter[str] = field(default_factory=Counter)
    applied: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    audits: int = 0
    effects: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """The figures for people, a line each."""
        return [
            f"writes acknowledged {self.writes}, audit records {self.audits}",
            f"events {self.events.total()}: {dict(self.events)}",
            f"applied {self.applied.total()}: {dict(self.applied)}",
            f"effects {self.effects.total()}: {dict(self.effects)}",
        ]


def subscriptions_of(service: str) -> list[Subscription]:
    """The subscriptions that a service declares."""
    found: list[Subscription] = importlib.import_module(f"marque_{service}.subscribers").subscriptions()
    return found


async def quiet(stack: Stack, seconds: float = 180.0) -> None:
    """Returns when nothing waits any more in any service, at the broker or for time."""
    broker = await nats.connect(stack.dev.addresses.nats_url.split(","))
    jetstream = broker.jetstream()

    async def still() -> bool:
        for service in stack.services:
            (row,) = await stack.sql(service, _WAITING)
            if any(row.values()) or (service in _MARKED and (await stack.sql(service, _MARKED[service]))[0][0]):
                return False
            for subscription in subscriptions_of(service):
                try:
                    info = await jetstream.consumer_info(envelope.stream(subscription.source), subscription.name)
                except nats.errors.TimeoutError:  # its leader is being elected
                    return False
                if info.num_pending or info.num_ack_pending:
                    return False
        return True

    async def twice() -> bool:
        return await still() and not await asyncio.sleep(0.3) and await still()

    try:
        await until(twice, seconds, "something waits still")
    finally:
        await broker.close()


async def heard(stack: Stack, service: str) -> list[envelope.Event]:
    """Every message of a service's stream, in its order."""
    broker = await nats.connect(stack.dev.addresses.nats_url.split(","))
    try:
        jetstream = broker.jetstream()
        found: list[envelope.Event] = []
        state = (await jetstream.stream_info(envelope.stream(service))).state
        if state.messages == 0:
            return []
        subscription = await jetstream.subscribe("", stream=envelope.stream(service), ordered_consumer=True)
        while len(found) < state.messages:
            message = await subscription.next_msg(timeout=20)
            found.append(envelope.read(message.headers, message.data))
        return found
    finally:
        await broker.close()


async def check_events(stack: Stack, figures: Figures, *, once: bool = True) -> None:
    """Asserts that streams, outboxes and inboxes agree.

    `once=False`: a broker that lost its memory may hold an event twice, and one that forgot holds only what was sent again; the outbox
    must be in the stream all the same, and the inbox must have each once.
    """
    said: dict[str, list[envelope.Event]] = {}
    for service in stack.services:
        outbox = await stack.sql(service, "SELECT event_id, event_type FROM outbox_messages")
        said[service] = await heard(stack, service)
        times = Counter(event.id for event in said[service])
        known = {row["event_id"] for row in outbox}
        assert known == set(times), f"{service}: outbox and stream differ in {len(known ^ set(times))} events"
        if once:
            doubles = [event_id for event_id, count in times.items() if count > 1]
            assert not doubles, f"{service}: {len(doubles)} events stand in the stream twice"
            _check_order(service, said[service])
        assert not await stack.sql(service, _DOUBLED), f"{service}: an event was committed twice"
        assert not await stack.sql(service, "SELECT reason FROM dead_letters"), f"{service}: there are dead letters"
        figures.events[service] = len(outbox)
    for service in stack.services:
        for subscription in subscriptions_of(service):
            wanted = {event.id for event in said[subscription.source] if event.type in subscription.types}
            inbox = await stack.sql(
                service, "SELECT event_id FROM inbox_messages WHERE consumer = $1", subscription.name
            )
            assert {row["event_id"] for row in inbox} == wanted, f"{subscription.name} did not apply what it should"
            figures.applied[subscription.name] = len(wanted)


def _check_order(service: str, events: list[envelope.Event]) -> None:
    newest: dict[tuple[str, str], int] = {}
    for event in events:
        place = (contract.event(type(event.data).DESCRIPTOR).aggregate, event.key)
        assert event.version >= newest.get(place, 0), f"{service}: {event.type} {event.key} out of order"
        newest[place] = event.version


async def check_audit(stack: Stack, ledger: Ledger, figures: Figures) -> None:
    """Asserts that every acknowledged write left as many audit records as it owes, and no other thing was written by the clerks."""
    for service in stack.services:
        rows = await stack.sql(
            service,
            "SELECT action, resource_type, resource_id, count(*) AS times FROM audit_records"
            " WHERE principal LIKE 'crash:%' AND method LIKE '/%' AND action <> 'read' GROUP BY 1, 2, 3",
        )
        found = Counter({(row["action"], row["resource_type"], row["resource_id"]): row["times"] for row in rows})
        owed = Counter({key[1:]: times for key, times in ledger.owed.items() if key[0] == service})
        assert found == owed, (
            f"{service}: missing {list((owed - found).items())[:5]}, too many {list((found - owed).items())[:5]}"
        )
        figures.audits += found.total()
    figures.writes += len(ledger.done)
