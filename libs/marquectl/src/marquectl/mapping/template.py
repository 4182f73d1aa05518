"""Texts with places for columns: `{Dealer_No|zip5|area_codes}-{Phone}`. A place names a column, then filters from left to right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_PLACE = re.compile(r"\{([^{}|]+)((?:\|[^{}|]+)*)\}")
_NOT_CODE = re.compile(r"[^A-Z0-9]+")
_NOT_NUMBER = re.compile(r"[^0-9.\-]+")


def _code(text: str) -> str:
    """Capitals, digits and single hyphens, at most 32: the shape of a dealer code."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().upper()
    return _NOT_CODE.sub("-", plain.replace("'", "")).strip("-")[:32].strip("-")


FILTERS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "trim": lambda text: " ".join(text.split()),
    "digits": lambda text: "".join(char for char in text if char.isdigit()),
    "number": lambda text: _NOT_NUMBER.sub("", text),
    "code": _code,
}


@dataclass(frozen=True)
class Template:
    """A parsed template. `columns` are the columns it reads."""

    parts: tuple[str | tuple[str, tuple[Callable[[str], str], ...]], ...]

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the template reads."""
        return frozenset(part[0] for part in self.parts if isinstance(part, tuple))

    def render(self, cells: Mapping[str, Any]) -> str:
        """Returns the text of a row; empty where it reads columns and all are empty, so that no punctuation stands alone."""
        written, filled = [], not self.columns
        for part in self.parts:
            if isinstance(part, str):
                written.append(part)
                continue
            value = as_text(cells.get(part[0]))
            filled = filled or bool(value)
            for change in part[1]:
                value = change(value)
            written.append(value)
        return "".join(written).strip() if filled else ""


def parse(text: str, tables: Mapping[str, Mapping[str, str]]) -> Template:
    """Parses a template; filters are those of FILTERS, the operator's `tables` (value → value, `*` for all others), and
    `first:N` / `last:N`. Raises ValueError for an unknown filter or a lone brace.
    """
    parts: list[str | tuple[str, tuple[Callable[[str], str], ...]]] = []
    end = 0
    for place in _PLACE.finditer(text):
        parts.append(text[end : place.start()])
        changes = tuple(_filter(name, tables) for name in place[2].split("|")[1:])
        parts.append((place[1].strip(), changes))
        end = place.end()
    parts.append(text[end:])
    if any(isinstance(part, str) and ("{" in part or "}" in part) for part in parts):
        raise ValueError(f"{text!r} has a brace without its partner")
    return Template(tuple(part for part in parts if part))


def _filter(name: str, tables: Mapping[str, Mapping[str, str]]) -> Callable[[str], str]:
    name = name.strip()
    if name in tables:
        return lambda text: translate(text, tables[name])
    if name in FILTERS:
        return FILTERS[name]
    kind, _, count = name.partition(":")
    if kind in ("first", "last") and count.isdigit() and int(count) > 0:
        length = int(count)
        return (lambda text: text[:length]) if kind == "first" else (lambda text: text[-length:])
    known = ", ".join([*sorted(FILTERS), "first:N", "last:N", *sorted(tables)])
    raise ValueError(f"there is no filter {name!r} (known: {known})")


def translate(text: str, table: Mapping[str, str]) -> str:
    """Returns what a table says of a value; its `*` entry for all others, the value itself without one."""
    return table.get(text, table.get("*", text))


def as_text(value: Any) -> str:
    """The text of a cell: dates in ISO 8601, whole floats without a point, None empty."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value)
