"""Strict conversion of single JSON values to protobuf scalars.

Each converter returns the value or raises `Refused(reason, message)`. The accepted forms are those of ProtoJSON
(https://protobuf.dev/programming-guides/json/); where json_format lets Python's own number and base64 readers accept
more (underscores, blanks, foreign digits, ignored characters), these refuse.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from decimal import Decimal
from math import inf, isfinite, nan
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from marque_gateway.fields import enum_of

Converter = Callable[[Any], Any]

MAX_NUMBER_TEXT = 64
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}", re.ASCII)
_FLOAT_MAX = 3.4028234663852886e38
_NAMED_NUMBERS = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}


class Refused(Exception):
    """A value that a field cannot take: a reason for programs (`INVALID_TYPE`) and a sentence for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def kind_of(value: Any) -> str:
    """Returns the JSON name of a value's kind, for messages; never the value, which may be personal."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    names: dict[type, str] = {str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), "something else")


def wrong_type(expected: str, value: Any) -> Refused:
    """Returns the refusal of a value of another kind."""
    return Refused("INVALID_TYPE", f"must be {expected}, not {kind_of(value)}")


def text(value: Any) -> str:
    """Accepts text that can be written as UTF-8 and kept by PostgreSQL, which has no NUL."""
    if not isinstance(value, str):
        raise wrong_type("a string", value)
    if "\0" in value:
        raise Refused("INVALID_TEXT", "must not contain the NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused("INVALID_TEXT", "must be valid Unicode, without unpaired surrogates") from None
    return value


def octets(value: Any) -> bytes:
    """Accepts base64 in either alphabet, with or without padding."""
    if not isinstance(value, str):
        raise wrong_type("a base64 string", value)
    try:
        if not _BASE64.fullmatch(value):
            raise ValueError
        bare = value.rstrip("=")
        if value != bare and len(value) % 4:
            raise ValueError
        return b64decode(bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4), validate=True)
    except (ValueError, Base64Error):
        raise Refused("INVALID_BASE64", "must be base64") from None


def flag(value: Any) -> bool:
    """Accepts true and false."""
    if not isinstance(value, bool):
        raise wrong_type("true or false", value)
    return value


def flag_text(value: Any) -> bool:
    """Accepts the words of map keys and query parameters."""
    if value == "true":
        return True
    if value == "false":
        return False
    raise Refused("INVALID_TYPE", "must be true or false")


def integer(low: int, high: int) -> Converter:
    """Returns the converter of an integer field: a whole number, or its text."""

    def convert(value: Any) -> int:
        if type(value) is int:
            number = value
        elif isinstance(value, str):
            number = _whole(value)
        elif isinstance(value, float) and isfinite(value):
            if not value.is_integer():
                raise Refused("INVALID_INTEGER", "must be a whole number")
            number = int(value)
        else:
            raise wrong_type("an integer", value)
        if not low <= number <= high:
            raise Refused("OUT_OF_RANGE", f"must be between {low} and {high}")
        return number

    return convert


def _whole(value: str) -> int:
    if len(value) > MAX_NUMBER_TEXT or not _NUMBER.fullmatch(value):
        raise Refused("INVALID_INTEGER", "must be a whole number")
    number = Decimal(value)
    if number and number.adjusted() > MAX_NUMBER_TEXT:
        raise Refused("OUT_OF_RANGE", "is too large")
    if number != number.to_integral_value():
        raise Refused("INVALID_INTEGER", "must be a whole number")
    return int(number)


def decimal(limit: float | None) -> Converter:
    """Returns the converter of a floating-point field: a number, its text, or a name such as "NaN"."""

    def convert(value: Any) -> float:
        if isinstance(value, str):
            if value in _NAMED_NUMBERS:
                return _NAMED_NUMBERS[value]
            if len(value) > MAX_NUMBER_TEXT or not _NUMBER.fullmatch(value):
                raise Refused("INVALID_NUMBER", "must be a number")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type("a number", value)
        try:
            number = float(value)
        except OverflowError:
            number = inf
        if not isfinite(number) or (limit is not None and abs(number) > limit):
            raise Refused("OUT_OF_RANGE", "is outside the range of the field")
        return number

    return convert


def enumeration(enum: EnumDescriptor, *, numbered: bool = True) -> Converter:
    """Returns the converter of an enum field: a name, or with `numbered` the number of a value that this contract knows.

    A number that it does not know is refused: it would be stored as something that nobody here can name.
    """
    by_name = {value.name: value.number for value in enum.values}
    numbers = frozenset(by_name.values())
    null = enum.full_name == "google.protobuf.NullValue"

    def convert(value: Any) -> int:
        if isinstance(value, str):
            if value in by_name:
                return by_name[value]
            if numbered and len(value) <= MAX_NUMBER_TEXT and _NUMBER.fullmatch(value) and _whole(value) in numbers:
                return _whole(value)
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type("the name of an enum value", value)
        elif value in numbers:
            return int(value)
        shown = [name for name, number in by_name.items() if number or null]
        listed = ", ".join(shown[:20]) + (", …" if len(shown) > 20 else "")
        raise Refused("INVALID_ENUM_VALUE", f"must be one of {listed}")

    return convert


_F = FieldDescriptor
_INT32, _UINT32 = integer(-(2**31), 2**31 - 1), integer(0, 2**32 - 1)
_INT64, _UINT64 = integer(-(2**63), 2**63 - 1), integer(0, 2**64 - 1)
_BY_TYPE: dict[int, Converter] = {
    _F.TYPE_STRING: text,
    _F.TYPE_BYTES: octets,
    _F.TYPE_BOOL: flag,
    _F.TYPE_DOUBLE: decimal(None),
    _F.TYPE_FLOAT: decimal(_FLOAT_MAX),
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32), _INT32),
    **dict.fromkeys((_F.TYPE_UINT32, _F.TYPE_FIXED32), _UINT32),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64), _INT64),
    **dict.fromkeys((_F.TYPE_UINT64, _F.TYPE_FIXED64), _UINT64),
}


def scalar(field: FieldDescriptor) -> Converter:
    """Returns the converter of a scalar or enum field's single value."""
    return enumeration(enum_of(field)) if field.type == _F.TYPE_ENUM else _BY_TYPE[field.type]


def scalar_from_text(field: FieldDescriptor) -> Converter:
    """Returns the converter of map keys, paths and query parameters, which are text whatever the field's type.

    Of enums these take names only, as the OpenAPI document says: that a number may stand for one is a rule of ProtoJSON.
    """
    if field.type == _F.TYPE_ENUM:
        return enumeration(enum_of(field), numbered=False)
    return flag_text if field.type == _F.TYPE_BOOL else scalar(field)
