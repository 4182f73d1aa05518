"""The golden record: which of the things that sources said of a customer is shown. Rules are data; no I/O.

A *unit* is what survives as one: the parts of a name are never mixed from two sources. Of each unit the best statement wins, judged by the
parts of its rule in their order. Lists of several customers that are merged are united instead, each with its own best one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

UNRECORDED, IMPORT, PLATFORM, DEALER_SYSTEM, DEALER_STAFF, MAKER_STAFF, CUSTOMER = range(1, 8)
"""Who says something, as the contract's StatementOrigin numbers them."""

# Whose word counts more about whom. People who speak with the customer count alike: the newer one knows better.
_OF_THE_PERSON = {CUSTOMER: 5, MAKER_STAFF: 4, DEALER_STAFF: 4, DEALER_SYSTEM: 3, PLATFORM: 2, IMPORT: 1, UNRECORDED: 0}
# Labels are the staff's own; whoever set them last.
_OF_THE_STAFF = {MAKER_STAFF: 2, DEALER_STAFF: 2, DEALER_SYSTEM: 1, IMPORT: 1, PLATFORM: 1, CUSTOMER: 1, UNRECORDED: 0}

VERIFIED, ORIGIN, NEWEST = "verified", "origin", "newest"


class Rule(NamedTuple):
    """How the best statement of a unit is found: its columns, the parts of the judgement, the ranks of origins, whether merged
    customers' lists are united.
    """

    columns: tuple[str, ...]
    order: tuple[str, ...] = (VERIFIED, ORIGIN, NEWEST)
    ranks: Mapping[int, int] = _OF_THE_PERSON
    united: bool = False


RULES: dict[str, Rule] = {
    "name": Rule(("family_name", "given_name", "full_name")),
    "latin_name": Rule(("latin_name",)),
    "organisation_name": Rule(("organisation_name",)),
    "birth_date": Rule(("birth_date",)),
    "gender": Rule(("gender",)),
    "language": Rule(("language",)),
    "preferred_channel": Rule(("preferred_channel",)),
    "time_zone": Rule(("time_zone",)),
    "occupation": Rule(("occupation",)),
    "income_band": Rule(("income_band",)),
    "industry": Rule(("industry",)),
    "interests": Rule(("interests",), united=True),
    "tags": Rule(("tags",), (ORIGIN, NEWEST), _OF_THE_STAFF, united=True),
    "addresses": Rule(("addresses",), united=True),
}
UNIT_OF = {column: unit for unit, rule in RULES.items() for column in rule.columns}
DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(UNIT_OF, ""),
    **dict.fromkeys(("birth_date", "gender", "preferred_channel"), 0),
    **{name: [] for name in ("interests", "tags", "addresses")},
}


@dataclass(frozen=True, slots=True)
class Statement:
    """What one source said of one unit: `values` by column. `member` is the place of the customer of whom it was said among those that
    are merged; 0 is the survivor.
    """

    unit: str
    values: dict[str, Any]
    origin: int
    time: datetime
    verified: bool = False
    member: int = 0
    record: Any = field(default=None, compare=False)
    actor: str = ""

    @property
    def is_empty(self) -> bool:
        """Tells whether the source says that there is none."""
        return all(value == DEFAULTS[column] for column, value in self.values.items())


_PARTS: dict[str, Callable[[Statement, Rule], Any]] = {
    VERIFIED: lambda said, rule: said.verified,
    ORIGIN: lambda said, rule: rule.ranks[said.origin],
    NEWEST: lambda said, rule: said.time,
}


def best(unit: str, statements: Iterable[Statement]) -> Statement | None:
    """Returns the statement that wins; of equal ones that of the survivor, then the one that sorts last by value, so that the answer
    never hangs on the order in which they are read.
    """
    rule = RULES[unit]

    def key(said: Statement) -> tuple[Any, ...]:
        return (*(_PARTS[part](said, rule) for part in rule.order), -said.member, repr(sorted(said.values.items())))

    return max(statements, key=key, default=None)


def winners(unit: str, statements: Sequence[Statement]) -> list[Statement]:
    """Returns the statements that make the golden value: one, or for united lists the best one of each customer."""
    if not RULES[unit].united:
        found = best(unit, statements)
        return [] if found is None else [found]
    members = sorted({said.member for said in statements})
    each = (best(unit, [said for said in statements if said.member == member]) for member in members)
    return [said for said in each if said is not None]


def golden(unit: str, statements: Sequence[Statement]) -> dict[str, Any]:
    """Returns the golden value of a unit, by column."""
    rule, found = RULES[unit], winners(unit, statements)
    if not found:
        return {column: DEFAULTS[column] for column in rule.columns}
    if rule.united and len(found) > 1:
        (column,) = rule.columns
        return {column: _united([item for said in found for item in said.values[column]])}
    return {column: found[0].values.get(column, DEFAULTS[column]) for column in rule.columns}


def _united(items: Sequence[Any]) -> list[Any]:
    """Joins lists, each entry once; of several primary addresses the first stays primary."""
    found: list[Any] = []
    places: list[Any] = []
    for item in items:
        place = item["address"] if isinstance(item, dict) else item
        if place in places:
            continue
        places.append(place)
        if isinstance(item, dict) and item["primary"] and any(other["primary"] for other in found):
            item = {**item, "primary": False}
        found.append(item)
    return found
