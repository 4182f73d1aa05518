"""What a decoder carries through a document: the errors found, the depth reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from marque_gateway.json.scalars import Refused, wrong_type

MAX_DEPTH = 100
MAX_ERRORS = 20


@dataclass(frozen=True)
class JsonFieldError:
    """One refused value.

    `field_path` is in the JSON form (`address.postalCode`, `tags[2]`), empty for the document itself; `reason` is for
    programs (UNKNOWN_FIELD, INVALID_TYPE, OUT_OF_RANGE, …); `message` is a sentence without its subject and without
    the value.
    """

    field_path: str
    reason: str
    message: str


class JsonDecodeError(ValueError):
    """A document that is not the message; holds what was found, at most MAX_ERRORS of it."""

    def __init__(self, errors: list[JsonFieldError]) -> None:
        super().__init__("; ".join(f"{error.field_path or 'the document'} {error.message}" for error in errors))
        self.errors = errors


class TooMany(Exception):
    """Enough errors are collected."""


class Run:
    """The errors of one document, and the way to the readers of types that are known only when they are met."""

    __slots__ = ("errors", "fill_of")

    def __init__(self, fill_of: Callable[[Any], Fill]) -> None:
        self.fill_of = fill_of
        self.errors: list[JsonFieldError] = []

    def refuse(self, path: str, refused: Refused) -> None:
        self.errors.append(JsonFieldError(path, refused.reason, refused.message))
        if len(self.errors) >= MAX_ERRORS:
            raise TooMany


Fill = Callable[[Any, Any, str, int, Run], None]
"""Reads a JSON value into a message that stands at a path and a depth."""


def guarded_fill(fill: Fill) -> Fill:
    """Refuses what is nested too deeply, and notes the refusal of a whole value at its path."""

    def guarded(message: Any, value: Any, path: str, depth: int, run: Run) -> None:
        try:
            if depth > MAX_DEPTH:
                raise Refused("TOO_DEEP", f"is nested more than {MAX_DEPTH} levels deep")
            fill(message, value, path, depth, run)
        except Refused as refused:
            run.refuse(path, refused)

    return guarded


def shown_key(key: Any) -> str:
    """Returns a caller's key as it may be repeated to him: short, and without control characters."""
    return "".join(char if char.isprintable() else "?" for char in str(key)[:60])


def items_of(value: Any) -> list[Any]:
    if type(value) is not list:
        raise wrong_type("a list", value)
    return value
