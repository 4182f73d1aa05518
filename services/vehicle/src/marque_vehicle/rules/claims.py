"""The arithmetic of claims under warranty. Amounts are minor units of the claim's one currency. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marque_vehicle.rules import warranty

PAID_BY_WARRANTY = 2  # the contract's number of the payer
Item = dict[str, Any]


def items_of(lines: Iterable[Mapping[str, Any]]) -> list[Item]:
    """Returns the lines of a repair order that the maker pays under warranty, as a claim has them."""
    return [
        {
            "line_number": line["line_number"],
            "component_code": line.get("component_code", ""),
            "labour": sum(one.get("amount") or 0 for one in line.get("labours", ())),
            "parts": sum(one.get("amount") or 0 for one in line.get("parts", ())),
        }
        for line in lines
        if line["pay_type"] == PAID_BY_WARRANTY
    ]


def total(item: Item) -> int:
    """Returns what is claimed of a line."""
    return int(item["labour"]) + int(item["parts"])


def claimed(items: Iterable[Item]) -> int:
    """Returns what is claimed in all."""
    return sum(map(total, items))


def covered(item: Item) -> bool:
    """Tells whether a clause covers a line that was checked."""
    return bool(item.get("coverage") == warranty.COVERED)


def approved_in_full(items: Sequence[Item]) -> dict[int, int]:
    """Returns what is approved by line where nothing is named: the whole of the covered ones."""
    return {item["line_number"]: total(item) for item in items if covered(item)}


def over_claimed(items: Sequence[Item], amounts: Mapping[int, int]) -> list[int]:
    """Returns the lines of which more is approved than claimed."""
    return [one["line_number"] for one in items if amounts.get(one["line_number"], 0) > total(one)]


def uncovered(items: Sequence[Item], amounts: Mapping[int, int]) -> list[int]:
    """Returns the lines of which something is approved though no clause covers them."""
    return [one["line_number"] for one in items if amounts.get(one["line_number"]) and not covered(one)]
