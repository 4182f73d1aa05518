"""Columns of a file → fields of a row message: which column fills which field, and the building of a message from a record's values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from servicekit.bulk.errors import FileUnreadable
from servicekit.bulk.values import BadValue, converter, is_empty, text
from servicekit.errors import FieldViolation

ROW = "row"  # the kit numbers the rows itself
_ITEMS = 1000
Set = Callable[[Any, Any], None]


@dataclass(frozen=True, slots=True)
class Target:
    """A place in a row message: the path for people, and the writing of a value there. `line`: a field of the repeated lines."""

    path: str
    set: Set
    line: bool = False


def lines_field(descriptor: Any) -> FieldDescriptor | None:
    """Returns the field of a row's parts, such as the lines of a repair order: its only repeated message field."""
    found = [field for field in descriptor.fields if field.message_type is not None and _repeats(field)]
    return found[0] if len(found) == 1 else None


def find(descriptor: Any, name: str) -> Target | None:
    """Returns the place that a column's name means, or None.

    A name is that of a field (`phone`, also in camel case), an entry of a map (`names.zh-CN`, or as a column `name_zh_cn`), or a field of
    the row's lines (`lines.complaint`, or `complaint` where the row has no field of that name).
    """
    name = name.strip()
    return _named(descriptor, name) or _entry(descriptor, name) or _part(descriptor, name)


def check_mapping(row: type[Message], mapping: Mapping[str, str]) -> list[FieldViolation]:
    """Returns what is wrong with a caller's column mapping: fields that the row does not have."""
    return [
        FieldViolation(
            f"header.column_mapping[{column!r}]", "IMPORT_FIELD_UNKNOWN", f"{row.DESCRIPTOR.name} has no such field."
        )
        for column, name in sorted(mapping.items())
        if name.strip() and find(row.DESCRIPTOR, name) is None
    ]


class Columns:
    """The places of a file's columns, for one kind of row."""

    def __init__(self, row: type[Message], mapping: Mapping[str, str]) -> None:
        self.row = row
        self._mapping = {column.strip(): name for column, name in mapping.items()}
        self._lines = lines_field(row.DESCRIPTOR)
        self._known: dict[str, Target | None] = {}

    def target(self, column: str) -> Target | None:
        """Returns the place of a column; None where it is dropped or unknown."""
        column = column.strip()
        if column not in self._known:
            if len(self._known) > 10_000:  # JSON lines with ever new keys
                self._known.clear()
            name = self._mapping.get(column, column)
            self._known[column] = find(self.row.DESCRIPTOR, name) if name.strip() else None
        return self._known[column]

    def header(self, names: Sequence[str]) -> list[Target | None]:
        """Returns the places of a header line. Raises FileUnreadable where none is known or two columns fill one field."""
        found = [self.target(name) for name in names]
        mapped = {
            target.path
            for name, target in zip(names, found, strict=True)
            if target is not None and name.strip() in self._mapping
        }
        for index, name in enumerate(
            names
        ):  # a column that the caller mapped stands before one that only bears the name
            target = found[index]
            if target is not None and target.path in mapped and name.strip() not in self._mapping:
                found[index] = None
        paths = [target.path for target in found if target is not None]
        if not paths:
            raise FileUnreadable("IMPORT_COLUMNS_UNKNOWN")
        if len(set(paths)) < len(paths):
            raise FileUnreadable("IMPORT_COLUMN_TWICE")
        return found

    def build(self, pairs: Iterable[tuple[Target | None, Any]]) -> tuple[Any, list[FieldViolation]]:
        """Returns the message of a record's values, and what does not fit."""
        message = self.row()
        faults: list[FieldViolation] = []
        line: Any = None
        for target, value in pairs:
            if target is None or is_empty(value):
                continue
            if target.line and line is None and self._lines is not None:
                line = getattr(message, self._lines.name).add()
            try:
                target.set(line if target.line else message, value)
            except BadValue as bad:
                faults.append(FieldViolation(target.path, bad.reason, bad.description))
            except ValueError:  # a lone surrogate: no character
                faults.append(FieldViolation(target.path, "TEXT_INVALID", "the value is not valid text"))
        return message, faults

    def fold(self, first: Any, following: Any) -> list[FieldViolation]:
        """Adds the lines of a following record to the row it belongs to; returns where the two contradict each other.

        What the first one leaves empty the following one may say. A contradiction must not be passed over: two currencies in one row would
        turn amounts of one into amounts of the other. Lines far beyond what any contract allows are not kept: the row is refused for too
        many all the same.
        """
        if self._lines is not None and len(getattr(first, self._lines.name)) <= _ITEMS:
            getattr(first, self._lines.name).extend(getattr(following, self._lines.name))
        faults = []
        for field in following.DESCRIPTOR.fields:
            if field.name == ROW or field.is_repeated or field.message_type is not None:
                continue
            told, known = getattr(following, field.name), getattr(first, field.name)
            if told and not known:
                setattr(first, field.name, told)
            elif told and told != known:
                faults.append(
                    FieldViolation(field.name, "ROWS_DIFFER", "rows of one key say different things of this field")
                )
        return faults


def _repeats(field: FieldDescriptor) -> bool:
    return field.is_repeated and not _is_map(field)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


@cache
def _fields(descriptor: Any) -> dict[str, FieldDescriptor]:
    found = {}
    for field in descriptor.fields:
        if field.name != ROW:
            found[field.name.lower()] = field
            found[field.json_name.lower()] = field
    return found


def _named(descriptor: Any, name: str) -> Target | None:
    field = _fields(descriptor).get(name.lower())
    return None if field is None else Target(field.name, _setter(field))


def _part(descriptor: Any, name: str) -> Target | None:
    lines = lines_field(descriptor)
    if lines is None:
        return None
    bare = name[len(lines.name) + 1 :] if name.startswith(lines.name + ".") else name
    field = _fields(lines.message_type).get(bare.lower())
    return None if field is None else Target(f"{lines.name}.{field.name}", _setter(field), line=True)


def _entry(descriptor: Any, name: str) -> Target | None:
    """A column for one entry of a map of texts: `names.zh-CN` or `name_zh_cn`."""
    for field in descriptor.fields:
        if not _is_map(field):
            continue
        for prefix in (field.name + ".", field.name.removesuffix("s") + "_"):
            if name.lower().startswith(prefix) and len(name) > len(prefix):
                key = name[len(prefix) :]
                return Target(f"{field.name}.{key}", _map_setter(field, key if prefix[-1] == "." else _tag(key)))
    return None


def _tag(key: str) -> str:
    """`zh_hans_cn` → `zh-Hans-CN` (the usual case of BCP 47)."""
    first, *rest = key.replace("_", "-").split("-")
    cased = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part.lower() for part in rest]
    return "-".join([first.lower(), *cased])


def _map_setter(field: FieldDescriptor, key: str) -> Set:
    convert = converter(_entry_value(field))
    return lambda message, value: getattr(message, field.name).__setitem__(key, convert(value))


def _entry_value(field: FieldDescriptor) -> FieldDescriptor:
    kind: Any = field.message_type
    found: FieldDescriptor = kind.fields_by_name["value"]
    return found


def _setter(field: FieldDescriptor) -> Set:
    name = field.name
    if _is_map(field):
        return _whole_map(field)
    if field.message_type is not None:
        return _parts(field) if field.is_repeated else _refused
    convert = converter(field)
    if field.is_repeated:

        def extend(message: Any, value: Any) -> None:
            items = value if isinstance(value, list) else [item for item in text(value).split(";") if item.strip()]
            if len(items) > _ITEMS:
                raise BadValue("TOO_MANY_ITEMS", f"at most {_ITEMS} items fit")
            getattr(message, name).extend(convert(item) for item in items)

        return extend
    return lambda message, value: setattr(message, name, convert(value))


def _whole_map(field: FieldDescriptor) -> Set:
    convert = converter(_entry_value(field))

    def fill(message: Any, value: Any) -> None:
        if not isinstance(value, dict) or len(value) > _ITEMS:
            raise BadValue("TYPE_INVALID", "the value must be an object; in a table give a column for each entry")
        for key, item in value.items():
            if not is_empty(item):
                getattr(message, field.name)[text(key)] = convert(item)

    return fill


def _parts(field: FieldDescriptor) -> Set:
    """A list of objects, as JSON lines and Parquet have it."""

    def fill(message: Any, value: Any) -> None:
        if not isinstance(value, list) or len(value) > _ITEMS or not all(isinstance(item, dict) for item in value):
            raise BadValue("TYPE_INVALID", "the value must be a list of objects")
        for item in value:
            part = getattr(message, field.name).add()
            for key, entry in item.items():
                target = _named(field.message_type, str(key))
                if target is not None and not is_empty(entry):
                    target.set(part, entry)

    return fill


def _refused(message: Any, value: Any) -> None:
    raise BadValue("TYPE_INVALID", "this field cannot be given in a file")
