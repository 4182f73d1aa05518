"""Which fields a JSON document names: the update mask of a PATCH that states none."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from marque_gateway.fields import message_of


def present_paths(descriptor: Descriptor, document: Any) -> list[str]:
    """Returns the proto field paths that a decoded and accepted JSON object names, in its order, a cleared (null)
    field too.

    A singular message is entered, so that `{"address": {"city": "…"}}` changes the city alone; lists, maps,
    well-known types and the value types of google.type (a date, an amount) are replaced whole. An empty object names
    its own field.
    """
    paths: list[str] = []
    _collect(descriptor, document, "", paths)
    return paths


def _collect(descriptor: Descriptor, document: dict[str, Any], prefix: str, paths: list[str]) -> None:
    by_json_name = {field.json_name: field for field in descriptor.fields}
    for key, value in document.items():
        field = by_json_name.get(key) or descriptor.fields_by_name[key]
        path = f"{prefix}{field.name}"
        if isinstance(value, dict) and value and _entered(field):
            _collect(message_of(field), value, f"{path}.", paths)
        else:
            paths.append(path)


def _entered(field: FieldDescriptor) -> bool:
    if field.is_repeated or field.message_type is None:
        return False
    return not field.message_type.file.package.startswith(("google.protobuf", "google.type"))
