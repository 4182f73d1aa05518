"""Fields that messages and rows of every service share: days, moments, ids, masks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from google.protobuf import field_mask_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2

from servicekit.errors import FieldViolation, InvalidArgument

Row = Any  # a row read by its columns' names: an asyncpg.Record or a dict


def row_of(model: Any) -> dict[str, Any]:
    """Returns the columns of a model by their names, as a read row has them."""
    return {column.key: getattr(model, column.key) for column in model.__table__.columns}


def text(value: object) -> str:
    """Returns the text of an id; empty for none."""
    return "" if value is None else str(value)


def uuid_or_none(value: str) -> uuid.UUID | None:
    """Reads an optional id that the contract's rules have checked."""
    return uuid.UUID(value) if value else None


def set_moment(message: Any, field: str, value: datetime | None) -> None:
    """Sets a timestamp where there is one."""
    if value is not None:
        getattr(message, field).FromDatetime(value)


def set_day(message: Any, field: str, value: date | None) -> None:
    """Sets a date where there is one."""
    if value is not None:
        getattr(message, field).CopyFrom(date_pb2.Date(year=value.year, month=value.month, day=value.day))


def as_moment(message: Message, field: str, path: str = "") -> datetime | None:
    """Reads an optional timestamp. Raises InvalidArgument for one out of the calendar."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    try:
        found = stamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument.of(path or field, "TIME_INVALID", "Give a moment of the calendar.") from None
    if not 1900 <= found.year <= 2200:
        raise InvalidArgument.of(path or field, "TIME_INVALID", "Give a moment between 1900 and 2200.")
    return found


def as_day(message: Message, field: str, path: str = "") -> date | None:
    """Reads an optional whole date. Raises InvalidArgument."""
    if not message.HasField(field):
        return None
    found: date_pb2.Date = getattr(message, field)
    try:
        return date(found.year, found.month, found.day)
    except ValueError:
        raise InvalidArgument.of(
            path or field, "DATE_INVALID", "Give a calendar date with year, month and day."
        ) from None


def masked_paths(
    message: Message, mask: field_mask_pb2.FieldMask, writable: Iterable[str], key: str, prefix: str
) -> list[str]:
    """Returns the fields that an update changes: those of the mask, or without one those present.

    Raises:
        InvalidArgument: the mask names a field that does not exist (FIELD_UNKNOWN) or may not be written (FIELD_NOT_WRITABLE).
    """
    allowed = set(writable)
    named = list(dict.fromkeys(mask.paths))
    if not named:
        return [field.name for field, _ in message.ListFields() if field.name in allowed]
    wrong = []
    for path in named:
        if path.split(".")[0] not in message.DESCRIPTOR.fields_by_name:
            wrong.append(FieldViolation(f"update_mask.{path}", "FIELD_UNKNOWN", f"{prefix} has no field of this name."))
        elif path not in allowed and path not in (key, "etag"):
            wrong.append(FieldViolation(f"{prefix}.{path}", "FIELD_NOT_WRITABLE", "This field cannot be changed so."))
    if wrong:
        failure = InvalidArgument(violations=wrong)
        failure.reason = wrong[0].reason
        raise failure
    return [path for path in named if path in allowed]
