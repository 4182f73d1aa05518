"""Requests with markers in them, made from the contract: for every RPC one for each text field, and one with all of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from marque.options.v1 import options_pb2

from servicekit.contract import Method
from servicekit.testing.markers.words import Markers

PERSONAL = frozenset(
    {
        options_pb2.DATA_CLASS_IDENTITY,
        options_pb2.DATA_CLASS_CONTACT,
        options_pb2.DATA_CLASS_PROFILE,
        options_pb2.DATA_CLASS_NARRATIVE,
    }
)
# What the caller makes up for the platform's own use, and is told to hold nothing personal: ids, tokens, versions, masks.
TECHNICAL = frozenset({"request_id", "page_token", "etag", "update_mask", "order_by"})
_DEPTH = 4


@dataclass(frozen=True)
class Leaf:
    """A text field of a request: the way to it, and whether the contract calls it personal."""

    path: tuple[str, ...]
    field: Any
    personal: bool

    @property
    def name(self) -> str:
        """As people write it."""
        return ".".join(self.path)


def leaves(message: Descriptor, before: tuple[str, ...] = (), personal: bool = False) -> Iterator[Leaf]:
    """Yields the text fields of a message, through its parts."""
    for field in message.fields:
        if field.name in TECHNICAL:
            continue
        own = personal or field.GetOptions().Extensions[options_pb2.data_class] in PERSONAL
        path = (*before, field.name)
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.type == FieldDescriptor.TYPE_STRING:
            yield Leaf(path, field, own)
        elif (
            field.message_type is not None
            and len(path) < _DEPTH
            and field.message_type.full_name.startswith(("marque.", "google.type.PostalAddress"))
            and not field.message_type.GetOptions().map_entry
        ):
            yield from leaves(field.message_type, path, own)


def values(leaf: Leaf, markers: Markers, where: str) -> list[Any]:
    """Returns what is planted in a field: what fits, by its name, and what does not."""
    name = leaf.field.name
    place = f"{where} {leaf.name}"
    if "email" in name:
        return [markers.email(place), markers.text(place)]
    if "phone" in name:
        return [markers.phone(place), markers.text(place)]
    if name in ("value", "query", "address", "contact"):
        return [markers.phone(place), markers.email(place), markers.text(place)]
    return [markers.text(place), markers.word(place)]


def planted(method: Method, base: Any, markers: Markers) -> Iterator[tuple[Leaf, Any]]:
    """Yields requests, each with one field more than the valid `base`; of a stream it is the last message that is changed."""
    for leaf in leaves(method.input.DESCRIPTOR):
        for value in values(leaf, markers, method.path):
            yield leaf, put(method, base, leaf, value)


def put(method: Method, base: Any, leaf: Leaf, value: Any) -> Any:
    """Returns a copy of a request with a value in a field; the mask of a change names it, and a stale etag goes."""
    made = copy.deepcopy(base)
    parts = made if isinstance(made, list) else [made]
    part = next((one for one in reversed(parts) if leaf.path[0] in one), parts[-1])
    fresh(made)
    _set(part, method.input.DESCRIPTOR, leaf.path, value)
    if "update_mask" in part and len(leaf.path) > 1:
        part["update_mask"] = _mask(method, leaf)
    return made


def fresh(request: Any) -> Any:
    """Takes the etag out of a fixture's request, by which it would stop short of changing anything."""
    for part in request if isinstance(request, list) else [request]:
        part.pop("etag", None)
        for value in part.values():
            if isinstance(value, dict):
                value.pop("etag", None)
    return request


def _mask(method: Method, leaf: Leaf) -> str:
    resource = method.input.DESCRIPTOR.fields_by_name[leaf.path[0]].message_type
    name: str = resource.fields_by_name[leaf.path[1]].json_name
    return name


def _set(part: dict[str, Any], message: Descriptor, path: tuple[str, ...], value: Any) -> None:
    """Sets a field, making what is above it: an element of a list gets its first kind, where it has kinds."""
    field = message.fields_by_name[path[0]]
    if len(path) == 1:
        part[field.name] = [value] if field.is_repeated else value
        return
    below = part.get(field.name)
    if field.is_repeated:
        element = copy.deepcopy(below[0]) if below else _kinds(field.message_type, value)
        part[field.name] = [element]
    else:
        element = below if isinstance(below, dict) else {}
        part[field.name] = element
    _set(element, field.message_type, path[1:], value)


def _kinds(message: Descriptor, value: Any) -> dict[str, Any]:
    """The enums of a new element, each at its first value; a contact's kind by what is planted."""
    made: dict[str, Any] = {}
    for field in message.fields:
        if field.enum_type is not None and not field.is_repeated:
            names = [one.name for one in field.enum_type.values if one.number]
            fitting = [name for name in names if name.endswith(("_EMAIL",)) and "@" in str(value)]
            made[field.name] = (fitting or names)[0]
    return made
