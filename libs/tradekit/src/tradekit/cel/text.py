"""An expression written again from its tree, in one form: every operator in brackets, strings in double quotes."""

from __future__ import annotations

import operator

from tradekit.cel.check import Names, check
from tradekit.cel.tree import Call, Field, Items, Literal, Loop, Name, Node
from tradekit.cel.types import DOUBLE, ListOf

SIZE = "codePoints"
"""What `size` is evaluated by: the Rust library counts the bytes of a string, CEL its code points."""
ORDERS = {"<": "isLess", "<=": "isAtMost", ">": "isMore", ">=": "isAtLeast"}
"""What doubles are ordered by: to the Rust library a number beside "not a number" has no order and so no value, to CEL it is false."""
FUNCTIONS = {SIZE: len, "isLess": operator.lt, "isAtMost": operator.le, "isMore": operator.gt, "isAtLeast": operator.ge}
"""What the names that only `run` writes stand for."""
_METHODS = frozenset({"startsWith", "endsWith", "contains"})
_NAMED = frozenset({"has", "double", "int", "string"})
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def written(node: Node, run: Names | None = None) -> str:
    """Returns the text of an expression; with `run`, the names that it was checked over, as the Rust library is to be asked for it."""
    if isinstance(node, Literal):
        return _literal(node.value)
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Field):
        return f"{written(node.of, run)}.{node.name}"
    if isinstance(node, Items):
        return f"[{', '.join(written(item, run) for item in node.items)}]"
    if isinstance(node, Loop):
        return _loop(node, run)
    return _call(node, run)


def _loop(node: Loop, run: Names | None) -> str:
    inside = run
    if run is not None and isinstance(over := check(node.over, run), ListOf):
        inside = {**run, node.variable: over.element}
    return f"{written(node.over, run)}.{node.name}({node.variable}, {written(node.body, inside)})"


def _call(node: Call, run: Names | None) -> str:
    name, parts = node.name, [written(part, run) for part in node.arguments]
    if name == "?:":
        return f"({parts[0]} ? {parts[1]} : {parts[2]})"
    if name == "size":
        return f"{'size' if run is None else SIZE}({parts[0]})"
    if name in _NAMED:
        return f"{name}({parts[0]})"
    if name in _METHODS:
        return f"{parts[0]}.{name}({parts[1]})"
    if len(parts) == 1:
        return f"({name}{parts[0]})"
    if run is not None and name in ORDERS and check(node.arguments[0], run) == DOUBLE:
        return f"{ORDERS[name]}({parts[0]}, {parts[1]})"
    return f"({parts[0]} {name} {parts[1]})"


def _literal(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(_char(char) for char in value) + '"'
    return repr(value) if value >= 0 and str(value)[0] != "-" else f"({value!r})"


def _char(char: str) -> str:
    if char in _ESCAPED:
        return _ESCAPED[char]
    return f"\\u{ord(char):04x}" if ord(char) < 32 or ord(char) == 127 else char
