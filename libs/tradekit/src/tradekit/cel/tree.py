"""The syntax tree of the subset: five shapes, each with the place where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from tradekit.cel.errors import Place


@dataclass(frozen=True, slots=True)
class Literal:
    """A bool, int, double or string."""

    place: Place
    value: bool | int | float | str


@dataclass(frozen=True, slots=True)
class Name:
    """A declared variable, or the variable of a loop."""

    place: Place
    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record."""

    place: Place
    of: Node
    name: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list that is written out."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function: `&& || ! - + * / % == != < <= > >= in ?: has size startsWith endsWith contains double int string`."""

    place: Place
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """`all`, `exists` or `exists_one` over a list: `variable` stands for each item in `body`."""

    place: Place
    name: str
    over: Node
    variable: str
    body: Node


Node = Literal | Name | Field | Items | Call | Loop
