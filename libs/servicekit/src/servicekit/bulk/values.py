"""One value of a file → one field of a row message. Texts come from CSV; numbers, dates and lists from JSON, Parquet and spreadsheets."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_TRUE = frozenset({"true", "t", "yes", "y", "1", "是"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "否"})
_FLOAT_TYPES = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_BITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64),
}

Convert = Callable[[Any], Any]


class BadValue(Exception):
    """A value that does not fit its field. The description never repeats the value."""

    def __init__(self, reason: str, description: str) -> None:
        self.reason = reason
        self.description = description
        super().__init__(reason)


def is_empty(value: Any) -> bool:
    """Tells whether a value says nothing: then its field stays absent."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def converter(field: FieldDescriptor) -> Convert:
    """Returns the reading of a scalar field's values; it raises BadValue."""
    kind = field.cpp_type
    if field.type == FieldDescriptor.TYPE_STRING:
        return text
    if kind in _BITS:
        low, high = _BITS[kind]
        return lambda value: _whole(value, low, high)
    if kind in _FLOAT_TYPES:
        return _number
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return _truth
    if field.enum_type is not None:
        words = _words(field.enum_type)
        return lambda value: _word(value, words)
    return _refuse


def text(value: Any) -> str:
    """Returns a value as text, as people write it.

    Whole floats lose their `.0` (spreadsheets keep all numbers as floats), days lose a midnight that nobody wrote.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadValue("NUMBER_INVALID", "the value is not a finite number")
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.tzinfo is None and value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    raise BadValue("TYPE_INVALID", "the value must be a text, a number or a date")


def _whole(value: Any, low: int, high: int) -> int:
    if isinstance(value, str):
        bare = value.strip().removesuffix(".0")
        if not _INTEGER.fullmatch(bare):
            raise BadValue("INTEGER_INVALID", "the value must be a whole number without grouping")
        value = int(bare)
    elif isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadValue("INTEGER_INVALID", "the value must be a whole number")
    if not low <= value < high:
        raise BadValue("INTEGER_OUT_OF_RANGE", f"the value must be at least {low} and less than {high}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        raise BadValue("NUMBER_INVALID", "the value must be a number with a point and without grouping")
    try:
        return float(value)
    except OverflowError:
        raise BadValue("NUMBER_INVALID", "the value is too large") from None


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = text(value).strip().casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadValue("BOOLEAN_INVALID", "the value must be true or false")


@cache
def _words(kind: EnumDescriptor) -> dict[str, int]:
    """The numbers of an enum by name, by name without the enum's prefix, and by number, in lower case."""
    prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.name).upper() + "_"
    found: dict[str, int] = {}
    for value in kind.values:
        for word in (value.name, value.name.removeprefix(prefix), str(value.number)):
            found[word.lower()] = value.number
    return found


def _word(value: Any, words: dict[str, int]) -> int:
    number = words.get(text(value).strip().lower().replace("-", "_").replace(" ", "_"))
    if number is None:
        raise BadValue("ENUM_INVALID", "the value must be one of the words of the contract")
    return number


def _refuse(value: Any) -> Any:
    raise BadValue("TYPE_INVALID", "this field cannot be given in a file")
