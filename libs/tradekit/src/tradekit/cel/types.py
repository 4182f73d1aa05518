"""The types of the subset. A record's fields may be absent when a condition is evaluated: `has()` asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A plain type by its name in CEL."""

    name: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one type."""

    element: Kind

    @property
    def name(self) -> str:
        """As messages name it."""
        return f"list of {self.element.name}"


@dataclass(frozen=True, slots=True)
class Record:
    """Named fields, each with its type; only ever read field by field."""

    fields: Mapping[str, Type]

    @property
    def name(self) -> str:
        """As messages name it."""
        return "record"

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.fields)))


Type = Kind | ListOf | Record
BOOL, INT, DOUBLE, STRING = Kind("bool"), Kind("int"), Kind("double"), Kind("string")
NUMBERS = frozenset({INT, DOUBLE})
ORDERED = frozenset({INT, DOUBLE, STRING})
