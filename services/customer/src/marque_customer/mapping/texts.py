"""Texts from outside: what no store can hold is refused with the name of the field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from servicekit.errors import FieldViolation, InvalidArgument


def refuse_nul(message: Message) -> None:
    """Raises InvalidArgument naming each text that holds the character U+0000, which PostgreSQL cannot store."""
    found = [
        FieldViolation(path, "CHARACTER_INVALID", "The text holds the character U+0000.") for path in _bad(message, "")
    ]
    if found:
        raise InvalidArgument(violations=found)


def _bad(message: Message, prefix: str) -> Iterator[str]:
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            if any("\x00" in f"{key}{item}" for key, item in value.items()):
                yield path
        elif field.is_repeated:
            for index, item in enumerate(value):
                yield from _bad_item(field, item, f"{path}[{index}]")
        else:
            yield from _bad_item(field, value, path)


def _bad_item(field: FieldDescriptor, value: Any, path: str) -> Iterator[str]:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        yield from _bad(value, f"{path}.")
    elif isinstance(value, str) and "\x00" in value:
        yield path
