"""Types of an expression, before it is kept: what passes here fails later for absent fields and arithmetic alone."""

from __future__ import annotations

from collections.abc import Mapping

from tradekit.cel.errors import CelError
from tradekit.cel.tree import Call, Field, Items, Literal, Loop, Name, Node
from tradekit.cel.types import BOOL, DOUBLE, INT, NUMBERS, ORDERED, STRING, Kind, ListOf, Record, Type

Names = Mapping[str, Type]
_LITERALS: dict[type, Kind] = {bool: BOOL, int: INT, float: DOUBLE, str: STRING}
# A loop goes past an item for which its body has no value, to look for one that decides; the Rust library ends there. So nothing that can
# be without a value stands in a body: no field, which may be absent, no arithmetic, which may overflow.
_SURE = frozenset(
    {"&&", "||", "!", "?:", "==", "!=", "<", "<=", ">", ">=", "in", "size", "startsWith", "endsWith", "contains"}
)
_TEXT_METHODS = frozenset({"startsWith", "endsWith", "contains"})
_CONVERSIONS = {"double": (frozenset({INT, DOUBLE}), DOUBLE), "int": (frozenset({INT, DOUBLE}), INT)}


def check(node: Node, names: Names) -> Type:
    """Returns the type of an expression over declared names. Raises CelError (CEL_NAME, CEL_TYPE)."""
    if isinstance(node, Literal):
        return _LITERALS[type(node.value)]
    if isinstance(node, Name):
        return _name(node, names)
    if isinstance(node, Field):
        return _field(node, names)
    if isinstance(node, Items):
        return _items(node, names)
    if isinstance(node, Loop):
        return _loop(node, names)
    return _call(node, names)


def _name(node: Name, names: Names) -> Type:
    if node.name not in names:
        raise CelError("CEL_NAME", node.place, f"nothing is called {node.name[:60]} here")
    return names[node.name]


def _field(node: Field, names: Names) -> Type:
    record = check(node.of, names)
    if not isinstance(record, Record):
        raise CelError("CEL_TYPE", node.place, f"a {record.name} has no fields")
    if node.name not in record.fields:
        raise CelError("CEL_NAME", node.place, f"there is no field {node.name[:60]}")
    return record.fields[node.name]


def _items(node: Items, names: Names) -> Type:
    if not node.items:
        raise CelError("CEL_TYPE", node.place, "an empty list has no type here")
    first = check(node.items[0], names)
    if not isinstance(first, Kind):
        raise CelError("CEL_TYPE", node.place, "lists hold plain values only")
    for item in node.items[1:]:
        if (other := check(item, names)) != first:
            raise CelError("CEL_TYPE", item.place, f"the list holds {first.name}, this is {other.name}")
    return ListOf(first)


def _loop(node: Loop, names: Names) -> Type:
    over = check(node.over, names)
    if not isinstance(over, ListOf):
        raise CelError("CEL_TYPE", node.place, f"{node.name} looks at a list, this is {over.name}")
    if node.variable in names:
        raise CelError("CEL_NAME", node.place, f"{node.variable[:60]} stands for something else already")
    _wanted(node.body, {**names, node.variable: over.element}, BOOL)
    _sure(node.body)
    return BOOL


def _sure(node: Node) -> None:
    """Raises CelError (CEL_OUTSIDE) for a body of a loop that may be without a value."""
    if isinstance(node, Field) or (isinstance(node, Call) and node.name not in _SURE):
        what = "fields" if isinstance(node, Field) else node.name
        raise CelError("CEL_OUTSIDE", node.place, f"{what} inside a loop is not part of the subset")
    for part in _parts(node):
        _sure(part)


def _parts(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Items):
        return node.items
    return (node.over, node.body) if isinstance(node, Loop) else ()


def _wanted(node: Node, names: Names, *wanted: Type) -> Type:
    found = check(node, names)
    if found not in wanted:
        raise CelError(
            "CEL_TYPE", node.place, f"{' or '.join(one.name for one in wanted)} is needed, this is {found.name}"
        )
    return found


def _call(node: Call, names: Names) -> Type:
    name, parts = node.name, node.arguments
    if name in ("&&", "||", "!"):
        for part in parts:
            _wanted(part, names, BOOL)
        return BOOL
    if name == "has":
        check(parts[0], names)
        return BOOL
    if name == "?:":
        _wanted(parts[0], names, BOOL)
        return _same(node, parts[1], parts[2], names)
    if name in ("==", "!="):
        if isinstance(_same(node, parts[0], parts[1], names), Record):
            raise CelError("CEL_TYPE", node.place, "records are not compared")
        return BOOL
    if name == "in":
        return _member(node, names)
    if name in ("<", "<=", ">", ">="):
        if _same(node, parts[0], parts[1], names) not in ORDERED:
            raise CelError("CEL_TYPE", node.place, "only numbers and strings have an order")
        return BOOL
    if name == "size":
        return _size(node, names)
    if name in _TEXT_METHODS:
        for part in parts:
            _wanted(part, names, STRING)
        return BOOL
    return _value(node, names)


def _value(node: Call, names: Names) -> Type:
    """Arithmetic and conversions."""
    name, parts = node.name, node.arguments
    if name in _CONVERSIONS:
        taken, given = _CONVERSIONS[name]
        _wanted(parts[0], names, *sorted(taken, key=lambda one: one.name))
        return given
    if name == "string":
        _wanted(parts[0], names, INT, STRING)
        return STRING
    if len(parts) == 1:
        return _wanted(parts[0], names, INT, DOUBLE)
    found = _same(node, parts[0], parts[1], names)
    if found in NUMBERS and not (name == "%" and found is not INT):
        return found
    if name == "+" and found == STRING:
        return found
    raise CelError("CEL_TYPE", node.place, f"{name} does not take {found.name}")


def _same(node: Call, left: Node, right: Node, names: Names) -> Type:
    first, second = check(left, names), check(right, names)
    if first != second:
        hint = "; write double(…) around the whole number" if {first, second} == {INT, DOUBLE} else ""
        raise CelError("CEL_TYPE", node.place, f"{first.name} and {second.name} do not go together{hint}")
    return first


def _member(node: Call, names: Names) -> Type:
    one, many = check(node.arguments[0], names), check(node.arguments[1], names)
    if not isinstance(many, ListOf) or many.element != one:
        raise CelError("CEL_TYPE", node.place, f"in asks for a list of {one.name}, this is {many.name}")
    return BOOL


def _size(node: Call, names: Names) -> Type:
    found = check(node.arguments[0], names)
    if found != STRING and not isinstance(found, ListOf):
        raise CelError("CEL_TYPE", node.place, f"a {found.name} has no size")
    return INT
