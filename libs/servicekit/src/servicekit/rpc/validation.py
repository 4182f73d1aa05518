"""Reading and checking requests: bytes → message → the rules of the contract (protovalidate), as field violations in proto names."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeVar

import protovalidate
from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from servicekit import contract
from servicekit.errors import FieldViolation, InvalidArgument

_Message = TypeVar("_Message", bound=Message)
_LIMIT = 50
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # seconds of the years 1 and 9999
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
    if path := _no_moment(message):
        raise InvalidArgument.of(path, "TIME_INVALID", "Give a moment of the calendar.")
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


def _no_moment(message: Message, prefix: str = "") -> str:
    """Returns the path of a Timestamp that is none (google/protobuf/timestamp.proto: years 1 to 9999); empty where there is none.

    JSON cannot say such a one, bytes can; whoever turns it into a moment would fail.
    """
    if not _holds_moments(message.DESCRIPTOR.full_name):
        return ""
    for field, value in message.ListFields():
        if field.message_type is None or _judged_elsewhere(field):
            continue
        path = f"{prefix}{field.name}"
        is_map = field.message_type.GetOptions().map_entry
        for item in value.values() if is_map else value if field.is_repeated else [value]:
            if isinstance(item, Timestamp):
                if not (_FIRST <= item.seconds <= _LAST and 0 <= item.nanos < 10**9):
                    return path
            elif isinstance(item, Message) and (found := _no_moment(item, f"{path}.")):
                return found
    return ""


@cache
def _holds_moments(full_name: str) -> bool:
    """Tells whether a message holds a Timestamp at any depth; it may hold messages of its own type."""
    known, waiting = {full_name}, [contract.message(full_name).DESCRIPTOR]
    while waiting:
        for field in waiting.pop().fields:
            inner = field.message_type
            if inner is not None and inner.full_name == Timestamp.DESCRIPTOR.full_name:
                return True
            if inner is not None and inner.full_name not in known:
                known.add(inner.full_name)
                waiting.append(inner)
    return False


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
