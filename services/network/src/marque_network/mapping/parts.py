"""Between columns and the parts that many messages share: dates, moments, ids, periods, messages kept as JSON."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from google.type import date_pb2
from marque.network.v1 import period_pb2
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument

from marque_network.rules.periods import Span

_Message = TypeVar("_Message", bound=Message)
# The calendar has no use for other centuries, and sums of days and hours must not leave what a date can hold.
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Faults:
    """Collects what is wrong with a request; `check` raises it."""

    def __init__(self) -> None:
        self.found: list[FieldViolation] = []

    def add(self, place: str, reason: str, text: str) -> None:
        """Notes that a field is wrong."""
        self.found.append(FieldViolation(place, reason, text))

    def check(self) -> None:
        """Raises InvalidArgument where anything is wrong."""
        if self.found:
            raise InvalidArgument(violations=self.found)

    def date(self, message: Any, name: str, place: str) -> date | None:
        """Reads a google.type.Date; None where it is absent or wrong (DATE_INVALID)."""
        if not message.HasField(name):
            return None
        found: date_pb2.Date = getattr(message, name)
        try:
            read = date(found.year, found.month, found.day)
            if _FIRST.date() <= read < _LAST.date():
                return read
        except ValueError:
            pass
        self.add(place, "DATE_INVALID", "Give a calendar date with year, month and day, from 1900 to 2199.")
        return None

    def moment(self, message: Any, name: str, place: str) -> datetime | None:
        """Reads a Timestamp; None where it is absent or wrong (TIME_INVALID)."""
        if not message.HasField(name):
            return None
        try:
            found: datetime = getattr(message, name).ToDatetime(UTC)
            if _FIRST <= found < _LAST:
                return found
        except (ValueError, OverflowError):
            pass
        self.add(place, "TIME_INVALID", "Give an instant from 1900 to 2199.")
        return None

    def period(self, message: period_pb2.Period, place: str) -> Span:
        """Reads a period (PERIOD_INVALID)."""
        found = Span(message.year, message.quarter, message.month)
        if not found.is_valid:
            self.add(place, "PERIOD_INVALID", "Give a year with a month, a quarter, or neither.")
        return found


def one_moment(message: Any, name: str) -> datetime | None:
    """Reads a Timestamp of a request that has nothing else to complain of. Raises InvalidArgument."""
    faults = Faults()
    found = faults.moment(message, name, name)
    faults.check()
    return found


def one_date(message: Any, name: str) -> date | None:
    """Reads a google.type.Date of a request that has nothing else to complain of. Raises InvalidArgument."""
    faults = Faults()
    found = faults.date(message, name, name)
    faults.check()
    return found


def one_period(request: Any) -> Span:
    """Reads the `year`, `quarter` and `month` of a request. Raises InvalidArgument."""
    found = Span(request.year, request.quarter, request.month)
    if not found.is_valid:
        text = "Give a year with a month, a quarter, or neither."
        raise InvalidArgument.of("quarter" if request.quarter else "year", "PERIOD_INVALID", text)
    return found


def number(value: Any) -> int:
    """The reader of a small number in a page token. To Python `true` is one, to the database it is not."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise ValueError
    return value


def date_message(value: date | None) -> date_pb2.Date | None:
    """Returns the message of a date."""
    return None if value is None else date_pb2.Date(year=value.year, month=value.month, day=value.day)


def period_message(row: Any) -> period_pb2.Period:
    """Returns the period of a row."""
    return period_pb2.Period(year=row.year, quarter=row.quarter, month=row.month)


def uuid_of(text: str) -> uuid.UUID | None:
    """Reads an id that may be empty."""
    return uuid.UUID(text) if text else None


def text_of(value: uuid.UUID | None) -> str:
    """Returns the text of an id that may be absent."""
    return "" if value is None else str(value)


def dump(message: Message) -> dict[str, Any]:
    """Returns a message as JSON, by the names of the contract."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def dumps(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Returns messages as JSON."""
    return [dump(message) for message in messages]


def loads(kind: type[_Message], parts: Iterable[dict[str, Any]]) -> Iterator[_Message]:
    """Yields the messages of JSON that `dumps` made."""
    for part in parts:
        # What a later version of this service wrote, and this one does not know, is left out.
        yield json_format.ParseDict(part, kind(), ignore_unknown_fields=True)


def stamp(message: Any, row: Any) -> Any:
    """Writes times and etag of a row into its message; returns the message."""
    message.create_time.FromDatetime(row.create_time)
    message.update_time.FromDatetime(row.update_time)
    message.etag = etag_of(row.version)
    return message


def set_moment(message: Any, name: str, value: datetime | None) -> None:
    """Writes a moment that may be absent."""
    if value is not None:
        getattr(message, name).FromDatetime(value)
