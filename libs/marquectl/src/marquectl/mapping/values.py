"""Values of the contracts' rows: text to whole numbers, dates and truth values, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from marquectl.mapping.template import as_text

_TOKENS = {"YYYY": r"(?P<year>\d{4})", "MM": r"(?P<month>\d{2})", "M": r"(?P<month>\d{1,2})"} | {
    "DD": r"(?P<day>\d{2})",
    "D": r"(?P<day>\d{1,2})",
    "YY": r"(?P<short>\d{2})",
}
_TOKEN = re.compile("YYYY|YY|MM|M|DD|D")
_TRUE, _FALSE = frozenset({"true", "1", "yes", "y", "t", "是"}), frozenset({"false", "0", "no", "n", "f", "否"})
_WHOLE = re.compile(r"[+-]?\d+(?:\.0*)?")
_INTEGERS = (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64)
_NUMBERS = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT)


class RowFault(Exception):
    """A row cannot be sent: the field, a constant reason, and words that do not repeat the value."""

    def __init__(self, field: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason
        self.message = message


def date_pattern(text: str) -> re.Pattern[str]:
    """Compiles a date format of YYYY, YY, MM, M, DD, D and literal characters, such as `M/D/YYYY` or `YYYY年M月D日`.

    Raises ValueError where year, month or day is missing or named twice.
    """
    names = _TOKEN.findall(text)
    kinds = sorted("Y" if name[0] == "Y" else name[0] for name in names)
    if kinds != ["D", "M", "Y"]:
        raise ValueError(f"the date format {text!r} must name year, month and day once each, such as M/D/YYYY")
    parts, end = [], 0
    for token in _TOKEN.finditer(text):
        parts += [re.escape(text[end : token.start()]), _TOKENS[token[0]]]
        end = token.end()
    return re.compile("".join([*parts, re.escape(text[end:])]))


def iso_date(field: str, text: str, patterns: Sequence[re.Pattern[str]]) -> str:
    """Returns a date as `YYYY-MM-DD` by the first format that fits whole. Two digits of year mean 1970 to 2069. Raises RowFault."""
    for pattern in patterns:
        if match := pattern.fullmatch(text):
            parts = match.groupdict()
            short = parts.get("short")
            year = int(parts["year"]) if short is None else int(short) + (1900 if int(short) >= 70 else 2000)
            try:
                return date(year, int(parts["month"]), int(parts["day"])).isoformat()
            except ValueError:
                raise RowFault(field, "DATE_INVALID", "there is no such day in the calendar") from None
    raise RowFault(field, "DATE_FORMAT", "the date is not written in a format of the mapping")


def convert(field: FieldDescriptor, value: Any) -> Any:
    """Returns a value of the type of a scalar field. Raises RowFault."""
    text = as_text(value)
    if field.type in _INTEGERS:
        if not _WHOLE.fullmatch(text):
            raise RowFault(field.name, "NUMBER_INVALID", "must be a whole number without grouping")
        whole = int(text.partition(".")[0])
        if not -(2**31) <= whole < 2**31 and field.type == FieldDescriptor.TYPE_INT32:
            raise RowFault(field.name, "NUMBER_INVALID", "the number is too large")
        return whole
    if field.type in _NUMBERS:
        try:
            return float(text)
        except ValueError:
            raise RowFault(field.name, "NUMBER_INVALID", "must be a decimal number with a point") from None
    if field.type == FieldDescriptor.TYPE_BOOL:
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise RowFault(field.name, "TRUTH_INVALID", "must be yes or no")
    return text
