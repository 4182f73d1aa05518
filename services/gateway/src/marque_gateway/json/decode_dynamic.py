"""Reading of the well-known types that hold any JSON, or a type that the document names."""

from __future__ import annotations

from typing import Any

from google.protobuf.message_factory import GetMessageClass

from marque_gateway.json.decode_wellknown import WELL_KNOWN_TEXTS
from marque_gateway.json.run import Fill, Run, items_of, shown_key
from marque_gateway.json.scalars import Refused, text, wrong_type


def _fill_value(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
    if value is None:
        message.null_value = 0
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, str):
        message.string_value = text(value)
    elif isinstance(value, int | float):
        try:
            message.number_value = float(value)
        except OverflowError:
            raise Refused("OUT_OF_RANGE", "is outside the range of a number") from None
    elif isinstance(value, dict):
        message.struct_value.SetInParent()
        run.fill_of(message.struct_value)(message.struct_value, value, path, depth + 1, run)
    elif isinstance(value, list):
        message.list_value.SetInParent()
        run.fill_of(message.list_value)(message.list_value, value, path, depth + 1, run)
    else:
        raise wrong_type("a JSON value", value)


def _fill_struct(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
    if type(value) is not dict:
        raise wrong_type("an object", value)
    message.Clear()
    for key, item in value.items():
        place = f"{path}.{shown_key(key)}" if path else shown_key(key)
        try:
            held = message.fields[text(key)]
        except Refused as refused:
            run.refuse(place, refused)
        else:
            run.fill_of(held)(held, item, place, depth + 1, run)


def _fill_list(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
    message.ClearField("values")
    for index, item in enumerate(items_of(value)):
        held = message.values.add()
        run.fill_of(held)(held, item, f"{path}[{index}]", depth + 1, run)


def _fill_any(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
    if type(value) is not dict:
        raise wrong_type("an object", value)
    if not value:
        return
    url = value.get("@type")
    if not isinstance(url, str):
        raise Refused("INVALID_ANY", "must name its type in @type")
    try:
        descriptor = message.DESCRIPTOR.file.pool.FindMessageTypeByName(url.rpartition("/")[2])
    except KeyError:
        raise Refused("INVALID_ANY", "names a type that is not known") from None
    held = GetMessageClass(descriptor)()
    body = {key: item for key, item in value.items() if key != "@type"}
    if (
        descriptor.full_name in WELL_KNOWN_TEXTS
        or descriptor.full_name in DYNAMIC
        or descriptor.file.name == "google/protobuf/wrappers.proto"
    ):
        if set(body) != {"value"}:
            raise Refused("INVALID_ANY", "must hold its content in value and nothing else")
        run.fill_of(held)(held, body["value"], f"{path}.value" if path else "value", depth + 1, run)
    else:
        run.fill_of(held)(held, body, path, depth, run)
    message.value = held.SerializeToString()
    message.type_url = url


DYNAMIC: dict[str, Fill] = {
    "google.protobuf.Value": _fill_value,
    "google.protobuf.Struct": _fill_struct,
    "google.protobuf.ListValue": _fill_list,
    "google.protobuf.Any": _fill_any,
}
"""Readers of the types that hold any JSON, by full name."""
