"""Moments between rows and messages."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp
from servicekit.errors import InvalidArgument

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def stamp(value: datetime) -> Timestamp:
    """Returns the message of a moment; shared, never changed by who gets it."""
    made = Timestamp()
    made.FromDatetime(value)
    return made


def moment(message: Timestamp, field: str) -> datetime:
    """Returns the moment of a message. Raises InvalidArgument where it is none that a calendar holds."""
    try:
        found = message.ToDatetime(UTC)
    except (ValueError, OverflowError):
        found = _EARLIEST
    if found <= _EARLIEST:
        raise InvalidArgument.of(field, "TIME_INVALID", "Give an instant after 1900.")
    return found
