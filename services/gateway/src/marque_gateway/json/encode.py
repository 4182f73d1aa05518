"""Encoders from messages to JSON, compiled once per message type.

For every type a Python function is written and compiled: reading named attributes into a dict display costs a quarter
of walking descriptors per message, and a page of 50 rows is where a Python gateway is otherwise lost. Names come from
descriptors that protoc has checked, and are quoted with repr.
"""

from __future__ import annotations

import keyword
from binascii import b2a_base64
from collections.abc import Callable
from math import isfinite
from threading import RLock
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from marque_gateway.fields import enum_of, message_of
from marque_gateway.json.encode_wellknown import WELL_KNOWN, odd_number, single

Encoder = Callable[[Any], Any]

_INT64 = {
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_SINT64,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_SFIXED64,
}
_MESSAGES = {FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_GROUP}
_HELPERS: dict[str, Any] = {
    "b2a": b2a_base64,
    "finite": isfinite,
    "odd": odd_number,
    "single": single,
    "text": str,
    "flag": {True: "true", False: "false"},
}

_lock = RLock()
_ready: dict[Descriptor, Encoder] = {}


def encoder_for(descriptor: Descriptor) -> Encoder:
    """Returns the function that turns a message of this type into what `orjson.dumps` takes.

    It answers as `json_format.MessageToDict(message, always_print_fields_with_no_presence=True)` does: lowerCamelCase
    names, defaults of fields without presence printed, unset fields with presence absent. The function raises
    ValueError for what has no JSON form (a timestamp out of range, NaN inside a Value, an Any of an unknown type).
    """
    found = _ready.get(descriptor)
    if found is None:
        with _lock:
            building: dict[Descriptor, Encoder] = {}
            found = _compile(descriptor, building)
            _ready.update(building)  # only now: no thread may see a function whose inner types are not compiled yet
    return found


def json_encoder_for(descriptor: Descriptor) -> Callable[[Message], bytes]:
    """Returns the function that turns a message of this type into JSON as UTF-8."""
    encode, dumps = encoder_for(descriptor), orjson.dumps
    return lambda message: dumps(encode(message))


def is_wrapper(descriptor: Descriptor) -> bool:
    """Tells whether a type is one of google.protobuf.StringValue and its like."""
    return descriptor.file.name == "google/protobuf/wrappers.proto"


class _EnumNames(dict[int, str]):
    """Names by number; a number from a newer contract is printed as it is."""

    def __missing__(self, number: int) -> int:
        return number


def _compile(descriptor: Descriptor, building: dict[Descriptor, Encoder]) -> Encoder:
    if descriptor in _ready:
        return _ready[descriptor]
    if descriptor in building:
        return building[descriptor]
    if descriptor.full_name in WELL_KNOWN:
        building[descriptor] = WELL_KNOWN[descriptor.full_name]
    elif descriptor.full_name == "google.protobuf.Any":
        building[descriptor] = _any_encoder(descriptor)
    else:
        writer = _Writer(descriptor)
        source = writer.source()
        namespace: dict[str, Any] = {**_HELPERS, **writer.enums}
        exec(compile(source, f"<encoder of {descriptor.full_name}>", "exec"), namespace)  # noqa: S102 - built from checked descriptors alone
        building[descriptor] = namespace["encode"]
        for name, inner in writer.inner.items():
            namespace[name] = _compile(inner, building)
    return building[descriptor]


def _any_encoder(descriptor: Descriptor) -> Encoder:
    pool = descriptor.file.pool

    def encode(message: Any) -> dict[str, Any]:
        url = message.type_url
        if not url and not message.value:
            return {}
        try:
            held = pool.FindMessageTypeByName(url.rpartition("/")[2])
        except KeyError:
            raise ValueError(f"the type {url!r} of an Any is not known") from None
        body = encoder_for(held)(GetMessageClass(held).FromString(message.value))
        if is_wrapper(held) or held.full_name in WELL_KNOWN or held.full_name == "google.protobuf.Any":
            return {"@type": url, "value": body}
        return {"@type": url, **body}

    return encode


class _Writer:
    """Writes the source of one encoder."""

    def __init__(self, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self.enums: dict[str, _EnumNames] = {}
        self.inner: dict[str, Descriptor] = {}

    def source(self) -> str:
        """Returns the text of `encode(m)`; fields keep the order of the contract, so that documents read as the
        contract does.
        """
        if is_wrapper(self.descriptor):
            return f"def encode(m):\n return {self.convert(self.descriptor.fields_by_name['value'], 'm.value')}\n"
        leading: list[str] = []
        lines: list[str] = []
        for field in self.descriptor.fields:
            name, read = repr(field.json_name), self.read(field)
            if field.has_presence:
                lines.append(f" if has({field.name!r}): out[{name}] = {read}")
            elif lines:
                lines.append(f" out[{name}] = {read}")
            else:
                leading.append(f"{name}: {read}")
        display = "{" + ", ".join(leading) + "}"
        if not lines:
            return f"def encode(m):\n return {display}\n"
        return "\n".join(["def encode(m):", f" out = {display}", " has = m.HasField", *lines, " return out", ""])

    def read(self, field: FieldDescriptor) -> str:
        """Returns the expression that reads a field of `m` and converts it."""
        name = field.name
        source = f"m.{name}" if name.isidentifier() and not keyword.iskeyword(name) else f"getattr(m, {name!r})"
        if not field.is_repeated:
            return self.convert(field, source)
        if field.type in _MESSAGES and message_of(field).GetOptions().map_entry:
            entry = message_of(field)
            key, held = entry.fields_by_name["key"], entry.fields_by_name["value"]
            shown = {FieldDescriptor.TYPE_STRING: "k", FieldDescriptor.TYPE_BOOL: "flag[k]"}.get(key.type, "text(k)")
            return f"{{{shown}: {self.convert(held, 'v')} for k, v in {source}.items()}}"
        converted = self.convert(field, "x")
        return f"{source}[:]" if converted == "x" else f"[{converted} for x in {source}]"

    def convert(self, field: FieldDescriptor, source: str) -> str:
        """Returns the expression that converts one value of a field."""
        kind = field.type
        if kind in _MESSAGES:
            return f"{self.encoder(message_of(field))}({source})"
        if kind == FieldDescriptor.TYPE_ENUM:
            return (
                f"{self.names(enum_of(field))}[{source}]"
                if enum_of(field).full_name != "google.protobuf.NullValue"
                else "None"
            )
        if kind in _INT64:
            return f"text({source})"
        if kind == FieldDescriptor.TYPE_BYTES:
            return f"b2a({source}, newline=False).decode()"
        if kind == FieldDescriptor.TYPE_DOUBLE:
            return f"(d if finite(d := {source}) else odd(d))"
        if kind == FieldDescriptor.TYPE_FLOAT:
            return f"single({source})"
        return source

    def encoder(self, descriptor: Descriptor) -> str:
        """Returns the name by which the source calls the encoder of an inner type."""
        for name, known in self.inner.items():
            if known is descriptor:
                return name
        name = f"encode{len(self.inner)}"
        self.inner[name] = descriptor
        return name

    def names(self, enum: EnumDescriptor) -> str:
        """Returns the name by which the source reads the names of an enum; of aliases the first name counts, as
        everywhere.
        """
        name = "enum_" + enum.full_name.replace(".", "_")
        # values_by_number answers the last alias in some runtimes: the declared order decides here
        self.enums[name] = _EnumNames({value.number: value.name for value in reversed(enum.values)})
        return name
