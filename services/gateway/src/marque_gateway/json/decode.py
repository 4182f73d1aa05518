"""Decoders from JSON to messages, compiled once per message type.

The forms are those of `json_format.ParseDict`, more strictly: what a caller cannot have meant is an error that names
the field.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import RLock
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from marque_gateway.fields import enum_of, message_of
from marque_gateway.json.decode_dynamic import DYNAMIC
from marque_gateway.json.decode_wellknown import WELL_KNOWN_TEXTS
from marque_gateway.json.run import (
    Fill,
    JsonDecodeError,
    Run,
    TooMany,
    guarded_fill,
    items_of,
    shown_key,
)
from marque_gateway.json.scalars import Converter, Refused, scalar, scalar_from_text, wrong_type

_MESSAGES = {FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_GROUP}
_VALUE = "google.protobuf.Value"


_lock = RLock()
_ready: dict[Descriptor, Fill] = {}


class Decoder:
    """Reads parsed JSON into messages of one type."""

    def __init__(self, descriptor: Descriptor, fill: Fill) -> None:
        self.descriptor = descriptor
        self._fill = fill
        self._class = GetMessageClass(descriptor)

    def __call__(self, document: Any) -> Message:
        """Returns the message that a document states; raises JsonDecodeError."""
        message = self._class()
        self.read_into(message, document)
        return message

    def read_into(self, message: Message, document: Any, path: str = "") -> None:
        """Reads a document into a message that may already hold other fields; raises JsonDecodeError, paths below
        `path`.
        """
        run = Run(_ready_for)
        with suppress(TooMany):
            self._fill(message, document, path, 1, run)
        if run.errors:
            raise JsonDecodeError(run.errors)


def decoder_for(descriptor: Descriptor) -> Decoder:
    """Returns the decoder of a message type."""
    with _lock:
        return Decoder(descriptor, _fill_for(descriptor))


def _fill_for(descriptor: Descriptor) -> Fill:
    if descriptor in _ready:
        return _ready[descriptor]
    name = descriptor.full_name
    if name in WELL_KNOWN_TEXTS:
        fill = guarded_fill(_text_fill(WELL_KNOWN_TEXTS[name]))
    elif name in DYNAMIC:
        fill = guarded_fill(DYNAMIC[name])
    elif descriptor.file.name == "google/protobuf/wrappers.proto":
        fill = guarded_fill(_wrapper_fill(scalar(descriptor.fields_by_name["value"])))
    else:
        return _message_fill(descriptor)
    _ready[descriptor] = fill
    return fill


def _text_fill(read: Callable[[Any, Any], None]) -> Fill:
    def fill(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
        read(message, value)

    return fill


def _wrapper_fill(convert: Converter) -> Fill:
    def fill(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
        message.value = convert(value)

    return fill


def _message_fill(descriptor: Descriptor) -> Fill:
    fields: dict[str, tuple[str, str | None, bool, Fill]] = {}

    def fill(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
        if type(value) is not dict:
            raise wrong_type("an object", value)
        prefix = f"{path}." if path else ""
        seen: set[str] = set()
        for key, item in value.items():
            known = fields.get(key)
            if known is None:
                run.refuse(f"{prefix}{shown_key(key)}", Refused("UNKNOWN_FIELD", "is not a field of this message"))
                continue
            name, oneof, keeps_null, read = known
            if name in seen:
                run.refuse(f"{prefix}{key}", Refused("DUPLICATE_FIELD", "is given twice, under both of its names"))
                continue
            seen.add(name)
            if item is None and not keeps_null:
                message.ClearField(name)
                continue
            if oneof is not None and item is not None:
                if oneof in seen:
                    run.refuse(
                        f"{prefix}{key}",
                        Refused("ONEOF_CONFLICT", "must not be given beside another choice of the same kind"),
                    )
                    continue
                seen.add(oneof)
            try:
                read(message, item, f"{prefix}{key}", depth, run)
            except Refused as refused:
                run.refuse(f"{prefix}{key}", refused)

    guarded = guarded_fill(fill)
    _ready[descriptor] = guarded  # before the fields, because a type may hold itself
    for field in descriptor.fields:
        oneof = field.containing_oneof
        # a oneof's name stands in the same set as field names, from which the prefix keeps it apart
        entry = (field.name, f"oneof {oneof.name}" if oneof else None, _keeps_null(field), _field_fill(field))
        fields[field.json_name] = entry
        fields.setdefault(field.name, entry)
    return guarded


def _keeps_null(field: FieldDescriptor) -> bool:
    """Tells whether null is a value of the field, not the clearing of it."""
    if field.is_repeated:
        return False
    if field.type in _MESSAGES:
        return bool(message_of(field).full_name == _VALUE)
    return field.type == FieldDescriptor.TYPE_ENUM and enum_of(field).full_name == "google.protobuf.NullValue"


def _field_fill(field: FieldDescriptor) -> Fill:
    name = field.name
    if field.type in _MESSAGES:
        if message_of(field).GetOptions().map_entry:
            return _map_fill(field)
        inner = _fill_for(message_of(field))
        return (
            _messages_fill(name, inner, message_of(field).full_name == _VALUE)
            if field.is_repeated
            else _single_fill(name, inner)
        )
    convert = _null_value if _keeps_null(field) else scalar(field)
    if field.is_repeated:
        return _scalars_fill(name, convert)

    def fill(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
        setattr(message, name, convert(value))

    return fill


def _null_value(value: Any) -> int:
    if value is None or value == "NULL_VALUE" or (value == 0 and value is not False):
        return 0
    raise wrong_type("null", value)


def _single_fill(name: str, inner: Fill) -> Fill:
    def fill(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
        held = getattr(message, name)
        held.SetInParent()
        inner(held, value, path, depth + 1, run)

    return fill


def _messages_fill(name: str, inner: Fill, takes_null: bool) -> Fill:
    def fill(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
        message.ClearField(name)
        add = getattr(message, name).add
        for index, item in enumerate(items_of(value)):
            if item is None and not takes_null:
                run.refuse(f"{path}[{index}]", Refused("INVALID_TYPE", "must not be null"))
            else:
                inner(add(), item, f"{path}[{index}]", depth + 1, run)

    return fill


def _scalars_fill(name: str, convert: Converter) -> Fill:
    def fill(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
        message.ClearField(name)
        append = getattr(message, name).append
        for index, item in enumerate(items_of(value)):
            try:
                if item is None:
                    raise Refused("INVALID_TYPE", "must not be null")
                append(convert(item))
            except Refused as refused:
                run.refuse(f"{path}[{index}]", refused)

    return fill


def _map_fill(field: FieldDescriptor) -> Fill:
    name, entry = field.name, message_of(field)
    convert_key, held = scalar_from_text(entry.fields_by_name["key"]), entry.fields_by_name["value"]
    is_message = held.type in _MESSAGES
    inner = _fill_for(message_of(held)) if is_message else None
    convert = None if is_message else scalar(held)

    def fill(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
        if type(value) is not dict:
            raise wrong_type("an object", value)
        message.ClearField(name)
        target = getattr(message, name)
        for key, item in value.items():
            place = f"{path}[{shown_key(key)}]"
            try:
                converted = convert_key(key)
                if inner is not None:
                    inner(target[converted], item, place, depth + 1, run)
                elif convert is not None:
                    target[converted] = convert(item)
            except Refused as refused:
                run.refuse(place, refused)

    return fill


def _ready_for(message: Any) -> Fill:
    with _lock:  # another thread may be building, and a reader without its fields accepts nothing
        return _fill_for(message.DESCRIPTOR)
