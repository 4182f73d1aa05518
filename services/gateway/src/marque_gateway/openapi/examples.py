"""Example values: a curated one where there is one, else one that the field's rules allow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from marque_gateway.fields import enum_of
from marque_gateway.openapi.constraints import has_behavior, is_required, item_keywords, keywords, rules_of

CURATED: Mapping[str, Any] = {
    "page_size": 20,
    "page_token": "",
    "next_page_token": "",
    "vin": "LSVNV2182E2100001",
    "display_name": "Li Wei",
    "family_name": "Li",
    "given_name": "Wei",
    "email": "li.wei@example.com",
    "phone": "+8613800138000",
    "city": "Shanghai",
    "country": "CN",
    "region_code": "CN",
    "currency_code": "CNY",
    "etag": "5f1c",
    "language": "zh-CN",
    "time_zone": "Asia/Shanghai",
}
"""Examples by field name, or by full name where one name means several things."""

_BY_FORMAT = {
    "uuid": "019a7f2e-6b1c-7d3e-8f00-5a1b2c3d4e5f",
    "email": "li.wei@example.com",
    "uri": "https://example.com/a",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
_BY_TYPE = {
    "google.protobuf.Timestamp": "2024-05-01T08:30:00Z",
    "google.protobuf.Duration": "3600s",
    "google.protobuf.FieldMask": "displayName",
    "google.protobuf.Struct": {},
    "google.protobuf.ListValue": [],
    "google.type.Date": {"year": 2024, "month": 5, "day": 1},
    "google.type.Money": {"currencyCode": "CNY", "units": "199", "nanos": 0},
    "google.type.LatLng": {"latitude": 31.2304, "longitude": 121.4737},
}
_CANDIDATES = (
    "text",
    "example",
    "EXAMPLE",
    "A1",
    "A",
    "a1",
    "1",
    "CN",
    "zh-CN",
    "08:30",
    "2024-05-01",
    "#a1b2c3",
    "a.b.c",
    "text.example",
    "a1b2c3d4" * 8,
    "123456",
    "P0420",  # a code of a car's on-board diagnosis
    "2026-03",  # a month
)
_MAX_DEPTH = 4


class Examples:
    """Makes examples; `curated` is looked up by full name first, then by the field's name."""

    def __init__(self, curated: Mapping[str, Any] | None = None) -> None:
        self._curated = {**CURATED, **(curated or {})}

    def message(
        self, descriptor: Descriptor, *, response: bool, without: frozenset[str] = frozenset(), depth: int = 0
    ) -> Any:
        """Returns an example of a message as JSON: of an answer all fields, of a request those that a caller states."""
        if descriptor.full_name in self._curated:
            return self._curated[descriptor.full_name]
        if descriptor.full_name in _BY_TYPE:
            return _BY_TYPE[descriptor.full_name]
        shown: dict[str, Any] = {}
        chosen: set[str] = set()
        for field in descriptor.fields:
            if field.name in without or (not response and has_behavior(field, "OUTPUT_ONLY")):
                continue
            oneof = field.containing_oneof
            if oneof is not None and oneof.name in chosen:
                continue
            value = self.field(field, response=response, depth=depth)
            if value is not None and (response or is_required(field) or field.name in self._curated or depth == 0):
                shown[field.json_name] = value
                chosen.add(oneof.name if oneof is not None else "")
        return shown

    def field(self, field: FieldDescriptor, *, response: bool, depth: int = 0) -> Any:
        """Returns an example of a field's value; None where no valid one is known."""
        if field.full_name in self._curated:
            return self._curated[field.full_name]
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            held = field.message_type.fields_by_name["value"]  # what may not be empty is a text by language
            return {"en": self._single(held, response, depth)} if keywords(field).get("minProperties") else {}
        one = self._single(field, response, depth)
        if not field.is_repeated:
            return one
        return [one] if one is not None else ([] if not keywords(field).get("minItems") else None)

    def _single(self, field: FieldDescriptor, response: bool, depth: int) -> Any:
        kind = field.message_type
        if kind is not None:
            if kind.file.name == "google/protobuf/wrappers.proto":
                return self._scalar(kind.fields_by_name["value"], {})
            if depth >= _MAX_DEPTH or kind.full_name in ("google.protobuf.Any", "google.protobuf.Value"):
                return None
            return self.message(kind, response=response, depth=depth + 1)
        return self._scalar(field, item_keywords(field) if field.is_repeated else keywords(field))

    def _scalar(self, field: FieldDescriptor, rules: dict[str, Any]) -> Any:
        rules = rules["anyOf"][-1] if "anyOf" in rules else rules
        if field.type == FieldDescriptor.TYPE_ENUM:
            refused = rules_of(field).enum.not_in
            names = [value.name for value in enum_of(field).values if value.number and value.number not in refused]
            return names[0] if names else None
        if "const" in rules:
            return rules["const"]
        if "enum" in rules:
            return rules["enum"][0]
        if field.type == FieldDescriptor.TYPE_STRING:
            return self._text(field, rules)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return "YQ=="
        if field.type == FieldDescriptor.TYPE_BOOL:
            return True
        if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
            return float(_within(rules, 1.5))
        number = int(_within(rules, self._curated.get(field.name, 1)))
        return (
            str(number) if field.cpp_type in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64) else number
        )

    def _text(self, field: FieldDescriptor, rules: dict[str, Any]) -> str | None:
        stated = [str(one) for one in getattr(rules_of(field).string, "example", ())]
        curated = self._curated.get(field.name)
        by_format = _BY_FORMAT.get(rules.get("format", ""), _BY_FORMAT["uuid"] if field.name.endswith("_id") else None)
        for text in (*stated, curated, by_format, *_CANDIDATES, "a" * rules.get("minLength", 0)):
            if isinstance(text, str) and _allowed(text, rules):
                return text
        return None


def _allowed(text: str, rules: dict[str, Any]) -> bool:
    if not rules.get("minLength", 0) <= len(text) <= rules.get("maxLength", 10**9):
        return False
    if "format" in rules and text != _BY_FORMAT.get(rules["format"]):
        return False
    try:
        return "pattern" not in rules or re.search(rules["pattern"], text) is not None
    except re.error:  # RE2 knows forms that Python does not
        return False


def _within(rules: dict[str, Any], wanted: Any) -> Any:
    low = rules.get("minimum", rules["exclusiveMinimum"] + 1 if "exclusiveMinimum" in rules else wanted)
    high = rules.get("maximum", rules["exclusiveMaximum"] - 1 if "exclusiveMaximum" in rules else wanted)
    return max(low, min(high, wanted)) if low <= high else low
