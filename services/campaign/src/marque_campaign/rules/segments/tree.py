"""A rule that was checked: every part has its type, every attribute is declared, every literal fits."""

from __future__ import annotations

import operator
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from tradekit.cel import Kind

from marque_campaign.rules.segments.catalogue import Attribute

Value = bool | int | float | str | date
ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""What comparisons do, to values and to columns alike."""


@dataclass(frozen=True, slots=True)
class Lit:
    """A literal."""

    value: Value
    kind: Kind


@dataclass(frozen=True, slots=True)
class Attr:
    """An attribute of the person (`of` is `person`) or of the item for which a loop's variable stands."""

    of: str
    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Arith:
    """Whole-number arithmetic: `+ - * / %`; a single operand is negated."""

    name: str
    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Length:
    """How long a text or list is (`Attr`), or how many items of an entity the person has (its name)."""

    of: Term | str


@dataclass(frozen=True, slots=True)
class Compare:
    """`== != < <= > >=` of two values of one kind."""

    name: str
    left: Term
    right: Term
    kind: Kind


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value is among literals."""

    term: Term
    values: tuple[Value, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Holds:
    """A list that is an attribute holds a text."""

    term: Term
    attribute: Attr


@dataclass(frozen=True, slots=True)
class Text:
    """`startsWith`, `endsWith`, `contains`."""

    name: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Has:
    """An attribute is known."""

    attribute: Attr


@dataclass(frozen=True, slots=True)
class Flag:
    """A truth value that is an attribute or a literal."""

    term: Term


@dataclass(frozen=True, slots=True)
class Logic:
    """`&&` or `||`."""

    name: str
    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Not:
    """`!`."""

    part: Condition


@dataclass(frozen=True, slots=True)
class If:
    """`c ? a : b` of conditions."""

    test: Condition
    then: Condition
    other: Condition


@dataclass(frozen=True, slots=True)
class Loop:
    """`exists`, `all` or `exists_one` over the items of an entity."""

    name: str
    entity: str
    variable: str
    body: Condition


@dataclass(frozen=True, slots=True)
class Member:
    """The person is in a segment or on a list; never unknown."""

    of: str
    key: uuid.UUID


Term = Lit | Attr | Arith | Length
Condition = Compare | OneOf | Holds | Text | Has | Flag | Logic | Not | If | Loop | Member


def members(condition: Condition) -> Iterator[Member]:
    """Yields the segments and lists that a condition names."""
    if isinstance(condition, Member):
        yield condition
    elif isinstance(condition, Logic):
        yield from (*members(condition.left), *members(condition.right))
    elif isinstance(condition, Not):
        yield from members(condition.part)
    elif isinstance(condition, If):
        for part in (condition.test, condition.then, condition.other):
            yield from members(part)
    elif isinstance(condition, Loop):
        yield from members(condition.body)
