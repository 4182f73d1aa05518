"""ProtoJSON texts of the well-known types and of the numbers that JSON has no form for.

The source of every rule is https://protobuf.dev/programming-guides/json/.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from math import isfinite, isnan
from typing import Any

from google.protobuf.message import Message

Encoder = Callable[[Any], Any]

_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_DURATION_LIMIT = 315_576_000_000
_EPOCH = date(1970, 1, 1)
_MINUTES = tuple(f"{minute // 60:02}:{minute % 60:02}:" for minute in range(1440))
_SECONDS = tuple(f"{second:02}" for second in range(60))
_SINGLE = struct.Struct("<f")


@lru_cache(maxsize=8192)
def _day(days: int) -> str:
    """Returns the date that lies so many days after 1970-01-01, with the T that follows it."""
    return f"{(_EPOCH + timedelta(days)).isoformat()}T"


def _fraction(nanos: int) -> str:
    """Returns nanoseconds with 3, 6 or 9 digits, as few as are exact."""
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03}"
    if nanos % 1_000 == 0:
        return f".{nanos // 1_000:06}"
    return f".{nanos:09}"


def timestamp(message: Message) -> str:
    """Returns RFC 3339 in UTC; raises ValueError outside the years 1 to 9999."""
    return _moment(message.seconds, message.nanos)  # type: ignore[attr-defined]


@lru_cache(maxsize=8192)  # the parts of one resource were mostly made and changed at one moment
def _moment(seconds: int, nanos: int) -> str:
    if not (_FIRST_SECOND <= seconds <= _LAST_SECOND and 0 <= nanos < 1_000_000_000):
        raise ValueError("the timestamp is outside the years 1 to 9999")
    days, rest = divmod(seconds, 86_400)
    minute, second = divmod(rest, 60)
    if nanos:
        return f"{_day(days)}{_MINUTES[minute]}{_SECONDS[second]}{_fraction(nanos)}Z"
    return f"{_day(days)}{_MINUTES[minute]}{_SECONDS[second]}Z"


def duration(message: Message) -> str:
    """Returns seconds with the suffix `s`; raises ValueError beyond 10,000 years or where the two parts differ in
    sign.
    """
    seconds: int = message.seconds  # type: ignore[attr-defined]
    nanos: int = message.nanos  # type: ignore[attr-defined]
    if abs(seconds) > _DURATION_LIMIT or abs(nanos) >= 1_000_000_000 or seconds * nanos < 0:
        raise ValueError("the duration is out of range or its parts differ in sign")
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos)) if nanos else ''}s"


def odd_number(value: float) -> str:
    """Returns the name that ProtoJSON gives to a number that JSON cannot write."""
    if isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def single(value: float) -> float | str:
    """Returns the shortest decimal that reads back as the same 32-bit float."""
    if not isfinite(value):
        return odd_number(value)
    packed = _SINGLE.pack(value)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        try:
            if _SINGLE.pack(short) == packed:
                return short
        except OverflowError:  # rounding up the largest float leaves its range
            continue
    return value


def value(message: Message) -> Any:
    """Returns the JSON that a google.protobuf.Value holds; raises ValueError on NaN and infinities, which it may not
    hold.
    """
    kind = message.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    held = getattr(message, kind)
    if kind == "struct_value":
        return struct_value(held)
    if kind == "list_value":
        return list_value(held)
    if kind == "number_value" and not isfinite(held):
        raise ValueError("a google.protobuf.Value holds a number that JSON cannot write")
    return held


def struct_value(message: Message) -> dict[str, Any]:
    """Returns the object that a google.protobuf.Struct holds."""
    fields = message.fields  # type: ignore[attr-defined]
    return {key: value(fields[key]) for key in fields}


def list_value(message: Message) -> list[Any]:
    """Returns the list that a google.protobuf.ListValue holds."""
    return [value(item) for item in message.values]  # type: ignore[attr-defined]


def field_mask(message: Message) -> str:
    """Returns the paths in lowerCamelCase, joined by commas; raises ValueError on a path that has no such form."""
    text: str = message.ToJsonString()  # type: ignore[attr-defined]
    return text


WELL_KNOWN: dict[str, Encoder] = {
    "google.protobuf.Timestamp": timestamp,
    "google.protobuf.Duration": duration,
    "google.protobuf.Struct": struct_value,
    "google.protobuf.Value": value,
    "google.protobuf.ListValue": list_value,
    "google.protobuf.FieldMask": field_mask,
}
"""Encoders by full name; Any and the wrappers are compiled, because they hold other types."""
