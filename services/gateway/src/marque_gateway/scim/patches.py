"""PATCH as real providers write it: what differs from RFC 7644 is put right before the library reads it."""

from __future__ import annotations

import re
from typing import Any

import orjson
from scim2_models import InvalidSyntaxException
from servicekit.ids import is_uuid

_BOOLEANS = {"true": True, "false": False}
_MEMBER = re.compile(r'members\[value eq "([0-9a-fA-F-]{36})"\]', re.IGNORECASE)


def tolerated(data: bytes) -> dict[str, Any]:
    """Returns the body of a PATCH. Microsoft Entra ID writes booleans and a manager's id as bare texts, and operations in capitals."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise InvalidSyntaxException(detail="the body is not JSON") from None
    if not isinstance(document, dict):
        raise InvalidSyntaxException(detail="the body is not an object")
    operations = document.get("Operations", document.get("operations"))
    for operation in operations if isinstance(operations, list) else []:
        if isinstance(operation, dict) and "value" in operation:
            operation["value"] = _value(str(operation.get("path") or ""), operation["value"])
    return document


def _value(path: str, value: Any) -> Any:
    name = path.rpartition(":")[2].rpartition(".")[2].lower()
    if name in ("active", "primary") and isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    if name == "manager" and isinstance(value, str):
        return {"value": value}
    if isinstance(value, dict):
        return {key: _value(key, found) for key, found in value.items()}
    return value


def membership_only(document: dict[str, Any]) -> tuple[list[str], list[str]] | None:
    """Returns who comes and who goes where that is all that a PATCH of a group says; None for anything else."""
    come: dict[str, None] = {}
    gone: dict[str, None] = {}
    for operation in document.get("Operations", document.get("operations")) or ():
        kind, path = str(operation.get("op", "")).lower(), str(operation.get("path") or "")
        found = _ids(operation.get("value"))
        if kind == "add" and path.lower() == "members" and found:
            come.update(dict.fromkeys(found))
            for one in found:
                gone.pop(one, None)
        elif kind == "remove" and (named := _removed(path, found)):
            gone.update(dict.fromkeys(named))
            for one in named:
                come.pop(one, None)
        else:
            return None
    return list(come), list(gone)


def _removed(path: str, found: list[str]) -> list[str]:
    if path.lower() == "members":
        return found
    named = _MEMBER.fullmatch(path)
    return [named[1].lower()] if named and is_uuid(named[1]) else []


def _ids(value: Any) -> list[str]:
    """The ids of a list of members; nothing where one of them is none."""
    given = value if isinstance(value, list) else [value]
    found = [str(one.get("value", "")).lower() for one in given if isinstance(one, dict)]
    return found if len(found) == len(given) and all(is_uuid(one) for one in found) else []
