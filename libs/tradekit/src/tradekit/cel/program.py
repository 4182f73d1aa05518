"""Conditions that are checked once and evaluated often."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tradekit.cel.check import Names, check
from tradekit.cel.errors import CelError
from tradekit.cel.library import cel
from tradekit.cel.parse import parse
from tradekit.cel.text import FUNCTIONS, written
from tradekit.cel.tree import Node
from tradekit.cel.types import BOOL, Type


class EvaluationError(Exception):
    """The expression has no value: a field that it reads is absent, a division by zero, a number out of 64 bits."""


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Any:
    return cel.compile(text)


class Program:
    """An expression with its type over declared names; `evaluate` may be called from several tasks. Raises CelError."""

    def __init__(self, node: Node, names: Names) -> None:
        self.node = node
        self.type: Type = check(node, names)
        self._run = _compiled(written(node, run=names))

    @classmethod
    def of(cls, text: str, names: Names) -> Program:
        """Reads and checks an expression over declared names. Raises CelError."""
        return cls(parse(text), names)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Returns the value. Raises EvaluationError where there is none."""
        try:
            return self._run.execute(cel.Context(variables=dict(values), functions=FUNCTIONS))
        except (KeyError, ArithmeticError, TypeError, ValueError, RuntimeError) as error:
            raise EvaluationError(type(error).__name__) from None

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Tells whether a condition holds; one that has no value, because something that it asks is not known, does not."""
        try:
            return self.evaluate(values) is True
        except EvaluationError:
            return False


def compile_condition(text: str, names: Names) -> Program:
    """Returns a checked condition. Raises CelError, also where the expression is no condition."""
    program = Program.of(text, names)
    if program.type != BOOL:
        raise CelError("CEL_TYPE", program.node.place, f"a condition is true or false, this is {program.type.name}")
    return program
