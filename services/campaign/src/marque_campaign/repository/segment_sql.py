"""A checked rule as SQL: SQLAlchemy expressions with bound values only.

Each condition is made twice, by what is needed of it: `true` is the SQL that is true exactly where the condition is true (elsewhere false
or NULL), `false` where it is false. So a rule with a negation over a loop stays a semi-join or anti-join, and what is not known never
becomes true by being negated. The meaning is that of `rules.segments.evaluate`, to which a property test holds it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping
from tradekit.cel import BOOL, DOUBLE, INT, STRING, Kind

from marque_campaign.models import AudienceCar, AudienceHolding, AudienceListMember, AudiencePerson
from marque_campaign.repository.merged_members import survivors
from marque_campaign.rules.segments import tree
from marque_campaign.rules.segments.catalogue import DATE, SEGMENTS

PEOPLE: sa.Table = AudiencePerson.__table__  # type: ignore[assignment]
_TABLES: dict[str, Any] = {"cars": AudienceCar.__table__, "holdings": AudienceHolding.__table__}
_MEMBERS: Any = AudienceListMember.__table__
_TYPES: dict[Kind, Any] = {
    BOOL: sa.Boolean(),
    INT: sa.BigInteger(),
    DOUBLE: sa.Double(),
    STRING: sa.Text(),
    DATE: sa.Date(),
}
_NAN = sa.literal(float("nan"), sa.Double())
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_FAR = 100_000  # days: so far from today every calendar has days
Rules = Mapping[uuid.UUID, tree.Condition]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule is asked with: the day, and the conditions of the segments that it names (all of them, nested ones too)."""

    today: date
    segments: Rules


class SegmentSql:
    """Makes conditions over rows of `people`, a table of people or an alias of it."""

    def __init__(self, asked: Asked, people: Any = PEOPLE) -> None:
        self._asked = asked
        self._people = people

    def where(self, condition: tree.Condition) -> sa.ColumnElement[bool]:
        """The SQL that is true for exactly those of whom a rule holds."""
        return self._true(condition, {"person": self._people})

    def _true(self, one: tree.Condition, scope: dict[str, Any]) -> Any:
        if isinstance(one, tree.Logic):
            join = sa.and_ if one.name == "&&" else sa.or_
            return join(self._true(one.left, scope), self._true(one.right, scope))
        if isinstance(one, tree.Not):
            return self._false(one.part, scope)
        if isinstance(one, tree.If):
            return self._if(one, scope, self._true)
        if isinstance(one, tree.Loop):
            return self._loop(one, scope, wanted=True)
        if isinstance(one, tree.Member):
            return self._member(one)
        return self._atom(one, scope)

    def _false(self, one: tree.Condition, scope: dict[str, Any]) -> Any:
        if isinstance(one, tree.Logic):
            join = sa.or_ if one.name == "&&" else sa.and_
            return join(self._false(one.left, scope), self._false(one.right, scope))
        if isinstance(one, tree.Not):
            return self._true(one.part, scope)
        if isinstance(one, tree.If):
            return self._if(one, scope, self._false)
        if isinstance(one, tree.Loop):
            return self._loop(one, scope, wanted=False)
        if isinstance(one, tree.Member):
            return sa.not_(proved(self._member(one)))
        return sa.not_(self._atom(one, scope))

    def _if(self, one: tree.If, scope: dict[str, Any], side: Callable[[tree.Condition, dict[str, Any]], Any]) -> Any:
        yes = sa.and_(self._true(one.test, scope), side(one.then, scope))
        return sa.or_(yes, sa.and_(self._false(one.test, scope), side(one.other, scope)))

    def _loop(self, one: tree.Loop, scope: dict[str, Any], *, wanted: bool) -> Any:
        items = _TABLES[one.entity].alias()
        mine, inner = items.c.person_id == self._people.c.customer_id, {**scope, one.variable: items}
        true, false = self._true(one.body, inner), self._false(one.body, inner)
        if one.name == "exists_one":
            return self._exists_one(items, mine, true, false, wanted=wanted)
        if (one.name == "exists") == wanted:  # one item decides
            return self._exists(items, sa.and_(mine, true if wanted else false))
        return sa.not_(self._exists(items, sa.and_(mine, sa.not_(proved(true if wanted else false)))))

    def _exists_one(self, items: Any, mine: Any, true: Any, false: Any, *, wanted: bool) -> Any:
        """Judged in a select of its own: an aggregate that names the person alone would belong to the statement around."""
        verdicts = sa.select(true.label("fits"), sa.not_(proved(sa.or_(true, false))).label("unknown")).select_from(
            items
        )
        judged = verdicts.where(mine).correlate_except(items).subquery()
        fits, unknown = (sa.func.count().filter(judged.c[name]) for name in ("fits", "unknown"))
        counts = fits == 1 if wanted else fits != 1
        return sa.select(sa.and_(counts, unknown == 0)).select_from(judged).scalar_subquery()

    def _exists(self, items: Any, condition: Any) -> Any:
        return sa.select(sa.literal_column("1")).select_from(items).where(condition).correlate_except(items).exists()

    def _scalar(self, select: Any, items: Any, mine: Any) -> Any:
        return select.select_from(items).where(mine).correlate_except(items).scalar_subquery()

    def _member(self, one: tree.Member) -> Any:
        if one.of == SEGMENTS:
            return self.where(self._asked.segments[one.key])
        listed = _MEMBERS.alias()
        here = sa.and_(
            listed.c.audience_list_id == sa.literal(one.key, sa.Uuid()),
            listed.c.customer_id == self._people.c.customer_id,
        )
        # Who was merged stands on a list under the id of then.
        return sa.or_(self._exists(listed, here), self._people.c.customer_id.in_(survivors(one.key)))

    def _atom(self, one: Any, scope: dict[str, Any]) -> Any:
        """A condition whose SQL is true, false or NULL as the condition is true, false or without value."""
        if isinstance(one, tree.Has):
            return scope[one.attribute.of].c[one.attribute.attribute.column].is_not(None)
        if isinstance(one, tree.Flag):
            return self._term(one.term, scope)
        if isinstance(one, tree.OneOf):
            values = sa.literal(list(one.values), sa.ARRAY(_TYPES[one.kind]))
            return _among(self._term(one.term, scope), values)
        if isinstance(one, tree.Holds):
            text = self._term(one.term, scope)
            among = _among(text, self._term(one.attribute, scope))
            # What is not known is in no empty array, says PostgreSQL; a rule has no value there.
            return among if isinstance(one.term, tree.Lit) else sa.case((text.is_not(None), among))
        if isinstance(one, tree.Compare) and (by_day := self._by_day(one, scope)) is not None:
            return by_day
        left, right = self._term(one.left, scope), self._term(one.right, scope)
        if isinstance(one, tree.Text):
            return _TESTS[one.name](left, right)
        return _compared(one, left, right)

    def _by_day(self, one: tree.Compare, scope: dict[str, Any]) -> Any:
        """A number of days beside a literal as its date beside a day, which the database has statistics of; None for anything else."""
        name, days, literal = one.name, one.left, one.right
        if isinstance(days, tree.Lit):
            name, days, literal = _MIRRORED[name], literal, days
        if not (isinstance(days, tree.Attr) and days.attribute.days and isinstance(literal, tree.Lit)):
            return None
        if one.kind != INT or abs(literal.value) > _FAR:
            return None
        column, ahead = scope[days.of].c[days.attribute.column], days.attribute.days < 0
        day = self._asked.today + timedelta(days=literal.value if ahead else -literal.value)
        return tree.ORDERS[name if ahead else _MIRRORED[name]](column, sa.literal(day, sa.Date()))

    def _term(self, term: tree.Term, scope: dict[str, Any]) -> Any:
        if isinstance(term, tree.Lit):
            return sa.literal(term.value, _TYPES[term.kind])
        if isinstance(term, tree.Attr):
            column = scope[term.of].c[term.attribute.column]
            if not term.attribute.days:
                return column
            today = sa.literal(self._asked.today, sa.Date())
            first, last = (column, today) if term.attribute.days > 0 else (today, column)
            return sa.type_coerce(last - first, sa.Integer())
        if isinstance(term, tree.Length):
            return self._length(term, scope)
        parts = [sa.cast(self._term(part, scope), sa.BigInteger()) for part in term.parts]
        return -parts[0] if len(parts) == 1 else _ARITHMETIC[term.name](*parts)

    def _length(self, term: tree.Length, scope: dict[str, Any]) -> Any:
        if isinstance(term.of, str):
            items = _TABLES[term.of].alias()
            mine = items.c.person_id == self._people.c.customer_id
            return self._scalar(sa.select(sa.func.count()), items, mine)
        inner = self._term(term.of, scope)
        many = isinstance(term.of, tree.Attr) and term.of.attribute.type != STRING
        return sa.func.cardinality(inner) if many else sa.func.char_length(inner)


def proved(one: Any) -> Any:
    """Whether a condition is true, and neither false nor without value. In brackets of its own: `NOT a IS TRUE` is `NOT (a IS TRUE)`."""
    return Grouping(one).is_(True)


def _among(one: Any, many: Any) -> Any:
    """Whether a value is in an array. An operator of its own: SQLAlchemy would turn a negated `= ANY` into `<> ANY`, which is another."""
    return one.op("=", is_comparison=True)(sa.func.any(many))


def _compared(one: tree.Compare, left: Any, right: Any) -> Any:
    if one.kind == STRING and one.name not in ("==", "!="):
        left = sa.collate(left, "C")  # by code points, as CEL orders; the same on every server
    if one.kind != DOUBLE:
        return tree.ORDERS[one.name](left, right)
    # To PostgreSQL "not a number" equals itself and is greater than all; in a rule it is neither less, equal nor greater.
    sides = zip((one.left, one.right), (left, right), strict=True)
    numbers = [side != _NAN for part, side in sides if not isinstance(part, tree.Lit)]
    if one.name == "!=":
        return sa.not_(sa.and_(left == right, *numbers))
    return sa.and_(tree.ORDERS[one.name](left, right), *numbers)


_TESTS: dict[str, Callable[[Any, Any], Any]] = {
    "startsWith": lambda text, part: sa.func.starts_with(text, part),
    "endsWith": lambda text, part: sa.func.right(text, sa.func.char_length(part)) == part,
    "contains": lambda text, part: sa.func.strpos(text, part) > 0,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // sa.func.nullif(b, 0, type_=sa.BigInteger()),
    "%": lambda a, b: a % sa.func.nullif(b, 0, type_=sa.BigInteger()),
}
