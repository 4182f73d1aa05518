"""Whether two doors say the same: a yardstick that answers less would be no yardstick."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_OWN = ("nextPageToken",)  # opaque: each door's own


class Different(AssertionError):
    """Two doors gave different answers; the message names the first place."""


async def check(urls: dict[str, str], path: str, headers: dict[str, str]) -> int:
    """Asks every door for a path and compares; returns the size of the first answer in bytes. Raises Different."""
    answers = {}
    async with httpx.AsyncClient(timeout=20) as client:
        for door, url in urls.items():
            answer = await client.get(url + path, headers=headers)
            if answer.status_code != 200:
                raise Different(f"{door} answers {path.partition('?')[0]} with {answer.status_code}")
            answers[door] = answer.content
    (first, content), *others = answers.items()
    for door, other in others:
        place = difference(json.loads(content), json.loads(other))
        if place:
            raise Different(f"{first} and {door} differ at {place}")
    return len(content)


def difference(one: Any, other: Any, place: str = "$") -> str | None:
    """Returns the first place where two JSON documents differ in meaning, or None.

    The same are: lists of messages in another order, times with or without trailing zeros, and opaque page tokens.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            if name in _OWN:
                continue
            if name not in one or name not in other:
                return f"{place}.{name} (absent on one side)"
            found = difference(one[name], other[name], f"{place}.{name}")
            if found:
                return found
        return None
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return f"{place} ({len(one)} and {len(other)} items)"
        pairs = zip(sorted(one, key=_key), sorted(other, key=_key), strict=True)
        return next(
            (found for index, pair in enumerate(pairs) if (found := difference(*pair, f"{place}[{index}]"))), None
        )
    return None if _plain(one) == _plain(other) else place


def _key(item: Any) -> str:
    if isinstance(item, dict):
        for name in ("customerId", "contactPointId", "sourceKey"):
            if name in item:
                return str(item[name])
    return json.dumps(item, sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, str) and _TIME.fullmatch(value) and "." in value:
        return value[:-1].rstrip("0").rstrip(".") + "Z"
    return value
