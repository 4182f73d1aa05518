"""Validation rules (buf.validate) and field behaviour as JSON Schema keywords.

Only what JSON Schema can say is said; the rest (CEL) goes into the description in the rule's own words.
"""

from __future__ import annotations

from typing import Any

from buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor

_FORMATS = {"email": "email", "uuid": "uuid", "uri": "uri", "hostname": "hostname", "ipv4": "ipv4", "ipv6": "ipv6"}
_NUMBERS = (
    "float",
    "double",
    "int32",
    "int64",
    "uint32",
    "uint64",
    "sint32",
    "sint64",
    "fixed32",
    "fixed64",
    "sfixed32",
    "sfixed64",
)
_TEXT_NUMBERS = {"int64", "uint64", "sint64", "fixed64", "sfixed64"}
_IGNORE: Any = validate_pb2.DESCRIPTOR.enum_types_by_name["Ignore"].values_by_name
_IGNORE_ALWAYS: int = _IGNORE["IGNORE_ALWAYS"].number
_IGNORE_IF_ZERO: int = _IGNORE["IGNORE_IF_ZERO_VALUE"].number
_BOUNDS = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def rules_of(field: FieldDescriptor) -> Any:
    """Returns the FieldRules of a field, empty where it has none."""
    return field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[attr-defined]


def has_behavior(field: FieldDescriptor, name: str) -> bool:
    """Tells whether a field carries a behaviour such as REQUIRED or OUTPUT_ONLY."""
    wanted = field_behavior_pb2.FieldBehavior.Value(name)
    return wanted in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def is_required(field: FieldDescriptor) -> bool:
    """Tells whether a request is refused without the field."""
    return has_behavior(field, "REQUIRED") or bool(rules_of(field).required)


def refuses_unspecified(field: FieldDescriptor) -> bool:
    """Tells whether an enum field must be one of the stated values."""
    rules = rules_of(field)
    return is_required(field) or (rules.WhichOneof("type") == "enum" and 0 in rules.enum.not_in)


def keywords(field: FieldDescriptor) -> dict[str, Any]:
    """Returns the schema keywords of a field's own value; of a repeated field those of the list."""
    rules = rules_of(field)
    if rules.ignore == _IGNORE_ALWAYS:
        return {}
    found = _of_type(rules)
    if rules.ignore == _IGNORE_IF_ZERO and not field.has_presence:
        return _zero_allowed(found)
    return {**_not_empty(field), **found} if rules.required else found


def _not_empty(field: FieldDescriptor) -> dict[str, Any]:
    """Without presence, a required field is one that is not empty."""
    if field.has_presence:
        return {}
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {"minProperties": 1}
    if field.is_repeated:
        return {"minItems": 1}
    return {"minLength": 1} if field.type == FieldDescriptor.TYPE_STRING else {}


def item_keywords(field: FieldDescriptor) -> dict[str, Any]:
    """Returns the keywords of a repeated field's items."""
    rules = rules_of(field)
    return _of_type(rules.repeated.items) if rules.WhichOneof("type") == "repeated" else {}


def remarks(field: FieldDescriptor) -> list[str]:
    """Returns what the rules say beyond JSON Schema, in their own words."""
    return [rule.message for rule in rules_of(field).cel if rule.message]


def _of_type(rules: Any) -> dict[str, Any]:
    kind = rules.WhichOneof("type")
    if kind == "string":
        return _text(rules.string)
    if kind in _NUMBERS and kind not in _TEXT_NUMBERS:
        return _number(getattr(rules, kind))
    if kind == "repeated":
        return _pick(rules.repeated, {"min_items": "minItems", "max_items": "maxItems"}, unique="uniqueItems")
    if kind == "map":
        return _pick(rules.map, {"min_pairs": "minProperties", "max_pairs": "maxProperties"})
    return {}


def _pick(rules: Any, names: dict[str, str], unique: str | None = None) -> dict[str, Any]:
    found = {keyword: getattr(rules, name) for name, keyword in names.items() if rules.HasField(name)}
    if unique and rules.unique:
        found[unique] = True
    return found


def _text(rules: Any) -> dict[str, Any]:
    found = _pick(rules, {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern", "const": "const"})
    if rules.HasField("len"):
        found |= {"minLength": rules.len, "maxLength": rules.len}
    known = rules.WhichOneof("well_known")
    if known in _FORMATS and getattr(rules, known):
        found["format"] = _FORMATS[known]
    if getattr(rules, "in"):
        found["enum"] = list(getattr(rules, "in"))
    return found


def _number(rules: Any) -> dict[str, Any]:
    found: dict[str, Any] = {keyword: getattr(rules, name) for name, keyword in _BOUNDS.items() if rules.HasField(name)}
    if rules.HasField("const"):
        found["const"] = rules.const
    if getattr(rules, "in"):
        found["enum"] = list(getattr(rules, "in"))
    return found


def _zero_allowed(found: dict[str, Any]) -> dict[str, Any]:
    """Lets the empty value through, which a rule with IGNORE_IF_ZERO_VALUE does not look at."""
    if "pattern" in found or "format" in found or found.get("minLength") or "enum" in found or "const" in found:
        return {"anyOf": [{"maxLength": 0}, found]} if not _numeric(found) else {"anyOf": [{"const": 0}, found]}
    if _numeric(found) and (found.get("minimum", 0) > 0 or "exclusiveMinimum" in found or found.get("maximum", 0) < 0):
        return {"anyOf": [{"const": 0}, found]}
    return {key: value for key, value in found.items() if key not in ("minItems", "minProperties")}


def _numeric(found: dict[str, Any]) -> bool:
    values = (*found.get("enum", ()), found.get("const"))
    return any(isinstance(value, int | float) for value in values) or bool(found.keys() & set(_BOUNDS.values()))
