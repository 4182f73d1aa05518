"""Judgement of answers: what a message shows by the contract's data classes, and which rows stand in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from marque.options.v1 import options_pb2

from servicekit.contract import Method
from servicekit.testing.access.registry import Fixture

PERSON = options_pb2.DATA_CLASS_PERSON


def class_of(field: FieldDescriptor) -> int:
    """Returns the kind of data of a field, 0 for none."""
    return int(field.GetOptions().Extensions[options_pb2.data_class])


def classified(descriptor: Any) -> list[tuple[str, int]]:
    """Returns a message's own fields that have a kind of data: (name, kind)."""
    return [(field.name, class_of(field)) for field in descriptor.fields if class_of(field)]


def faults(message: Message, visible: Iterable[int]) -> list[str]:
    """Returns what a message shows though its kind is not visible, and what it withholds without naming it."""
    return list(_faults(message, frozenset(visible), (), ""))


def _faults(message: Message, visible: frozenset[int], named: Iterable[str], prefix: str) -> Iterator[str]:
    fields = message.DESCRIPTOR.fields_by_name
    if "masked_fields" in fields:
        named, prefix = frozenset(getattr(message, "masked_fields")), ""  # noqa: B009 - its type is not known
    set_fields = {field.name for field, _ in message.ListFields()}
    for name, kind in classified(message.DESCRIPTOR):
        path = f"{prefix}{name}"
        if kind not in visible and name in set_fields:
            yield f"{message.DESCRIPTOR.name}.{path} is shown"
        if kind not in visible and named and path not in named:
            yield f"{message.DESCRIPTOR.name}.{path} is withheld without being named"
        if kind in visible and path in named:
            yield f"{message.DESCRIPTOR.name}.{path} is withheld from who may see it"
    if "masked_fields" in fields and not prefix:
        hidden = {name for name, kind in classified(message.DESCRIPTOR) if kind not in visible}
        if missing := hidden - set(named):
            yield f"{message.DESCRIPTOR.name}.masked_fields does not name {sorted(missing)}"
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for part in value if field.is_repeated else [value]:
            yield from _faults(part, visible, named, f"{prefix}{field.name}.")


def items(fixture: Fixture, messages: list[Any]) -> dict[str, Any]:
    """Returns the rows that stand in an answer, by id."""
    found = list(messages)
    for name in fixture.items.split("."):
        found = [part for message in found for part in _parts(message, name)]
    return {getattr(item, fixture.key): item for item in found}


def _parts(message: Any, name: str) -> list[Any]:
    value = getattr(message, name)
    return [value] if isinstance(value, Message) else list(value)


def is_list(method: Method, fixture: Fixture) -> bool:
    """Tells whether an RPC answers with rows that its filters choose, and not with one row by its id."""
    first = method.output.DESCRIPTOR.fields_by_name.get(fixture.items.split(".")[0])
    return first is not None and first.is_repeated


def item_type(method: Method, fixture: Fixture) -> Any:
    """Returns the descriptor of the rows that a list answers with: by its fixture, or its one repeated field of messages."""
    found: Any = method.output.DESCRIPTOR
    for name in fixture.items.split(".") if fixture.items else _repeated(found):
        found = found.fields_by_name[name].message_type
    return found


def _repeated(descriptor: Any) -> list[str]:
    return [field.name for field in descriptor.fields if field.is_repeated and field.message_type is not None][:1]


def refuses_dealer(messages: list[Any]) -> bool:
    """Tells whether an import refused a row for its dealer."""
    errors = [error for message in messages for row in message.rejected for error in row.errors]
    return any(error.field == "dealer_code" for error in errors)


def hidden_filters(method: Method, visible: Iterable[int]) -> list[str]:
    """Returns the classified fields of the request itself that a caller may not name."""
    seen = frozenset(visible)
    return [name for name, kind in classified(method.input.DESCRIPTOR) if kind not in seen]
