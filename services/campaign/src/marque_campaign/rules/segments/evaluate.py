"""A rule evaluated for one person: true, false, or None where it has no value because something that decides is not known.

`&&` and `||` go past what has no value where the other side decides, as CEL says; so do loops. This is the meaning of a rule, to which
the SQL made of it is equal; and it tells which clause kept somebody out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from marque_campaign.rules.segments import tree

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of somebody: columns of the person and of each car and holding, None where not known."""

    columns: Record
    items: Mapping[str, Sequence[Record]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """What else an evaluation asks: the day, and whether the person is in a segment or on a list (its kind and id)."""

    today: date
    member: Callable[[str, uuid.UUID], bool] = lambda of, key: False


def holds(
    condition: tree.Condition, person: Person, moment: Moment, also: Mapping[str, Record] | None = None
) -> bool | None:
    """Tells whether a rule holds of somebody; `also`: what else it was read with."""
    return _Evaluation(person, moment).truth(condition, {"person": person.columns, **(also or {})})


class _Evaluation:
    def __init__(self, person: Person, moment: Moment) -> None:
        self._person = person
        self._moment = moment

    def truth(self, one: tree.Condition, scope: dict[str, Record]) -> bool | None:
        """True, false, or None for no value."""
        if isinstance(one, tree.Logic):
            decides = one.name == "||"
            found = {self.truth(one.left, scope), self.truth(one.right, scope)}
            return decides if decides in found else None if None in found else not decides
        if isinstance(one, tree.Not):
            inner = self.truth(one.part, scope)
            return None if inner is None else not inner
        if isinstance(one, tree.If):
            test = self.truth(one.test, scope)
            return None if test is None else self.truth(one.then if test else one.other, scope)
        if isinstance(one, tree.Loop):
            return self._loop(one, scope)
        if isinstance(one, tree.Member):
            return self._moment.member(one.of, one.key)
        if isinstance(one, tree.Has):
            return self.value(one.attribute, scope) is not None
        return self._atom(one, scope)

    def _loop(self, one: tree.Loop, scope: dict[str, Record]) -> bool | None:
        items = self._person.items.get(one.entity, ())
        found = [self.truth(one.body, {**scope, one.variable: item}) for item in items]
        if one.name == "exists_one":
            return None if None in found else found.count(True) == 1
        decides = one.name == "exists"
        return decides if decides in found else None if None in found else not decides

    def _atom(self, one: Any, scope: dict[str, Record]) -> bool | None:
        if isinstance(one, tree.Flag):
            return self.value(one.term, scope)  # type: ignore[no-any-return]
        if isinstance(one, tree.OneOf):
            value = self.value(one.term, scope)
            return None if value is None else value in one.values
        if isinstance(one, tree.Holds):
            value, many = self.value(one.term, scope), self.value(one.attribute, scope)
            return None if value is None or many is None else value in many
        left, right = self.value(one.left, scope), self.value(one.right, scope)
        if left is None or right is None:
            return None
        if isinstance(one, tree.Text):
            return bool(_TESTS[one.name](left, right))
        return bool(tree.ORDERS[one.name](left, right))

    def value(self, term: tree.Term, scope: dict[str, Record]) -> Any:
        """The value, or None for none."""
        if isinstance(term, tree.Lit):
            return term.value
        if isinstance(term, tree.Attr):
            found = scope[term.of].get(term.attribute.column)
            if found is None or not term.attribute.days:
                return found
            return (self._moment.today - found).days * term.attribute.days
        if isinstance(term, tree.Length):
            if isinstance(term.of, str):
                return len(self._person.items.get(term.of, ()))
            inner = self.value(term.of, scope)
            return None if inner is None else len(inner)
        parts = [self.value(part, scope) for part in term.parts]
        if None in parts:
            return None
        return -parts[0] if len(parts) == 1 else _arithmetic(term.name, *parts)


def _arithmetic(name: str, left: int, right: int) -> int | None:
    if name in ("/", "%"):
        if right == 0:
            return None
        whole = (
            abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        )  # towards zero, as CEL and SQL divide
        return whole if name == "/" else left - right * whole
    return {"+": left + right, "-": left - right, "*": left * right}[name]


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__,
}  # fmt: skip
