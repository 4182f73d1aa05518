"""What can be ordered together, and what it costs. Pure; trims and options are documents as the catalogue keeps them.

A trim: `trim_code, names, specification, offered_from, offered_before`; an option: `option_code, names, group_code, trim_codes, requires,
excludes, offered_from, offered_before`. Days are ISO texts or None; the last one is the first on which it is offered no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

TRIM_NOT_OFFERED, OPTION_NOT_OFFERED, NOT_WITH_TRIM, REQUIRES, EXCLUDES, GROUP_MISSING, GROUP_TWICE, PRICE_MISSING = (
    range(1, 9)
)
WORDS = (
    "", "TRIM_NOT_OFFERED", "OPTION_NOT_OFFERED", "NOT_WITH_TRIM", "REQUIRES", "EXCLUDES", "GROUP_MISSING", "GROUP_TWICE", "PRICE_MISSING",
)  # fmt: skip
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: the number of the contract's ConfigurationReason, and the codes that it is about."""

    reason: int
    code: str
    other: str = ""


def is_offered(item: Item, day: date) -> bool:
    """Tells whether a trim or option is offered on a day."""
    first, before = item["offered_from"], item["offered_before"]
    return (first is None or date.fromisoformat(first) <= day) and (before is None or day < date.fromisoformat(before))


def check(
    trims: Iterable[Item], options: Iterable[Item], required_groups: Iterable[str], trim_code: str, chosen: Sequence[str], day: date
) -> list[Problem]:  # fmt: skip
    """Returns all that is wrong with a configuration on a day, prices apart; the order of the chosen options does not matter."""
    found: set[Problem] = set()
    if not any(one["trim_code"] == trim_code and is_offered(one, day) for one in trims):
        found.add(Problem(TRIM_NOT_OFFERED, trim_code))
    known = {one["option_code"]: one for one in options if is_offered(one, day)}
    wanted = set(chosen)
    found |= {Problem(OPTION_NOT_OFFERED, code) for code in wanted - set(known)}
    built = [known[code] for code in sorted(wanted & set(known))]
    for one in built:
        code = one["option_code"]
        if one["trim_codes"] and trim_code not in one["trim_codes"]:
            found.add(Problem(NOT_WITH_TRIM, code, trim_code))
        found |= {Problem(REQUIRES, code, other) for other in set(one["requires"]) - wanted}
        found |= {Problem(EXCLUDES, *sorted((code, other))) for other in set(one["excludes"]) & wanted}
    groups = Counter(one["group_code"] for one in built if one["group_code"])
    found |= {Problem(GROUP_TWICE, group) for group, count in groups.items() if count > 1}
    found |= {Problem(GROUP_MISSING, group) for group in required_groups if not groups[group]}
    return sorted(found)


def total(prices: Mapping[str, tuple[str, int]], codes: Iterable[str]) -> tuple[list[Problem], str, int | None]:
    """Returns (what has no price, currency, sum) of some items; the sum is None where one has none, or
    nothing is asked. `prices`: (currency, minor units)."""
    wanted = sorted(set(codes))
    missing = [Problem(PRICE_MISSING, code) for code in wanted if code not in prices]
    if missing or not wanted:
        return missing, "", None
    return [], prices[wanted[0]][0], sum(prices[code][1] for code in wanted)


def faults(trims: Sequence[Item], options: Sequence[Item], required_groups: Iterable[str]) -> list[tuple[str, str]]:
    """Returns (path, reason) of what no catalogue may say: codes twice or unknown, spans reversed, options that contradict themselves."""
    found: list[tuple[str, str]] = []
    codes = [one["trim_code"] for one in trims] + [one["option_code"] for one in options]
    twice = {code for code, count in Counter(codes).items() if count > 1}
    known_trims, known = {one["trim_code"] for one in trims}, {one["option_code"] for one in options}
    for name, items in (("trims", trims), ("options", options)):
        for index, one in enumerate(items):
            if one.get("trim_code", one.get("option_code")) in twice:
                found.append((f"{name}[{index}].{name[:-1]}_code", "CATALOGUE_CODE_TWICE"))
            if one["offered_from"] and one["offered_before"] and one["offered_before"] <= one["offered_from"]:
                found.append((f"{name}[{index}].offered_before", "RANGE_REVERSED"))
    for index, one in enumerate(options):
        if set(one["trim_codes"]) - known_trims:
            found.append((f"options[{index}].trim_codes", "CATALOGUE_CODE_UNKNOWN"))
        for field in ("requires", "excludes"):
            if set(one[field]) - known:
                found.append((f"options[{index}].{field}", "CATALOGUE_CODE_UNKNOWN"))
        if one["option_code"] in one["excludes"] or set(one["requires"]) & set(one["excludes"]):
            found.append((f"options[{index}].excludes", "OPTION_CONTRADICTORY"))
    groups = {one["group_code"] for one in options}
    if set(required_groups) - groups:
        found.append(("required_groups", "CATALOGUE_CODE_UNKNOWN"))
    return found


def compared(specifications: Sequence[Mapping[str, str]]) -> list[tuple[str, list[str]]]:
    """Returns every word that one of some specifications says, by name, with what each says."""
    words = sorted({word for one in specifications for word in one})
    return [(word, [one.get(word, "") for one in specifications]) for word in words]
