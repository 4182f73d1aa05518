"""The state of an import's chunk while its rows are judged one after the other, before anything is written."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from servicekit.bulk.rows import REJECTED, RowOutcome
from servicekit.errors import FieldViolation


@dataclass(slots=True)
class Chunk:
    """What is known by natural key, as columns; which keys the rows made new, and which fields of the others they
    changed.
    """

    state: dict[Any, dict[str, Any]]
    _new: dict[Hashable, None] = field(default_factory=dict)
    _changed: dict[Hashable, dict[str, None]] = field(default_factory=dict)

    def create(self, key: Hashable, row: dict[str, Any]) -> None:
        """Takes a new row."""
        self.state[key] = row
        self._new[key] = None

    def change(self, key: Hashable, row: dict[str, Any], fields: Iterable[str]) -> None:
        """Takes new values of a row; one that this chunk made stays new."""
        self.state[key] = row
        if key not in self._new:
            self._changed.setdefault(key, {}).update(dict.fromkeys(fields))

    def created(self) -> list[dict[str, Any]]:
        """Returns the rows to insert."""
        return [self.state[key] for key in self._new]

    def updated(self) -> list[dict[str, Any]]:
        """Returns the rows to update."""
        return [self.state[key] for key in self._changed]

    def touched(self) -> list[dict[str, Any]]:
        """Returns all rows to write."""
        return [*self.created(), *self.updated()]

    def fields_of(self, key: Hashable) -> tuple[str, ...]:
        """Returns the names of the fields that differ; none for a new row."""
        return tuple(self._changed.get(key, ()))


def missing(row: Mapping[str, Any], names: Iterable[str]) -> list[FieldViolation]:
    """Returns a violation for each column that a new row needs and does not have."""
    return [FieldViolation(name, "FIELD_REQUIRED", "A value is needed here.") for name in names if not row.get(name)]


def concurrent(outcome: RowOutcome) -> RowOutcome:
    """Returns the outcome of a row that somebody else wrote first, at the same moment: sent again, it is judged against
    theirs.
    """
    wrong = FieldViolation("", "CONCURRENT_CHANGE", "Somebody else wrote this row at the same moment. Send it again.")
    return replace(outcome, outcome=REJECTED, violations=(wrong,))
