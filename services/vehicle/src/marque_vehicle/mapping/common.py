"""Values that several messages share: days, moments, money, masks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import orjson
from google.protobuf import field_mask_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2, money_pb2
from servicekit.errors import FieldViolation, InvalidArgument
from tradekit import money

from marque_vehicle.errors import CurrencyMixed

Row = Any  # a row read by its columns' names: an asyncpg.Record or a dict
_MAX_MINOR = 10**15


def row_of(model: Any) -> dict[str, Any]:
    """Returns the columns of a model by their names, as a read row has them."""
    return {column.key: getattr(model, column.key) for column in model.__table__.columns}


def text(value: object) -> str:
    """Returns the text of an id; empty for none."""
    return "" if value is None else str(value)


def uuid_or_none(value: str) -> uuid.UUID | None:
    """Reads an optional id that the contract's rules have checked."""
    return uuid.UUID(value) if value else None


def json_of(value: Any) -> Any:
    """Returns a JSON value: the bare driver gives its text."""
    return orjson.loads(value) if isinstance(value, str) else value


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


def minor(message: money_pb2.Money, path: str) -> tuple[str, int]:
    """Returns (currency, minor units). Raises InvalidArgument for an amount that is negative, too fine or in no currency."""
    try:
        found = money.from_units_nanos(message.currency_code, message.units, message.nanos)
    except money.MoneyError as error:
        raise InvalidArgument.of(path, f"MONEY_{error.reason}", str(error)) from None
    if not 0 <= found.minor <= _MAX_MINOR:
        raise InvalidArgument.of(path, "MONEY_RANGE", "The amount is negative or too great.")
    return found.currency, found.minor


class Currency:
    """The one currency of a document. Raises CurrencyMixed where a second one comes."""

    def __init__(self, code: str = "") -> None:
        self.code = code

    def take(self, message: money_pb2.Money, path: str) -> int:
        """Reads an amount."""
        currency, amount = minor(message, path)
        if self.code and currency != self.code:
            raise CurrencyMixed(violations=[FieldViolation(path, "CURRENCY_MIXED", "All amounts are in one currency.")])
        self.code = currency
        return amount


def set_money(target: Any, field: str, currency: str, amount: int | None) -> None:
    """Sets an amount where there is one."""
    if amount is not None and currency:
        units, nanos = money.Money(currency, amount).units_nanos
        getattr(target, field).CopyFrom(money_pb2.Money(currency_code=currency, units=units, nanos=nanos))


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
