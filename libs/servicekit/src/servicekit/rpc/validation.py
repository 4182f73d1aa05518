"""Reading and checking requests: bytes → message → the rules of the contract (protovalidate), as field violations in proto names."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import protovalidate
from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from servicekit.errors import FieldViolation, InvalidArgument

_Message = TypeVar("_Message", bound=Message)
_LIMIT = 50
_NAMED = re.compile(r"([a-z][a-z0-9_.]*): ")


def parse(kind: type[_Message], data: bytes) -> _Message:
    """Reads a message. Raises InvalidArgument where the bytes are not one."""
    try:
        return kind.FromString(data)
    except (DecodeError, ValueError):
        error = InvalidArgument()
        error.reason = "MALFORMED_MESSAGE"
        raise error from None


def validate(message: Message, data: bytes = b"") -> None:
    """Checks a message against the rules of the contract. Raises InvalidArgument with one violation per broken rule."""
    if b"\0" in data and (path := _with_nul(message)):
        raise InvalidArgument.of(path, "INVALID_TEXT", "the text holds U+0000, which no text here may hold")
    found = protovalidate.collect_violations(message)
    if found:
        raise InvalidArgument(violations=[_violation(item.proto) for item in found[:_LIMIT]])


def _with_nul(message: Message, prefix: str = "") -> str:
    """Returns the path of a text that holds U+0000, which PostgreSQL cannot store; empty where there is none."""
    for field, value in message.ListFields():
        if _judged_elsewhere(field):
            continue
        path = f"{prefix}{field.name}"
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            items: list[Any] = [item for pair in value.items() for item in pair]
        else:
            items = list(value) if field.is_repeated else [value]
        for item in items:
            if isinstance(item, str) and "\0" in item:
                return path
            if isinstance(item, Message) and (found := _with_nul(item, f"{path}.")):
                return found
    return ""


def _judged_elsewhere(field: FieldDescriptor) -> bool:
    """Tells whether the contract leaves a field's items to the use case, as rows of imports are: each is answered by itself."""
    rules = field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[attr-defined]
    return bool(rules.repeated.items.ignore == validate_pb2.IGNORE_ALWAYS)  # type: ignore[attr-defined]


def _violation(proto: Any) -> FieldViolation:
    path = ""
    for element in proto.field.elements if proto.field is not None else ():
        path += ("." if path else "") + element.field_name
        if element.subscript is not None and element.subscript.field in ("index",):
            path += f"[{element.subscript.value}]"
    message = proto.message or "the value is not valid"
    named = _NAMED.match(message)
    if named:  # a rule over several fields begins with the one that it is about
        path, message = ".".join(part for part in (path, named[1]) if part), message[named.end() :]
    reason = proto.rule_id.upper().replace(".", "_").replace("-", "_") or "INVALID"
    return FieldViolation(path, reason, message)
