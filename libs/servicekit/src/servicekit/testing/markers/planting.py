"""Requests with markers in them, made from the contract: for every RPC one for each text field, and one with all of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from buf.validate import validate_pb2
from google.api import field_behavior_pb2
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
_ROOM, _LONG = 11, 20  # characters that a word takes, and a text
# What an element of a list needs beside the field that is planted, to be taken.
COMPANIONS: dict[str, dict[str, Any]] = {
    "marque.customer.v1.ContactPoint": {
        "kind": "CONTACT_POINT_KIND_MESSAGING",
        "provider": "wechat",
        "value": "companion",
    },
    "marque.customer.v1.CustomerAddress": {"address": {"country_code": "CN", "city": "Suzhou"}},
    "marque.network.v1.VisitTopic": {"title": "Stock"},
    "marque.network.v1.VisitAction": {"title": "Train", "due_date": {"year": 2027, "month": 3, "day": 5}},
}


@dataclass(frozen=True)
class Leaf:
    """A text field of a request: the way to it, and whether the contract calls it personal."""

    path: tuple[str, ...]
    field: Any
    personal: bool
    written: bool = True

    @property
    def carries(self) -> bool:
        """Whether a caller can write a marker there: no field of answers only, no id, no code of a few letters."""
        rules = _rules(self.field)
        return self.written and not rules.uuid and not 0 < rules.max_len < _ROOM and self.field.name != "country_code"

    @property
    def name(self) -> str:
        """As people write it."""
        return ".".join(self.path)


def _rules(field: Any) -> Any:
    return field.GetOptions().Extensions[validate_pb2.field].string


def leaves(
    message: Descriptor, before: tuple[str, ...] = (), personal: bool = False, written: bool = True
) -> Iterator[Leaf]:
    """Yields the text fields of a message, through its parts."""
    for field in message.fields:
        if field.name in TECHNICAL:
            continue
        behaviour = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        ours = written and field_behavior_pb2.OUTPUT_ONLY not in behaviour
        own = personal or field.GetOptions().Extensions[options_pb2.data_class] in PERSONAL
        path = (*before, field.name)
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.type == FieldDescriptor.TYPE_STRING:
            yield Leaf(path, field, own, ours)
        elif (
            field.message_type is not None
            and len(path) < _DEPTH
            and field.message_type.full_name.startswith(("marque.", "google.type.PostalAddress"))
            and not field.message_type.GetOptions().map_entry
        ):
            yield from leaves(field.message_type, path, own, ours)


def values(leaf: Leaf, markers: Markers, where: str) -> list[Any]:
    """Returns what is planted in a field: what fits, by its name, and what does not."""
    name = leaf.field.name
    place = f"{where} {leaf.name}"
    if "email" in name:
        return [markers.email(place), markers.text(place)]
    if "phone" in name or name == "fax":
        return [markers.phone(place).replace(" ", ""), markers.phone(place), markers.text(place)]
    if name in ("value", "query", "address", "contact"):
        return [markers.email(place), markers.phone(place), markers.text(place)]
    if name in ("source", "provider"):
        return [markers.word(place).lower(), markers.text(place)]
    if 0 < _rules(leaf.field).max_len < _LONG:
        return [markers.word(place), markers.text(place)]
    return [markers.text(place), markers.word(place)]


def together(
    method: Method, make: Callable[[], Any], markers: Markers, leave_out: tuple[str, ...] = ()
) -> tuple[list[Leaf], Any]:
    """Returns the personal fields that can carry a marker, and one request with all of them: a verb is often taken only once."""
    every = leaves(method.input.DESCRIPTOR)
    asked = [leaf for leaf in every if leaf.personal and leaf.carries and not leaf.name.startswith(leave_out)]
    made, masks = make(), set()
    for leaf in asked:
        made = put(method, made, leaf, values(leaf, markers, method.path)[0])
        masks |= {_mask(method, leaf)} if len(leaf.path) > 1 else set()
    for part in made if isinstance(made, list) else [made]:
        if "update_mask" in part:
            part["update_mask"] = ",".join(sorted(masks))
    return asked, made


def planted(method: Method, make: Callable[[], Any], markers: Markers) -> Iterator[tuple[Leaf, Any]]:
    """Yields requests, each a new valid one of `make` with one field more; of a stream it is the last message that is changed."""
    for leaf in leaves(method.input.DESCRIPTOR):
        every = values(leaf, markers, method.path)
        for value in every if leaf.personal else every[:1]:
            yield leaf, put(method, make(), leaf, value)


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
    """Takes every etag out of a fixture's request, by which it would stop short of changing anything."""
    if isinstance(request, list):
        for part in request:
            fresh(part)
    elif isinstance(request, dict):
        request.pop("etag", None)
        for value in request.values():
            fresh(value)
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
        element = copy.deepcopy(below[0]) if below else _element(field.message_type, path[1], value)
        part[field.name] = [element]
    else:
        element = below if isinstance(below, dict) else {}
        part[field.name] = element
    _set(element, field.message_type, path[1:], value)


def _element(message: Descriptor, planted_in: str, value: Any) -> dict[str, Any]:
    """A new element as it needs to be: each enum at its first value and its companions; a contact's kind by what is planted."""
    made: dict[str, Any] = {}
    for field in message.fields:
        if field.enum_type is not None and not field.is_repeated:
            names = [one.name for one in field.enum_type.values if one.number]
            fitting = [name for name in names if name.endswith(("_EMAIL",)) and "@" in str(value)]
            made[field.name] = (fitting or names)[0]
    if planted_in == "value":
        return made
    return {**made, **copy.deepcopy(COMPANIONS.get(message.full_name, {}))}
