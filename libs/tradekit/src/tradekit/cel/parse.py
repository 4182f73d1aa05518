"""From text to the tree of the subset: cel-python's grammar reads, and what is outside is refused where it stands."""

from __future__ import annotations

from functools import cache
from typing import Any

from celpy.celparser import CELParseError, CELParser
from lark import Token, Tree

from tradekit.cel import literals
from tradekit.cel.errors import CelError, Place
from tradekit.cel.tree import Call, Field, Items, Literal, Loop, Name, Node

LONGEST = 2_000
DEEPEST = 40
MOST_LOOPS = 8
_BINARY = {
    "conditionalor": "||", "conditionaland": "&&", "addition_add": "+", "addition_sub": "-", "multiplication_mul": "*",
    "multiplication_div": "/", "multiplication_mod": "%", "relation_lt": "<", "relation_le": "<=", "relation_gt": ">",
    "relation_ge": ">=", "relation_eq": "==", "relation_ne": "!=", "relation_in": "in",
}  # fmt: skip
LOOPS = frozenset({"all", "exists", "exists_one"})
FUNCTIONS = {"size": 1, "double": 1, "int": 1, "string": 1}
METHODS = {"startsWith": 1, "endsWith": 1, "contains": 1, "size": 0}
_OUTSIDE = {
    "member_index": "indexing", "member_object": "messages", "map_lit": "maps", "dot_ident": "absolute names",
    "dot_ident_arg": "absolute names", "UINT_LIT": "unsigned numbers", "BYTES_LIT": "bytes", "NULL_LIT": "null",
    "MLSTRING_LIT": "triple-quoted strings",
}  # fmt: skip
_START = Place(1, 1)
_OPENING, _CLOSING = "([{", ")]}"


@cache
def _grammar() -> CELParser:
    return CELParser()


def parse(text: str) -> Node:
    """Returns the tree of an expression. Raises CelError."""
    if not text.strip():
        raise CelError("CEL_SYNTAX", _START, "the expression is empty")
    if len(text) > LONGEST:
        raise CelError("CEL_SIZE", _START, f"the expression is longer than {LONGEST} characters")
    _not_too_deep(text)
    try:
        tree = _grammar().parse(text)
    except CELParseError as error:
        raise CelError("CEL_SYNTAX", _place_of(error, text), "this is no CEL expression") from None
    return _Reader().node(tree, 0)


def _place_of(error: CELParseError, text: str) -> Place:
    """Where the grammar stopped; it says -1 for the end of the text."""
    if (error.line or 0) > 0 and (error.column or 0) > 0:
        return Place(error.line or 1, error.column or 1)
    lines = text.splitlines() or [""]
    return Place(len(lines), len(lines[-1]) + 1)


def _not_too_deep(text: str) -> None:
    """Refuses what nests deeper than any reader, before a recursion could fail on it; brackets inside strings count too."""
    depth = signs = 0
    for char in text:
        depth += (char in _OPENING) - (char in _CLOSING)
        signs = signs + 1 if char in "!-" else signs if char.isspace() else 0
        if depth > DEEPEST or signs > DEEPEST:
            raise CelError("CEL_SIZE", _START, f"the expression nests deeper than {DEEPEST}")


class _Reader:
    """Reads one expression."""

    def __init__(self) -> None:
        self._loops = 0

    def node(self, tree: Any, depth: int) -> Node:
        """Returns the node of a part of the grammar's tree."""
        while isinstance(tree, Tree) and len(tree.children) == 1 and tree.data not in _SHAPES:
            tree = tree.children[0]  # the grammar wraps each level of precedence around the next
        place = _place(tree)
        if depth > DEEPEST * 8:
            raise CelError("CEL_SIZE", place, f"the expression nests deeper than {DEEPEST}")
        if isinstance(tree, Token):
            return self._token(tree)
        return self._tree(tree, place, depth + 1)

    def _tree(self, tree: Any, place: Place, depth: int) -> Node:
        name, parts = tree.data, tree.children
        if name in _OUTSIDE:
            raise CelError("CEL_OUTSIDE", place, f"{_OUTSIDE[name]} are not part of the subset")
        if name == "expr":
            return Call(place, "?:", tuple(self.node(part, depth) for part in parts))
        if name in ("conditionalor", "conditionaland"):
            return self._operator(_BINARY[name], place, parts[0], parts[1], depth)
        if name in ("relation", "addition", "multiplication"):
            return self._operator(_BINARY[parts[0].data], place, parts[0].children[0], parts[1], depth)
        if name == "unary":
            sign = "!" if parts[0].data == "unary_not" else "-"
            return Call(place, sign, (self.node(parts[1], depth),))
        if name == "ident":
            return Name(place, str(parts[0]))
        if name == "list_lit":
            return Items(place, tuple(self.node(part, depth) for part in _list(parts, 0)))
        if name == "member_dot":
            return Field(place, self.node(parts[0], depth), str(parts[1]))
        if name == "ident_arg":
            return self._function(str(parts[0]), place, _list(parts, 1), depth)
        if name == "member_dot_arg":
            return self._method(str(parts[1]), place, parts[0], _list(parts, 2), depth)
        raise CelError("CEL_OUTSIDE", place, "this is not part of the subset")

    def _operator(self, name: str, place: Place, left: Any, right: Any, depth: int) -> Node:
        return Call(place, name, (self.node(left, depth), self.node(right, depth)))

    def _function(self, name: str, place: Place, given: list[Any], depth: int) -> Node:
        if name == "has":
            arguments = tuple(self.node(part, depth) for part in given)
            if len(arguments) != 1 or not isinstance(arguments[0], Field):
                raise CelError("CEL_TYPE", place, "has() takes one field")
            return Call(place, name, arguments)
        if FUNCTIONS.get(name) != len(given):
            raise CelError(
                "CEL_OUTSIDE", place, f"there is no function {name[:40]} of {len(given)} arguments in the subset"
            )
        return Call(place, name, tuple(self.node(part, depth) for part in given))

    def _method(self, name: str, place: Place, of: Any, given: list[Any], depth: int) -> Node:
        if name in LOOPS and len(given) == 2:
            return self._loop(name, place, of, given, depth)
        if METHODS.get(name) != len(given):
            raise CelError(
                "CEL_OUTSIDE", place, f"there is no method {name[:40]} of {len(given)} arguments in the subset"
            )
        return Call(place, name, (self.node(of, depth), *(self.node(part, depth) for part in given)))

    def _loop(self, name: str, place: Place, of: Any, given: list[Any], depth: int) -> Node:
        self._loops += 1
        if self._loops > MOST_LOOPS:
            raise CelError("CEL_SIZE", place, f"more than {MOST_LOOPS} loops")
        variable = self.node(given[0], depth)
        if not isinstance(variable, Name):
            raise CelError("CEL_TYPE", place, f"{name} takes the name of a variable first")
        return Loop(place, name, self.node(of, depth), variable.name, self.node(given[1], depth))

    def _token(self, token: Token) -> Node:
        place = _place(token)
        if token.type in _OUTSIDE:
            raise CelError("CEL_OUTSIDE", place, f"{_OUTSIDE[token.type]} are not part of the subset")
        if token.type == "BOOL_LIT":
            return Literal(place, str(token) == "true")
        if token.type == "STRING_LIT":
            return Literal(place, literals.string(str(token), place))
        return Literal(place, literals.number(str(token), place))


_SHAPES = frozenset({"ident", "list_lit", "map_lit", "dot_ident", "ident_arg", "member_object", *_OUTSIDE})


def _list(parts: Any, start: int) -> list[Any]:
    """The arguments of a list or call; the grammar leaves the part out where there are none."""
    return list(parts[start].children) if len(parts) > start else []


def _place(part: Any) -> Place:
    where = part if isinstance(part, Token) else part.meta
    return Place(getattr(where, "line", 1) or 1, getattr(where, "column", 1) or 1)
