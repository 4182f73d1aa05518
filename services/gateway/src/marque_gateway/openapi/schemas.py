"""Component schemas of messages and enums.

A message has up to three schemas, because three truths hold of it: what an answer holds (`Customer`: every field
without presence is there, no rule binds it), what a request may hold (`CustomerInput`: rules, required fields,
nothing unknown, null clears), and what a PATCH may hold (`CustomerPatch`: the same without required fields). The
suffix is left out where a message only ever is a request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from marque_gateway.contracts import Contracts
from marque_gateway.fields import enum_of
from marque_gateway.openapi.constraints import (
    has_behavior,
    is_required,
    item_keywords,
    keywords,
    refuses_unspecified,
    remarks,
)

Mode = Literal["response", "request", "patch"]
Schema = dict[str, Any]

_F = FieldDescriptor
_INT32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
_UINT32 = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**32 - 1}
_INT64 = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}
_UINT64 = {"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"}
_SCALARS: dict[int, Schema] = {
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BYTES: {"type": "string", "format": "byte"},
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_DOUBLE: {"type": "number", "format": "double"},
    _F.TYPE_FLOAT: {"type": "number", "format": "float"},
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32), _INT32),
    **dict.fromkeys((_F.TYPE_UINT32, _F.TYPE_FIXED32), _UINT32),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64), _INT64),
    **dict.fromkeys((_F.TYPE_UINT64, _F.TYPE_FIXED64), _UINT64),
}
_WELL_KNOWN: dict[str, Schema] = {
    "Timestamp": {"type": "string", "format": "date-time"},
    "Duration": {"type": "string", "pattern": "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$"},
    "FieldMask": {"type": "string", "description": "Field paths in lowerCamelCase, joined by commas."},
    "Struct": {"type": "object", "additionalProperties": True},
    "Value": {},
    "ListValue": {"type": "array", "items": {}},
    "Any": {"type": "object", "properties": {"@type": {"type": "string"}}, "additionalProperties": True},
    "Empty": {"type": "object", "additionalProperties": False},
}


class Schemas:
    """Collects the component schemas that operations refer to."""

    def __init__(self, contracts: Contracts, requests: Iterable[Descriptor], responses: Iterable[Descriptor]) -> None:
        self._contracts = contracts
        self._answered = _reachable(responses)
        self._names = _short_names({**_reachable(requests), **self._answered})
        self.components: dict[str, Schema] = {}

    def ref(self, descriptor: Descriptor, mode: Mode, without: frozenset[str] = frozenset()) -> Schema:
        """Returns the schema of a message: a reference, or the form of a well-known type; `without` leaves out top-
        level fields.
        """
        known = well_known(descriptor)
        if known is not None:
            return known
        name = self._names[descriptor.full_name]
        if mode == "patch":
            name += "Patch"
        elif mode == "request" and descriptor.full_name in self._answered:
            name += "Input"
        if name not in self.components:
            self.components[name] = {}  # stands there before its fields, because a message may hold itself
            self.components[name].update(self._message(descriptor, mode, without))
        return {"$ref": f"#/components/schemas/{name}"}

    def enum(self, enum: EnumDescriptor, stated: bool) -> Schema:
        """Returns the reference to an enum; `stated` leaves the zero value out."""
        name = self._names.get(enum.full_name) or _pascal(enum.full_name)
        if stated:
            name += "Stated"
        if name not in self.components:
            values = [value for value in enum.values if value.number or not stated]
            lines = [f"- `{one.name}`: {text}" for one in values if (text := self._value_comment(enum, one.name))]
            comment = self._contracts.comment(enum.full_name)
            self.components[name] = {
                "type": "string",
                "enum": [value.name for value in values],
                "description": "\n".join([comment, "", *lines]).strip(),
            }
        return {"$ref": f"#/components/schemas/{name}"}

    def field(self, field: FieldDescriptor, mode: Mode) -> Schema:
        """Returns the schema of a field's value."""
        ruled = mode != "response"
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = self._single(field.message_type.fields_by_name["value"], mode)
            return {"type": "object", "additionalProperties": value} | (keywords(field) if ruled else {})
        one = self._single(field, mode)
        if field.is_repeated:
            items = _with(one, item_keywords(field)) if ruled else one
            return {"type": "array", "items": items} | (keywords(field) if ruled else {})
        return _with(one, keywords(field)) if ruled else one

    def describe(self, field: FieldDescriptor) -> str:
        """Returns a field's comment with what its rules say in words."""
        return "\n\n".join(filter(None, [self._contracts.comment(field.full_name), *remarks(field)]))

    def _value_comment(self, enum: EnumDescriptor, value: str) -> str:
        # an enum value's full name has the enum's parent in C++ scoping, but the comments are indexed by nesting
        return self._contracts.comment(f"{enum.full_name}.{value}").replace("\n", " ")

    def _single(self, field: FieldDescriptor, mode: Mode) -> Schema:
        if field.message_type is not None:
            return self.ref(field.message_type, "request" if mode == "patch" else mode)
        if field.type == _F.TYPE_ENUM:
            enum = enum_of(field)
            if enum.full_name == "google.protobuf.NullValue":
                return {"type": "null"}
            return self.enum(enum, mode != "response" and not field.is_repeated and refuses_unspecified(field))
        return dict(_SCALARS[field.type])

    def _message(self, descriptor: Descriptor, mode: Mode, without: frozenset[str]) -> Schema:
        schema: Schema = {"type": "object"}
        if comment := self._contracts.comment(descriptor.full_name):
            schema["description"] = comment
        properties: dict[str, Schema] = {}
        required: list[str] = []
        for field in descriptor.fields:
            if field.name in without:
                continue
            if _always_there(field) if mode == "response" else mode == "request" and is_required(field):
                required.append(field.json_name)
            properties[field.json_name] = self._property(
                field, mode, nullable=mode != "response" and not is_required(field)
            )
        if properties:
            schema["properties"] = properties
        if required:
            schema["required"] = required
        if mode != "response":
            schema["additionalProperties"] = False
        return schema

    def _property(self, field: FieldDescriptor, mode: Mode, nullable: bool) -> Schema:
        schema = self.field(field, mode)
        if nullable and schema:
            schema = _or_null(schema)
        if description := self.describe(field):
            schema = {**schema, "description": description}
        if has_behavior(field, "OUTPUT_ONLY"):
            schema = {**schema, "readOnly": True}
        if field.GetOptions().deprecated:
            schema = {**schema, "deprecated": True}
        return schema


def well_known(descriptor: Descriptor) -> Schema | None:
    """Returns the schema of a well-known type; None for a message of the contracts."""
    if descriptor.file.name == "google/protobuf/wrappers.proto":
        return dict(_SCALARS[descriptor.fields_by_name["value"].type])
    if descriptor.file.package == "google.protobuf" and descriptor.name in _WELL_KNOWN:
        return dict(_WELL_KNOWN[descriptor.name])
    return None


def _always_there(field: FieldDescriptor) -> bool:
    """Tells whether every answer holds the field: defaults are printed where a field has no presence."""
    null = field.enum_type is not None and field.enum_type.full_name == "google.protobuf.NullValue"
    return not field.has_presence and not null


def _with(schema: Schema, more: Schema) -> Schema:
    """Adds keywords to a schema; beside a reference they stand in an allOf, which every reader of 3.0 and 3.1
    understands.
    """
    if not more:
        return schema
    return {"allOf": [schema, more]} if "$ref" in schema else {**schema, **more}


def _or_null(schema: Schema) -> Schema:
    if schema.get("type") == "null":
        return schema
    if isinstance(schema.get("type"), str) and not schema.keys() & {"enum", "const", "anyOf"}:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _reachable(roots: Iterable[Descriptor]) -> dict[str, Descriptor | EnumDescriptor]:
    """Returns the messages and enums that the given ones hold, themselves too, by full name."""
    found: dict[str, Descriptor | EnumDescriptor] = {}
    waiting = list(roots)
    while waiting:
        descriptor = waiting.pop()
        if descriptor.full_name in found:
            continue
        found[descriptor.full_name] = descriptor
        for field in descriptor.fields:
            if field.message_type is not None:
                waiting.append(field.message_type)
            elif field.enum_type is not None:
                found[field.enum_type.full_name] = field.enum_type
    return found


def _short_names(types: dict[str, Descriptor | EnumDescriptor]) -> dict[str, str]:
    """Names types without their package; where that is not unique, all that share a name take the package's service
    in front.
    """
    short = {name: _pascal(name.removeprefix(f"{one.file.package}.")) for name, one in types.items()}
    taken = list(short.values())
    return {
        name: brief if taken.count(brief) == 1 else _pascal(types[name].file.package.removeprefix("marque.")) + brief
        for name, brief in short.items()
    }


def _pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.replace("_", ".").split("."))
