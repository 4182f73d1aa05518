"""PATCH: which fields a request changes, merged into the present state and judged by the contract's field behaviour.

Behaviours are those of google.api.field_behavior: output-only fields are refused where a mask names them, immutable
ones where their value would differ, required ones where nothing would be left.
"""

from __future__ import annotations

from typing import Any, TypeVar

from google.api import field_behavior_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from servicekit.errors import FieldViolation, InvalidArgument

_Message = TypeVar("_Message", bound=Message)
_ETAG = "etag"


def patched(current: _Message, given: _Message, mask: FieldMask, *, prefix: str) -> tuple[_Message, tuple[str, ...]]:
    """Returns the state after the patch and the names of the fields that differ from `current`.

    Without a mask every field that is set is meant; then output-only ones are passed over, as a caller sends back what
    it read. Raises InvalidArgument that names each wrong path.
    """
    paths = _paths(given, mask, prefix)
    merged = type(current)()
    merged.CopyFrom(current)
    FieldMask(paths=paths).MergeMessage(given, merged, True, True)
    fields = [current.DESCRIPTOR.fields_by_name[name] for name in dict.fromkeys(path.split(".")[0] for path in paths)]
    changed = [field for field in fields if _value(merged, field) != _value(current, field)]
    wrong = [
        FieldViolation(f"{prefix}.{field.name}", "FIELD_NOT_WRITABLE", "This field is set once and never changed.")
        for field in changed
        if _behaves(field, field_behavior_pb2.IMMUTABLE)
    ]
    wrong += [required(f"{prefix}.{field.name}") for field in fields if _must(field) and not _value(merged, field)]
    if wrong:
        raise InvalidArgument(violations=wrong)
    return merged, tuple(field.name for field in changed)


def required(path: str) -> FieldViolation:
    """Returns what a caller is told of a field that must not be empty."""
    return FieldViolation(path, "FIELD_REQUIRED", "A value is needed here.")


def _paths(given: Message, mask: FieldMask, prefix: str) -> list[str]:
    descriptor: Any = given.DESCRIPTOR
    if not mask.paths:
        return [
            field.name
            for field, _ in given.ListFields()
            if field.name != _ETAG and not _behaves(field, field_behavior_pb2.OUTPUT_ONLY)
        ]
    wrong, paths = [], []
    for path in mask.paths:
        if path == _ETAG:
            continue
        if not FieldMask(paths=[path]).IsValidForDescriptor(descriptor):
            wrong.append(FieldViolation("update_mask", "FIELD_UNKNOWN", f"There is no field {path[:100]}."))
        elif _behaves(descriptor.fields_by_name[path.split(".")[0]], field_behavior_pb2.OUTPUT_ONLY):
            wrong.append(FieldViolation(f"{prefix}.{path}", "FIELD_NOT_WRITABLE", "This field is set by the service."))
        else:
            paths.append(path)
    if wrong:
        raise InvalidArgument(violations=wrong)
    return paths


def _behaves(field: Any, behaviour: int) -> bool:
    return behaviour in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _must(field: Any) -> bool:
    """Fields that may never be empty: the required ones, and a status, whose zero only means `not stated`."""
    return _behaves(field, field_behavior_pb2.REQUIRED) or field.name == "status"


def _value(message: Message, field: Any) -> Any:
    found = getattr(message, field.name)
    if field.is_repeated:
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        return dict(found) if is_map else list(found)
    if field.message_type is not None:
        return found.SerializeToString(deterministic=True) if message.HasField(field.name) else None
    return found
