"""Strict reading of the well-known types from ProtoJSON (https://protobuf.dev/programming-guides/json/)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from marque_gateway.json.scalars import Refused, text, wrong_type

_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])",
    re.ASCII,
)
_DURATION = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s", re.ASCII)


def timestamp(message: Any, value: Any) -> None:
    """Reads RFC 3339 with `T`, seconds, at most nine digits after them, and `Z` or an offset."""
    if not isinstance(value, str):
        raise wrong_type("a timestamp string", value)
    try:
        if not _TIMESTAMP.fullmatch(value):
            raise ValueError
        message.FromJsonString(value)
    except ValueError:
        raise Refused("INVALID_TIMESTAMP", "must be an RFC 3339 timestamp such as 2024-05-01T08:30:00Z") from None


def duration(message: Any, value: Any) -> None:
    """Reads seconds with the suffix `s`."""
    if not isinstance(value, str):
        raise wrong_type("a duration string", value)
    try:
        if not _DURATION.fullmatch(value):
            raise ValueError
        message.FromJsonString(value)
    except ValueError:
        raise Refused("INVALID_DURATION", "must be seconds with the suffix s, such as 3.5s") from None


def field_mask(message: Any, value: Any) -> None:
    """Reads paths in lowerCamelCase, joined by commas."""
    try:
        message.FromJsonString(text(value))
    except ValueError:
        raise Refused("INVALID_FIELD_MASK", "must be field paths in lowerCamelCase, joined by commas") from None


WELL_KNOWN_TEXTS: dict[str, Callable[[Any, Any], None]] = {
    "google.protobuf.Timestamp": timestamp,
    "google.protobuf.Duration": duration,
    "google.protobuf.FieldMask": field_mask,
}
"""Readers of the types whose JSON form is one string, by full name."""
