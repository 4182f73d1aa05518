"""Literals of CEL as Python values."""

from __future__ import annotations

import math
import re

from tradekit.cel.errors import CelError, Place

_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ITSELF = frozenset("\\'\"`?")
_NUMBERED = re.compile(r"x[0-9a-fA-F]{2}|X[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}")
_SURROGATES = range(0xD800, 0xE000)
# The lowest number of 64 bits is left out: the evaluation negates it to itself, where CEL says that it has no value.
INT_MIN, INT_MAX = -(2**63) + 1, 2**63 - 1


def number(text: str, place: Place) -> int | float:
    """Reads an int or a double. Raises CelError (CEL_TYPE) for one that no 64 bits hold."""
    bare = text.lstrip("-")
    if bare[:2] in ("0x", "0X") or bare.isdigit():
        found = int(text, 16) if bare[:2] in ("0x", "0X") else int(text)
        if not INT_MIN <= found <= INT_MAX:
            raise CelError("CEL_TYPE", place, "the number does not fit into 64 bits")
        return found
    real = float(text)
    if not math.isfinite(real):
        raise CelError("CEL_TYPE", place, "the number is too large")
    return real


def string(text: str, place: Place) -> str:
    """Reads a string in single or double quotes. Raises CelError for raw and triple-quoted ones, and for unknown escapes."""
    if text[0] in "rR" or text[:3] in ('"""', "'''"):
        raise CelError("CEL_OUTSIDE", place, "raw and triple-quoted strings are not part of the subset")
    body, made, at = text[1:-1], [], 0
    while at < len(body):
        char = body[at]
        if char != "\\":
            made.append(char)
            at += 1
            continue
        decoded, at = _escape(body, at + 1, place)
        made.append(decoded)
    return "".join(made)


def _escape(body: str, at: int, place: Place) -> tuple[str, int]:
    char = body[at : at + 1]
    if char in _ITSELF and char:
        return char, at + 1
    if char in _SIMPLE:
        return _SIMPLE[char], at + 1
    if match := _NUMBERED.match(body, at):
        code = int(match[0], 8) if match[0][0] in "0123" else int(match[0][1:], 16)
        if code <= 0x10FFFF and code not in _SURROGATES:
            return chr(code), match.end()
    raise CelError("CEL_SYNTAX", place, "the string has an escape that CEL does not know")
