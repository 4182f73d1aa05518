"""The official conformance cases of CEL as tests read them: the text format of protocol buffers, as far as those files use it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CASES = "conformance/cel-spec/tests/simple/testdata"
"""Where the files lie below the folder of real data."""
_TOKEN = re.compile(r'#[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[A-Za-z_][\w.]*|[-+0-9.eEinfa]+|[][{}:<>,;/]')
_FILES = (
    "basic",
    "comparisons",
    "conversions",
    "fp_math",
    "integer_math",
    "lists",
    "logic",
    "macros",
    "string",
    "parse",
)


class Reader:
    """Reads a text: a list of (field, value) pairs."""

    def __init__(self, text: str) -> None:
        self._tokens = [token for token in _TOKEN.findall(text) if not token.startswith("#")]
        self._at = 0

    def pairs(self, end: str = "") -> list[tuple[str, Any]]:
        """Returns what stands before a closing token, or before the end."""
        found: list[tuple[str, Any]] = []
        while self._at < len(self._tokens) and self._tokens[self._at] != end:
            name = self._next()
            if name in (",", ";"):
                continue
            if name == "[":  # an extension or a type by its full name
                while self._next() != "]":
                    pass
            if self._tokens[self._at] == ":":
                self._at += 1
            found.append((name, self._value()))
        self._at += 1
        return found

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _value(self) -> Any:
        part = self._next()
        if part == "{":
            return self.pairs("}")
        if part[0] not in "\"'":
            return part
        text = _unquoted(part)
        while self._at < len(self._tokens) and self._tokens[self._at][0] in "\"'":
            text += _unquoted(self._next())
        return text


def _unquoted(token: str) -> str:
    simple = {"n": b"\n", "t": b"\t", "r": b"\r", "a": b"\a", "b": b"\b", "f": b"\f", "v": b"\v"}
    found, at, body = b"", 0, token[1:-1]
    while at < len(body):
        if body[at] != "\\":
            found += body[at].encode()
            at += 1
        elif match := re.compile(r"x[0-9a-fA-F]{1,2}|[0-7]{1,3}").match(body, at + 1):
            found += bytes([int(match[0][1:], 16) if match[0][0] == "x" else int(match[0], 8)])
            at = match.end()
        elif match := re.compile(r"u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}").match(body, at + 1):
            found += chr(int(match[0][1:], 16)).encode()
            at = match.end()
        else:
            found += simple.get(body[at + 1], body[at + 1].encode())
            at += 2
    return found.decode("utf-8", "replace")


def value_of(pairs: list[tuple[str, Any]]) -> Any:
    """A value of the conformance files; raises KeyError for a kind that the subset does not have."""
    (name, told), *_ = pairs or [("none", "")]
    if name == "list_value":
        return [value_of(value) for key, value in told if key == "values"]
    plain = {"bool_value": lambda text: text == "true", "int64_value": int, "double_value": float, "string_value": str}
    return plain[name](told)


def cases(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each case of the files that the subset has to do with: its name, and its fields."""
    for name in _FILES:
        for field, section in Reader((folder / f"{name}.textproto").read_text(encoding="utf-8")).pairs():
            if field == "section":
                group = dict(section)["name"]
                yield from ((f"{name}/{group}/{dict(t)['name']}", dict(t)) for key, t in section if key == "test")
