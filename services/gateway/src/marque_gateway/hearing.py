"""What the gateway hears of the platform: the newest events of every service, and the positions up to which each stream is known.

A position is the sequence of an event in its service's stream, so it means the same to every replica and after a restart.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from servicekit import contract, roles, tasks
from servicekit.messaging import envelope
from servicekit.messaging.envelope import BadEnvelope
from servicekit.telemetry import logs

from marque_gateway.json import encoder_for

log = logs.get_logger(__name__)

Positions = dict[str, int]
"""Service → sequence in its stream."""


@dataclass(frozen=True, slots=True)
class Change:
    """One event as it is shown: where it stands, what was heard until then, type, JSON, and what scopes it."""

    service: str
    sequence: int
    heard: str
    type: str
    data: str
    dealers: frozenset[str]
    customers: frozenset[str]
    readers: frozenset[str]
    """Who holds one of these permissions may know of it, as far as the scope goes."""


class Hearing:
    """Hears every service's stream once, keeps the newest `buffer` changes, and tells `offer` of each."""

    def __init__(self, services: Iterable[str], buffer: int, offer: Callable[[Change], None]) -> None:
        self._heard: Positions = dict.fromkeys(sorted(services), 0)
        self._floor: Positions = dict(self._heard)  # up to here changes are not kept (any more)
        self._recent: deque[Change] = deque()
        self._buffer = buffer
        self._offer = offer
        self._begun: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, broker: Nats) -> None:
        """Begins to hear."""
        self._tasks = [asyncio.create_task(self._hear(broker, name)) for name in self._heard]

    async def stop(self) -> None:
        """Ends the hearing."""
        await tasks.end(self._tasks)

    @property
    def ready(self) -> bool:
        """Tells whether the end of every stream is known: before that, changes could be missed without a trace."""
        return len(self._begun) == len(self._heard)

    @property
    def position(self) -> str:
        """What was heard until now, as the id of an event."""
        return _written(self._heard)

    def since(self, known: Positions) -> list[Change] | None:
        """Returns the kept changes that somebody who knows everything up to these positions has missed; None where some are gone.

        Positions beyond what was heard here mean a stream that began anew, or a replica that is behind: nothing can be said then.
        """
        for name, heard in self._heard.items():
            if not self._floor[name] <= known.get(name, 0) <= heard:
                return None
        return [change for change in self._recent if change.sequence > known.get(change.service, 0)]

    async def _hear(self, broker: Nats, service: str) -> None:
        jetstream = broker.jetstream()
        while True:
            try:
                if service not in self._begun:
                    await self._begin(jetstream, service)
                config = ConsumerConfig(
                    deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._heard[service] + 1
                )
                found = await jetstream.subscribe(
                    f"marque.{service}.>", stream=envelope.stream(service), ordered_consumer=True, config=config
                )
                async for message in found.messages:
                    self._take(service, message)
            except NotFoundError:
                self._begun.add(service)  # never migrated here; should that come, all of it is new
                await asyncio.sleep(2.0)
            except Exception as error:
                log.warning(
                    "live changes wait", extra={"stream": envelope.stream(service), "error_type": type(error).__name__}
                )
                await asyncio.sleep(1.0)

    async def _begin(self, jetstream: JetStreamContext, service: str) -> None:
        """Takes the end of the stream as the beginning: what was before is not known here."""
        info = await jetstream.stream_info(envelope.stream(service))
        self._heard[service] = self._floor[service] = info.state.last_seq
        self._begun.add(service)

    def _take(self, service: str, message: Msg) -> None:
        sequence = self._heard[service] = message.metadata.sequence.stream
        try:
            event = envelope.read(message.headers, message.data)
        except BadEnvelope:
            return
        if event.type.endswith("Snapshot"):
            return
        facts = encoder_for(event.data.DESCRIPTOR)(event.data)
        change = Change(
            service=service,
            sequence=sequence,
            heard=self.position,
            type=event.type,
            data=orjson.dumps(facts).decode(),
            dealers=_named(facts, "dealerId"),
            customers=_named(facts, "customerId"),
            readers=readers_of(event.type),
        )
        self._keep(change)
        self._offer(change)

    def _keep(self, change: Change) -> None:
        self._recent.append(change)
        if len(self._recent) > self._buffer:
            gone = self._recent.popleft()
            self._floor[gone.service] = gone.sequence


@cache
def readers_of(event_type: str) -> frozenset[str]:
    """Returns the permissions to read what an event tells of."""
    event = contract.event(contract.message(event_type).DESCRIPTOR)
    return readers(event.owner, event.aggregate)


def readers(owner: str, aggregate: str) -> frozenset[str]:
    """Returns the permissions to read a service's aggregate: those of its collection or of a part of another's, as roles hold them.

    Only what has none of its own is read with its whole: who may read a whole need not know of a part that is kept apart.
    """
    collections = (aggregate, f"{aggregate}s", f"{aggregate}es")  # staff, dealers, lemon_watches
    whole, _, part = aggregate.rpartition("_")
    own = {f"{owner}.{name}.{verb}" for name in collections for verb in ("read", "list")}
    own.add(f"{owner}.{whole}s.list_{part}s")  # recall_vehicle: vehicle.recalls.list_vehicles
    shown_with = {f"{owner}.{whole}s.{verb}" for verb in ("read", "list")}  # fleet_deal_part: customer.fleet_deals.read
    held = frozenset().union(*roles.PERMISSIONS.values())
    return held & own or held & shown_with


def read_positions(text: str) -> Positions:
    """Reads the id of an event; raises ValueError for anything else."""
    pairs = [item.split(":") for item in text.split(".")]
    if len(text) > 500 or not all(len(pair) == 2 and pair[1].isascii() and pair[1].isdigit() for pair in pairs):
        raise ValueError("not the id of an event")
    return {name: int(number) for name, number in pairs}


def _written(positions: Positions) -> str:
    return ".".join(f"{name}:{number}" for name, number in positions.items())


def _named(facts: dict[str, Any], name: str) -> frozenset[str]:
    value = facts.get(name)
    return frozenset({value}) if isinstance(value, str) and value else frozenset()
