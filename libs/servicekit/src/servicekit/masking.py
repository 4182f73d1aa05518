"""Withholding fields: a field whose kind of data the caller may not see is absent, and named in `masked_fields`.

Plans are compiled once per message type from the contract's `data_class` options, nested messages included.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor
from marque.options.v1 import options_pb2

from servicekit import contract
from servicekit.rpc.call import Call

MASKED_FIELDS = "masked_fields"
PERSONAL = frozenset(
    {
        options_pb2.DATA_CLASS_IDENTITY,
        options_pb2.DATA_CLASS_CONTACT,
        options_pb2.DATA_CLASS_PROFILE,
    }
)


@cache
def _own(full_name: str) -> tuple[tuple[str, int], ...]:
    """The classified fields of a message itself: (name, data class)."""
    descriptor = contract.message(full_name).DESCRIPTOR
    found = ((field.name, field.GetOptions().Extensions[options_pb2.data_class]) for field in descriptor.fields)
    return tuple((name, kind) for name, kind in found if kind)


@cache
def _below(full_name: str) -> tuple[tuple[str, bool], ...]:
    """The fields of a message that lead to messages with classified fields: (name, repeated)."""
    descriptor = contract.message(full_name).DESCRIPTOR
    found = []
    for field in descriptor.fields:
        part = part_of(field)
        if part is not None and kinds(part.full_name):
            found.append((field.name, field.is_repeated))
    return tuple(found)


@cache
def kinds(full_name: str) -> frozenset[int]:
    """The kinds of data that a message holds, at any depth; a message may hold messages of its own type."""
    found: set[int] = set()
    known, waiting = {full_name}, [full_name]
    while waiting:
        name = waiting.pop()
        found.update(kind for _, kind in _own(name))
        parts = (part_of(field) for field in contract.message(name).DESCRIPTOR.fields)
        fresh = {part.full_name for part in parts if part is not None} - known
        known |= fresh
        waiting += fresh
    return frozenset(found)


def part_of(field: Any) -> Descriptor | None:
    """The message of ours that a field holds, a map by its values; None for other fields."""
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        kind = kind.fields_by_name["value"].message_type
    return kind if kind is not None and kind.full_name.startswith("marque.") else None


def mask(message: Any, visible: frozenset[int]) -> None:
    """Clears every field of a kind not in `visible`, in place, and names it in the nearest `masked_fields` above it.

    It is named whether or not it was set: that there is a phone number at all is nobody's business who may not see it.
    """
    _mask(message, visible, message, "")


def _mask(message: Any, visible: frozenset[int], owner: Any, prefix: str) -> None:
    full_name = message.DESCRIPTOR.full_name
    if MASKED_FIELDS in message.DESCRIPTOR.fields_by_name:
        owner, prefix = message, ""
    for name, kind in _own(full_name):
        if kind not in visible:
            message.ClearField(name)
            path = prefix + name
            if MASKED_FIELDS in owner.DESCRIPTOR.fields_by_name and path not in owner.masked_fields:
                owner.masked_fields.append(path)
    for name, repeated in _below(full_name):
        if repeated:
            parts = getattr(message, name)
            for part in parts.values() if hasattr(parts, "values") else parts:
                _mask(part, visible, owner, f"{prefix}{name}.")
        elif message.HasField(name):
            _mask(getattr(message, name), visible, owner, f"{prefix}{name}.")


@cache
def personal_fields(full_name: str) -> tuple[str, ...]:
    """Returns the names of a message's own fields that hold personal data, for the audit of reads."""
    return tuple(name for name, kind in _own(full_name) if kind in PERSONAL)


def show(call: Call, resource: Any, resource_type: str, resource_id: str, visible: frozenset[int]) -> Any:
    """Masks a resource for a caller and notes which personal fields were shown. Returns the resource."""
    mask(resource, visible)
    shown = tuple(name for name, kind in _own(resource.DESCRIPTOR.full_name) if kind in PERSONAL and kind in visible)
    if shown and not call.principal.is_service:
        call.saw(resource_type, resource_id, shown)
    return resource


def hides(descriptor: Any, path: list[str], visible: frozenset[int]) -> bool:
    """Tells whether a path leads to, through or around a field of a kind not in `visible`."""
    field = descriptor.fields_by_name.get(path[0])
    if field is None:
        return False
    kind = field.GetOptions().Extensions[options_pb2.data_class]
    if kind and kind not in visible:
        return True
    part = part_of(field)
    if part is None:
        return False
    return hides(part, path[1:], visible) if path[1:] else bool(kinds(part.full_name) - visible)
