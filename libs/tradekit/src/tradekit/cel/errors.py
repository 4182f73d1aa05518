"""What is wrong with an expression, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the text: line and column, both from 1."""

    line: int
    column: int


class CelError(ValueError):
    """An expression that is not taken: `reason` is a constant, `place` where it stands.

    Reasons: CEL_SYNTAX (no CEL at all), CEL_OUTSIDE (CEL, but not of the subset), CEL_NAME (nothing of this name is declared), CEL_TYPE
    (the types do not fit), CEL_SIZE (too long, too deep, or too many loops).
    """

    def __init__(self, reason: str, place: Place, text: str) -> None:
        self.reason = reason
        self.place = place
        self.text = text
        super().__init__(f"line {place.line}, column {place.column}: {text}")
