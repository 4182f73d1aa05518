"""What each process may do at the broker: speak on its own subjects, read what it subscribes to, and nothing else.

Streams and durable consumers are made by the migrate step, which alone may (`streams.reconcile`). Each user hears answers on inboxes of its
own, so that nobody reads what another one was sent. The subjects: https://docs.nats.io/reference/reference-protocols/nats_api_reference
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from servicekit.messaging import envelope

MIGRATE = "migrate"


class Permissions(TypedDict):
    """Subjects as nats-server's configuration takes them."""

    publish: list[str]
    subscribe: list[str]


def inbox(user: str) -> str:
    """Returns the prefix of the inboxes of a user."""
    return f"_INBOX_{user}"


def of_service(service: str, subscriptions: Iterable[tuple[str, str]]) -> Permissions:
    """Returns what a domain service may. `subscriptions`: the source and the durable consumer of each."""
    allowed = [f"marque.{service}.>"]
    for source, consumer in subscriptions:
        name = f"{envelope.stream(source)}.{consumer}"
        allowed += [f"$JS.API.CONSUMER.MSG.NEXT.{name}", f"$JS.API.CONSUMER.INFO.{name}", f"$JS.ACK.{name}.>"]
    return {"publish": allowed, "subscribe": [f"{inbox(service)}.>"]}


def of_gateway(services: Iterable[str]) -> Permissions:
    """Returns what the gateway may: follow every service's stream by consumers that end with it, and say nothing.

    Consumers are made on the subject without a name, by which no durable one of a service can be made or changed.
    """
    allowed = ["$JS.FC.>"]
    for service in services:
        stream = envelope.stream(service)
        allowed += [f"$JS.API.STREAM.INFO.{stream}", f"$JS.API.CONSUMER.CREATE.{stream}"]
    return {"publish": allowed, "subscribe": [f"{inbox('gateway')}.>"]}


def of_migration() -> Permissions:
    """Returns what the migrate step may: everything that concerns streams and consumers, and no event."""
    return {"publish": ["$JS.API.>"], "subscribe": [f"{inbox(MIGRATE)}.>"]}
