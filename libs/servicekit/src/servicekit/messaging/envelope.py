"""CloudEvents 1.0 in binary mode over NATS: attributes in headers, the protobuf event as the payload."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError, Message

from servicekit import contract

CONTENT_TYPE = "application/protobuf"


class BadEnvelope(Exception):
    """A message that is not one of our events; trying again cannot help."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a handler gets it."""

    id: uuid.UUID
    type: str
    key: str
    version: int
    time: datetime
    data: Message
    traceparent: str | None = None


def subject(event_type: str) -> str:
    """Returns the NATS subject of an event type: they are the same name."""
    return event_type


def stream(service: str) -> str:
    """Returns the name of a service's stream, for example MARQUE_VEHICLE."""
    return f"MARQUE_{service.upper()}"


def headers(
    *, event_id: str, event_type: str, key: str, version: int, time: datetime, traceparent: str | None
) -> dict[str, str]:
    """Returns the headers of an event. `Nats-Msg-Id` lets the broker drop what the relay sends twice."""
    found = {
        "Nats-Msg-Id": event_id,
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-type": event_type,
        "ce-source": "/marque/" + event_type.split(".")[1],
        "ce-subject": key,
        "ce-time": time.isoformat().replace("+00:00", "Z"),
        "ce-aggregateversion": str(version),
        "content-type": CONTENT_TYPE,
    }
    if traceparent:
        found["traceparent"] = traceparent
    return found


def read(found: Mapping[str, str] | None, payload: bytes) -> Event:
    """Reads a message of the broker. Raises BadEnvelope where attributes or payload are not those of a known event."""
    head = {key.lower(): value for key, value in (found or {}).items()}
    try:
        kind = contract.event(contract.message(head["ce-type"]).DESCRIPTOR)
        return Event(
            id=uuid.UUID(head["ce-id"]),
            type=kind.name,
            key=head["ce-subject"],
            version=int(head.get("ce-aggregateversion", "0")),
            time=datetime.fromisoformat(head["ce-time"].replace("Z", "+00:00")),
            data=kind.message.FromString(payload),
            traceparent=head.get("traceparent"),
        )
    except (KeyError, TypeError, ValueError, DecodeError, contract.ContractError) as error:
        raise BadEnvelope(f"{type(error).__name__} in the envelope") from None
