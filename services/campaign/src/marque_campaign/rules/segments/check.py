"""From the text of a rule to its checked tree. What passes here cannot fail when it is evaluated: whole-number arithmetic is bounded
before it is kept, a division by zero has no value, and nothing loops but over the few cars of one person.
"""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from tradekit.cel import BOOL, DOUBLE, INT, STRING, CelError, Kind, ListOf, Node, parse
from tradekit.cel.tree import Call, Field, Items, Literal, Name
from tradekit.cel.tree import Loop as LoopNode

from marque_campaign.rules.segments import tree
from marque_campaign.rules.segments.catalogue import DATE, ENTITIES, LISTS, MOST, PERSON, SEGMENTS, Entity

BOUND = 2**62
_TESTS = frozenset({"startsWith", "endsWith", "contains"})
_ORDERED = frozenset({INT, DOUBLE, STRING, DATE})
_SWAPPED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a rule that must hold, as all the others: where it begins, and what it says."""

    node: Node
    condition: tree.Condition


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule; its clauses are joined by `&&`."""

    condition: tree.Condition
    clauses: tuple[Clause, ...]


def read(text: str, also: Mapping[str, Entity] | None = None) -> Rule:
    """Reads and checks a rule; `also`: what it may ask beside the person. Raises CelError: reason, place, and what is expected there."""
    node = parse(text)
    checker, names = _Checker(), dict(also or {})
    clauses = tuple(Clause(one, checker.condition(one, names)) for one in _joined(node))
    found = clauses[0].condition
    for one in clauses[1:]:
        found = tree.Logic("&&", found, one.condition)
    return Rule(found, clauses)


def _joined(node: Node) -> Iterable[Node]:
    if isinstance(node, Call) and node.name == "&&":
        return [*_joined(node.arguments[0]), *_joined(node.arguments[1])]
    return [node]


def _near(name: str, known: Iterable[str]) -> str:
    """What somebody may have meant, and what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(names)}"


Variables = dict[str, Entity]


class _Checker:
    """Turns nodes into checked parts."""

    def condition(self, node: Node, names: Variables) -> tree.Condition:
        """A truth value."""
        if isinstance(node, LoopNode):
            return self._loop(node, names)
        if isinstance(node, Call):
            if made := self._logical(node, names):
                return made
            if node.name in _SWAPPED:
                return self._compare(node, names)
            if node.name == "in":
                return self._member(node, names)
            if node.name in _TESTS:
                left, right = (self._of(part, names, STRING) for part in node.arguments)
                return tree.Text(node.name, left, right)
        term, kind = self.term(node, names)
        if kind != BOOL:
            raise CelError("CEL_TYPE", node.place, f"a condition is expected here, this is {kind.name}")
        return tree.Flag(term)

    def _logical(self, node: Call, names: Variables) -> tree.Condition | None:
        parts = node.arguments
        if node.name in ("&&", "||"):
            return tree.Logic(node.name, self.condition(parts[0], names), self.condition(parts[1], names))
        if node.name == "!":
            return tree.Not(self.condition(parts[0], names))
        if node.name == "?:":
            test, then, other = (self.condition(part, names) for part in parts)
            return tree.If(test, then, other)
        if node.name == "has":
            return tree.Has(self._attribute(parts[0], names))
        return None

    def _loop(self, node: LoopNode, names: Variables) -> tree.Condition:
        entity = self._entity(node.over)
        if node.variable in names or node.variable in ENTITIES or node.variable in (SEGMENTS, LISTS):
            raise CelError("CEL_NAME", node.place, f"{node.variable[:60]} stands for something else already")
        body = self.condition(node.body, {**names, node.variable: entity})
        return tree.Loop(node.name, entity.name, node.variable, body)

    def _entity(self, node: Node) -> Entity:
        if isinstance(node, Name) and node.name in ENTITIES and ENTITIES[node.name].many:
            return ENTITIES[node.name]
        known = [one.name for one in ENTITIES.values() if one.many]
        wrong = node.name[:60] if isinstance(node, Name) else "this"
        raise CelError("CEL_TYPE", node.place, f"{wrong} is nothing to look through{_near(wrong, known)}")

    def _attribute(self, node: Node, names: Variables) -> tree.Attr:
        if not isinstance(node, Field):
            raise CelError("CEL_TYPE", node.place, "an attribute is expected here, such as person.language")
        if not isinstance(node.of, Name):
            raise CelError("CEL_TYPE", node.place, "an attribute is asked of person or of a loop's variable")
        of = node.of.name
        entity = PERSON if of == PERSON.name else names.get(of)
        if entity is None:
            hint = f"; ask {of}.exists(one, …)" if of in ENTITIES else _near(of, [PERSON.name, *names])
            raise CelError("CEL_NAME", node.of.place, f"nothing is called {of[:60]} here{hint}")
        if node.name not in entity.attributes:
            hint = _near(node.name, entity.attributes)
            raise CelError("CEL_NAME", node.place, f"{entity.name} have no attribute {node.name[:60]}{hint}")
        return tree.Attr(of, entity.attributes[node.name])

    def _compare(self, node: Call, names: Variables) -> tree.Condition:
        left, right = node.arguments
        if isinstance(left, Literal) and not isinstance(right, Literal):  # what is known of the other side types it
            return self._compare(Call(node.place, _SWAPPED[node.name], (right, left)), names)
        first, kind = self.term(left, names)
        if isinstance(kind, ListOf):
            raise CelError("CEL_TYPE", left.place, 'lists are not compared; write "…" in the list')
        second = self._of(right, names, kind, of=first)
        if node.name not in ("==", "!=") and (kind not in _ORDERED or _is_enum(first)):
            raise CelError("CEL_TYPE", node.place, "only numbers, dates and plain texts have an order")
        return tree.Compare(node.name, first, second, kind)

    def _member(self, node: Call, names: Variables) -> tree.Condition:
        one, many = node.arguments
        if isinstance(many, Name) and many.name in (SEGMENTS, LISTS):
            return tree.Member(many.name, _id(one))
        if isinstance(many, Items):
            term, kind = self.term(one, names)
            if isinstance(kind, ListOf) or not many.items:
                raise CelError("CEL_TYPE", node.place, "in asks whether one value is among some")
            found = [self._literal(item, kind, term) for item in many.items]
            return tree.OneOf(term, tuple(found), kind)
        attribute = self._attribute(many, names)
        if not isinstance(attribute.attribute.type, ListOf):
            raise CelError("CEL_TYPE", many.place, "in asks for a list, segments or lists")
        return tree.Holds(self._of(one, names, attribute.attribute.type.element), attribute)

    def _of(self, node: Node, names: Variables, kind: Kind, *, of: tree.Term | None = None) -> tree.Term:
        """A value of a kind, which a literal may take on."""
        if isinstance(node, Literal):
            return tree.Lit(self._literal(node, kind, of), kind)
        term, found = self.term(node, names)
        if found != kind:
            raise CelError("CEL_TYPE", node.place, f"{kind.name} is expected here, this is {found.name}")
        return term

    def _literal(self, node: Node, kind: Kind, of: tree.Term | None) -> tree.Value:
        negative = isinstance(node, Call) and node.name == "-" and len(node.arguments) == 1
        plain = node.arguments[0] if isinstance(node, Call) and negative else node
        if not isinstance(plain, Literal):
            raise CelError("CEL_TYPE", node.place, f"a written {kind.name} is expected here")
        value = plain.value
        if negative and isinstance(value, int | float) and not isinstance(value, bool):
            value = -value
        if kind == DATE and isinstance(value, str):
            return _date(value, node)
        if kind == DOUBLE and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if _kind_of(value) != kind:
            expected = 'a date as "2026-12-31"' if kind == DATE else kind.name
            raise CelError("CEL_TYPE", node.place, f"{expected} is expected here, this is {_kind_of(value).name}")
        if isinstance(value, str):
            _text(value, node)
        if isinstance(of, tree.Attr) and of.attribute.values and value not in of.attribute.values:
            hint = _near(str(value), of.attribute.values)
            raise CelError("CEL_NAME", node.place, f"{of.attribute.name} is never {str(value)[:60]}{hint}")
        return value

    def term(self, node: Node, names: Variables) -> tuple[tree.Term, Kind | ListOf]:
        """A value and its kind."""
        if isinstance(node, Literal):
            if isinstance(node.value, str):
                _text(node.value, node)
            return tree.Lit(node.value, _kind_of(node.value)), _kind_of(node.value)
        if isinstance(node, Field):
            found = self._attribute(node, names)
            return found, found.attribute.type
        if isinstance(node, Call) and node.name == "size":
            return self._size(node, names), INT
        if isinstance(node, Call) and node.name in ("+", "-", "*", "/", "%"):
            return self._arithmetic(node, names), INT
        if isinstance(node, Name):
            hint = _near(node.name, [*ENTITIES, *names])
            raise CelError("CEL_NAME", node.place, f"{node.name[:60]} is no value{hint}")
        if isinstance(node, Call | LoopNode) and node.name not in ("double", "int", "string"):
            raise CelError("CEL_TYPE", node.place, "a value is expected here, this is a condition")
        raise CelError("CEL_OUTSIDE", node.place, "this is not part of the rules of segments")

    def _size(self, node: Call, names: Variables) -> tree.Term:
        of = node.arguments[0]
        if isinstance(of, Name) and of.name in ENTITIES:
            return tree.Length(self._entity(of).name)
        term, kind = self.term(of, names)
        if kind != STRING and not isinstance(kind, ListOf):
            raise CelError("CEL_TYPE", of.place, f"a {kind.name} has no size")
        return tree.Length(term)

    def _arithmetic(self, node: Call, names: Variables) -> tree.Term:
        parts = []
        for part in node.arguments:
            term, kind = self.term(part, names)
            if kind != INT:
                raise CelError("CEL_TYPE", part.place, f"arithmetic takes whole numbers, this is {kind.name}")
            parts.append(term)
        if node.name in ("/", "%") and isinstance(parts[1], tree.Lit) and parts[1].value == 0:
            raise CelError("CEL_TYPE", node.arguments[1].place, "nothing is divided by zero")
        made = tree.Arith(node.name, tuple(parts))
        if greatest(made) > BOUND:
            raise CelError("CEL_SIZE", node.place, "this could grow past 64 bits")
        return made


def greatest(term: tree.Term) -> int:
    """Returns what a whole number cannot exceed, whatever its sign."""
    if isinstance(term, tree.Lit):
        return abs(int(term.value)) if isinstance(term.value, int) else 0
    if not isinstance(term, tree.Arith):
        return MOST
    parts = [greatest(part) for part in term.parts]
    join: Callable[[int, int], int] = {"*": int.__mul__, "/": max, "%": max}.get(term.name, int.__add__)
    return parts[0] if len(parts) == 1 else join(parts[0], parts[1])


def _kind_of(value: tree.Value) -> Kind:
    if isinstance(value, bool):
        return BOOL
    return INT if isinstance(value, int) else DOUBLE if isinstance(value, float) else STRING


def _is_enum(term: tree.Term) -> bool:
    return isinstance(term, tree.Attr) and bool(term.attribute.values)


def _text(value: str, node: Node) -> None:
    if "\0" in value:
        raise CelError("CEL_TYPE", node.place, "a text holds no zero character")


def _date(value: str, node: Node) -> date:
    try:
        if len(value) == len("2026-12-31"):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise CelError("CEL_TYPE", node.place, f'a date as "2026-12-31" is expected here, this is "{value[:40]}"')


def _id(node: Node) -> uuid.UUID:
    if isinstance(node, Literal) and isinstance(node.value, str):
        try:
            return uuid.UUID(node.value)
        except ValueError:
            pass
    raise CelError("CEL_TYPE", node.place, "the id of a segment or list is expected here, in quotes")
