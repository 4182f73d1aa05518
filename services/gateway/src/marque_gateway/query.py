"""Query parameters and path variables: text into the fields of a request.

Parameters name fields in lowerCamelCase or as the contract does, nested ones with dots (`born.from.year=1990`),
repeated ones by repetition. Beyond google/api/http.proto, two extensions: a google.type.Date may be one ISO 8601 date
(`born.from=1990-05-01`), and a field mask may be written in snake_case, as the contract's comments write it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from marque_gateway.fields import message_of
from marque_gateway.json.decode_wellknown import WELL_KNOWN_TEXTS, field_mask
from marque_gateway.json.run import MAX_ERRORS, JsonDecodeError, JsonFieldError, shown_key
from marque_gateway.json.scalars import Refused, scalar, scalar_from_text, text

DATE = "google.type.Date"
MAX_NESTING = 5
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_SNAKE_MASK = re.compile(r"[a-z0-9_.]+(,[a-z0-9_.]+)*", re.ASCII)

Reader = Callable[[Any, str], None]
"""Reads a text into a message."""


@dataclass(frozen=True)
class TextField:
    """A field, perhaps nested, that text is written into."""

    parameter: str
    fields: tuple[FieldDescriptor, ...]

    @property
    def field(self) -> FieldDescriptor:
        """The field itself, the last of the way."""
        return self.fields[-1]

    def write(self, message: Any, values: list[str]) -> None:
        """Writes the values; raises JsonDecodeError naming the parameter."""
        try:
            for step in self.fields[:-1]:
                message = getattr(message, step.name)
                message.SetInParent()
            self._write_last(message, values)
        except Refused as refused:
            raise JsonDecodeError([JsonFieldError(self.parameter, refused.reason, refused.message)]) from None

    def _write_last(self, message: Any, values: list[str]) -> None:
        field = self.field
        if not field.is_repeated and len(values) > 1:
            raise Refused("REPEATED_PARAMETER", "must be given once")
        oneof = field.containing_oneof
        if oneof is not None and message.WhichOneof(oneof.name) is not None:
            raise Refused("ONEOF_CONFLICT", "must not be given beside another choice of the same kind")
        reader = message_reader(field)
        if reader is not None:
            for value in values:
                held = getattr(message, field.name)
                held = held.add() if field.is_repeated else held
                held.SetInParent()
                reader(held, value)
            return
        convert = scalar_from_text(field)
        if field.is_repeated:
            getattr(message, field.name).extend([convert(value) for value in values])
        else:
            setattr(message, field.name, convert(values[0]))


def message_reader(field: FieldDescriptor) -> Reader | None:
    """Returns how one text fills a field of a message type; None where the field is a scalar."""
    if field.message_type is None:
        return None
    name = field.message_type.full_name
    if name == DATE:
        return read_date
    if name == "google.protobuf.FieldMask":
        return _read_mask
    if name in WELL_KNOWN_TEXTS:
        return WELL_KNOWN_TEXTS[name]
    inner = field.message_type.fields_by_name["value"]
    convert = scalar_from_text(inner) if inner.type == FieldDescriptor.TYPE_BOOL else scalar(inner)

    def read_wrapper(message: Any, value: str) -> None:
        message.value = convert(value)

    return read_wrapper


def takes_text(field: FieldDescriptor) -> bool:
    """Tells whether one text can fill a field."""
    inner = field.message_type
    if inner is None:
        return True
    return (
        inner.full_name in WELL_KNOWN_TEXTS
        or inner.full_name == DATE
        or inner.file.name == "google/protobuf/wrappers.proto"
    )


def read_date(message: Any, value: str) -> None:
    """Reads an ISO 8601 date into a google.type.Date."""
    try:
        if not _ISO_DATE.fullmatch(value):
            raise ValueError
        day = dt.date.fromisoformat(value)
    except ValueError:
        raise Refused("INVALID_DATE", "must be a date such as 2024-05-01") from None
    message.year, message.month, message.day = day.year, day.month, day.day


def _read_mask(message: Any, value: str) -> None:
    if "_" in value and _SNAKE_MASK.fullmatch(value):
        message.paths.extend(value.split(","))
    else:
        field_mask(message, text(value))


def text_field(descriptor: Descriptor, where: str, parameter: str) -> TextField | None:
    """Finds a field by its dotted path; None where there is none that text can fill."""
    steps: list[FieldDescriptor] = []
    current: Descriptor | None = descriptor
    for part in where.split("."):
        field = _field(current, part)
        if field is None or len(steps) >= MAX_NESTING or (steps and steps[-1].is_repeated):
            return None
        steps.append(field)
        current = field.message_type
    return TextField(parameter, tuple(steps)) if takes_text(steps[-1]) else None


def _field(descriptor: Descriptor | None, name: str) -> FieldDescriptor | None:
    if descriptor is None:
        return None
    for field in descriptor.fields:
        if name in (field.json_name, field.name):
            return field
    return None


def query_fields(descriptor: Descriptor, bound: frozenset[str]) -> Iterator[TextField]:
    """Yields the fields that a query may fill, in the contract's order, under their lowerCamelCase names; dates as
    one text.

    Fields that path or body take are left out; a message that holds itself is entered once.
    """
    yield from _walk(descriptor, (), bound, (descriptor,))


def _walk(
    descriptor: Descriptor, way: tuple[FieldDescriptor, ...], bound: frozenset[str], entered: tuple[Descriptor, ...]
) -> Iterator[TextField]:
    for field in descriptor.fields:
        steps = (*way, field)
        if ".".join(step.name for step in steps) in bound:
            continue
        if takes_text(field):
            yield TextField(".".join(step.json_name for step in steps), steps)
        elif _entered(field, entered) and len(steps) < MAX_NESTING:
            inner = message_of(field)
            yield from _walk(inner, steps, bound, (*entered, inner))


def _entered(field: FieldDescriptor, entered: tuple[Descriptor, ...]) -> bool:
    inner = message_of(field)
    return not (field.is_repeated or inner in entered or inner.full_name.startswith("google.protobuf."))


class QueryBinder:
    """Writes query parameters into requests of one type."""

    def __init__(self, descriptor: Descriptor, bound: frozenset[str] = frozenset()) -> None:
        self._descriptor = descriptor
        self._bound = bound
        self._known: dict[str, TextField] = {}
        for field in query_fields(descriptor, bound):
            self._known[field.parameter] = field
            self._known.setdefault(".".join(step.name for step in field.fields), field)

    def bind(self, items: Iterable[tuple[str, str]], message: Message) -> None:
        """Writes `(name, text)` pairs; raises JsonDecodeError naming every parameter that is unknown or cannot be
        read.
        """
        grouped: dict[tuple[FieldDescriptor, ...], tuple[TextField, list[str]]] = {}
        errors: list[JsonFieldError] = []
        for name, value in items:
            found = self._known.get(name) or self._find(name)
            if found is None:
                errors.append(JsonFieldError(shown_key(name), "UNKNOWN_PARAMETER", "is not a parameter of this method"))
            else:
                grouped.setdefault(found.fields, (TextField(name, found.fields), []))[1].append(value)
            if len(errors) >= MAX_ERRORS:
                raise JsonDecodeError(errors)
        for field, values in grouped.values():
            try:
                field.write(message, values)
            except JsonDecodeError as refused:
                errors.extend(refused.errors)
        if errors:
            raise JsonDecodeError(errors[:MAX_ERRORS])

    def _find(self, name: str) -> TextField | None:
        """Finds what is not listed: mixed spellings, and the parts of a date."""
        if len(name) > 200:
            return None
        found = text_field(self._descriptor, name, name)
        if found is None:
            return None
        steps = [step.name for step in found.fields]
        taken = any(".".join(steps[: length + 1]) in self._bound for length in range(len(steps)))
        return None if taken else found
