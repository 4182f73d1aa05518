"""What is done with each row of a file: a plan for each kind of rows that it feeds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from marquectl.contract import Kind
from marquectl.mapping.template import Template, as_text, translate
from marquectl.mapping.values import RowFault, convert, iso_date

__all__ = ["KindPlan", "Plan", "RowFault", "Target"]


@dataclass(frozen=True)
class Target:
    """A place in a row message: a field, a field of its lines (`line`), or an entry of a map (`key`)."""

    field: FieldDescriptor
    line: bool = False
    key: str = ""

    @property
    def name(self) -> str:
        """The name as it stands in reports."""
        return f"{self.field.name}.{self.key}" if self.key else self.field.name


@dataclass(frozen=True)
class KindPlan:
    """How a row of the file becomes a row of one kind.

    `whole` copies lists and objects of JSON lines as they are: column → target. `templates` make one text per target; `dates` and
    `values` (by target name) change it then. `once`: of rows with the same natural key only the first is sent, for a kind that the file
    repeats in every row. `nulls` are texts that mean nothing.
    """

    kind: Kind
    templates: Sequence[tuple[Target, Template]]
    whole: Mapping[str, Target] = field(default_factory=dict)
    dates: Mapping[str, Sequence[re.Pattern[str]]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    nulls: frozenset[str] = frozenset()
    once: bool = False

    def build(self, number: int, cells: Mapping[str, Any]) -> Message:
        """Returns the row message. Raises RowFault for a value that its field cannot hold."""
        row = self._new()
        row.row = number  # type: ignore[attr-defined]
        line: dict[str, Any] = {}
        for target, template in self.templates:
            text = self._text(target, template, cells)
            if text:
                self._put(row, line, target, text)
        for column, target in self.whole.items():
            _put_whole(row, target, cells.get(column))
        if line:
            getattr(row, self.kind.lines).add(**line)
        return row

    def key_of(self, row: Message) -> tuple[str, ...]:
        """The natural key of a row."""
        return tuple(str(getattr(row, name)) for name in self.kind.key)

    def _new(self) -> Message:
        return getattr(self.kind.request(), "rows").add()  # type: ignore[no-any-return]  # noqa: B009

    def _text(self, target: Target, template: Template, cells: Mapping[str, Any]) -> str:
        text = template.render(cells)
        if text in self.nulls:
            return ""
        if table := self.values.get(target.name):
            text = translate(text, table)
        if text and (patterns := self.dates.get(target.name)):
            text = iso_date(target.name, text, patterns)
        return text

    def _put(self, row: Message, line: dict[str, Any], target: Target, text: str) -> None:
        if target.key:
            getattr(row, target.field.name)[target.key] = text
        elif target.line:
            line[target.field.name] = convert(target.field, text)
        else:
            setattr(row, target.field.name, convert(target.field, text))


def _put_whole(row: Message, target: Target, value: Any) -> None:
    """Copies a JSON value: an object into a map, a list of objects into lines, a list into text parted by semicolons."""
    spot = target.field
    if value in (None, "", [], {}):
        return
    if spot.message_type is not None and spot.message_type.GetOptions().map_entry:
        if not isinstance(value, dict):
            raise RowFault(spot.name, "OBJECT_EXPECTED", "must be an object of texts")
        getattr(row, spot.name).update({str(key): as_text(text) for key, text in value.items()})
    elif spot.message_type is not None:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise RowFault(spot.name, "LIST_EXPECTED", "must be a list of objects")
        for item in value:
            getattr(row, spot.name).add(**_fields(spot.message_type, item))
    elif isinstance(value, list):
        setattr(row, spot.name, convert(spot, ";".join(as_text(item) for item in value)))
    elif isinstance(value, dict):
        raise RowFault(spot.name, "TEXT_EXPECTED", "must not be an object")
    else:
        setattr(row, spot.name, convert(spot, value))


def _fields(message: Descriptor, item: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in item.items():
        spot = message.fields_by_name.get(name)
        if spot is None:
            raise RowFault("lines", "FIELD_UNKNOWN", "a line has a field that the contract does not know")
        if value not in (None, ""):
            text = ";".join(as_text(part) for part in value) if isinstance(value, list) else value
            found[name] = convert(spot, text)
    return found


@dataclass(frozen=True)
class Plan:
    """What a file is read as: its source system, how its text is read, and the kinds that it feeds, in order.

    `header` names the columns of a layout whose files may come without a header line.
    """

    source: str
    kinds: Sequence[KindPlan]
    encoding: str = ""
    delimiter: str = ""
    strict_columns: bool = True
    known_columns: frozenset[str] = frozenset()
    header: tuple[str, ...] = ()

    def unknown_columns(self, columns: Sequence[str]) -> list[str]:
        """The columns that nothing reads and nobody asked to ignore."""
        return [name for name in columns if name not in self.known_columns]
