"""The sums of a repair order. A line is the plain value that the table keeps; amounts are minor units of the order's one currency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Line = dict[str, Any]


def numbered(lines: Iterable[Line]) -> list[Line]:
    """Gives every line without a number the next free one, and returns the lines by their number.

    Raises:
        ValueError: two lines have one number.
    """
    found = list(lines)
    taken = [line["line_number"] for line in found if line.get("line_number")]
    if len(set(taken)) != len(taken):
        raise ValueError("line_number")
    free = iter(number for number in range(1, len(found) + max(taken, default=0) + 1) if number not in set(taken))
    for line in found:
        line["line_number"] = line.get("line_number") or next(free)
    return sorted(found, key=lambda line: line["line_number"])


def causal_unique(lines: Iterable[Line]) -> bool:
    """Tells whether no line names more than one part as the cause."""
    return all(sum(1 for part in line.get("parts", ()) if part.get("causal")) <= 1 for line in lines)


def totals(lines: Iterable[Line]) -> list[dict[str, int]]:
    """Returns what each payer owes, by the payer's number: {pay_type, labour, parts}."""
    sums: dict[int, dict[str, int]] = {}
    for line in lines:
        pay_type = line["pay_type"]
        row = sums.get(pay_type)
        if row is None:
            row = sums[pay_type] = {"pay_type": pay_type, "labour": 0, "parts": 0}
        for item in line.get("labours", ()):
            row["labour"] += item.get("amount") or 0
        for item in line.get("parts", ()):
            row["parts"] += item.get("amount") or 0
    return [sums[pay_type] for pay_type in sorted(sums)]


def pay_types(lines: Sequence[Line]) -> list[int]:
    """Returns the payers, each once."""
    return sorted({line["pay_type"] for line in lines})


def with_hidden(known: Sequence[Line], lines: list[Line], fields: frozenset[str]) -> list[Line]:
    """Returns lines in which the values that the writer cannot see are those known before, so that a masked value is never written back.

    A line is known by its number, labour by its operation, a part by its number; `fields` names what is hidden, of lines and items alike.
    """
    before = {line["line_number"]: line for line in known}
    found = []
    for line in lines:
        old = before.get(line["line_number"], {})
        merged = _kept(old, line, fields)
        for name, key in (("labours", "operation_code"), ("parts", "part_number")):
            if name in line:
                rest = list(old.get(name, ()))
                merged[name] = [_kept(_taken(rest, item, key), item, fields) for item in line[name]]
        found.append(merged)
    return found


def _kept(old: dict[str, Any], new: dict[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    shown = {name: value for name, value in new.items() if name not in fields}
    return {**shown, **{name: old[name] for name in fields if name in old}}


def _taken(rest: list[dict[str, Any]], item: dict[str, Any], key: str) -> dict[str, Any]:
    for index, old in enumerate(rest):
        if old[key] == item[key]:
            return rest.pop(index)
    return {}
