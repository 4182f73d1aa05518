"""The part of TraceQL that people type: conditions on spans in braces, and traces that have several kinds of spans.

`{ resource.service.name = "customer" && duration > 50ms }`, `{ status = error } && { name =~ "publish.*" }`, `{}`.
Grammar: https://grafana.com/docs/tempo/latest/traceql/. What stands beyond that part (aggregates, structural operators, `select`) is
refused by name, never passed over.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sight.traces.spans import KINDS, SERVICE, STATUSES, Seen, Trace

MAX_LENGTH = 2_000
_MAX_DEPTH = 20
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_TOKEN = re.compile(
    r"""\s*(?: (?P<string> "(?:[^"\\]|\\.)*" | `[^`]*` )
        | (?P<duration> \d{1,12}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h)\b )
        | (?P<number> -?\d+(?:\.\d+)? )
        | (?P<op> =~ | !~ | != | >= | <= | && | \|\| | [=<>{}()!|] )
        | (?P<word> \.?[A-Za-z_][\w.:/-]*(?:"[^"]*")? ) )""",
    re.VERBOSE,
)
_QUANTIFIER = re.compile(r"(?<!\\)[*+?{]")
_ON_A_GROUP = re.compile(r"\)[*+?{]")
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
Test = Callable[[Seen, Trace], bool]
Lookup = Callable[[Seen, Trace], Any]
INTRINSICS: dict[str, Lookup] = {
    "name": lambda seen, trace: seen.raw.name,
    "status": lambda seen, trace: seen.status,
    "kind": lambda seen, trace: seen.kind,
    "duration": lambda seen, trace: seen.duration_ns,
    "traceDuration": lambda seen, trace: trace.duration_ns,
    "rootName": lambda seen, trace: trace.root.raw.name if trace.root else None,
    "rootServiceName": lambda seen, trace: trace.root.service if trace.root else None,
}
_KEYWORDS: dict[str, Any] = {
    "true": True,
    "false": False,
    "nil": None,
    **{word: word for word in (*KINDS.values(), *STATUSES.values())},
}


class BadQuery(ValueError):
    """A query that is not TraceQL, or more of it than is understood here; the text is for who typed it."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was read. `spans` returns the spans that matched, none where the trace does not."""

    _root: Callable[[Trace], list[Seen]]

    def spans(self, trace: Trace) -> list[Seen]:
        """Returns the spans of a trace that the query is about."""
        return self._root(trace)


def parse(text: str) -> Query:
    """Reads a query; an empty one is about every span. Raises BadQuery."""
    if len(text) > MAX_LENGTH:
        raise BadQuery(f"the query is longer than {MAX_LENGTH} characters")
    parser = _Parser(_tokens(text) or [("op", "{"), ("op", "}")])
    root = parser.spansets()
    if parser.left:
        raise BadQuery(f"`{parser.left}` is not understood here")
    return Query(root)


def field(word: str) -> Lookup:
    """Returns how a field is read off a span: an intrinsic, `span.…`, `resource.…` or `.…`. Raises BadQuery."""
    return _lookup(word)


def duration_ns(text: str) -> int | None:
    """Reads a duration (`1.5s`, `100ms`) into nanoseconds; None for what is none."""
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)", text)
    return None if found is None else round(float(found[1]) * _UNITS[found[2]])


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise BadQuery(f"`{text[at : at + 20].strip()}` is not understood here")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def left(self) -> str:
        """The token that comes next; empty at the end."""
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def spansets(self) -> Callable[[Trace], list[Seen]]:
        """`{…} && {…} || {…}`: `&&` binds closer."""
        found = self._both()
        while self._takes("||"):
            found = _either(found, self._both())
        return found

    def _both(self) -> Callable[[Trace], list[Seen]]:
        found = self._spanset()
        while self._takes("&&"):
            found = _together(found, self._spanset())
        return found

    def _spanset(self) -> Callable[[Trace], list[Seen]]:
        self._needs("{")
        test: Test = _always if self.left == "}" else self._or()
        self._needs("}")
        return lambda trace: [seen for seen in trace.spans if test(seen, trace)]

    def _or(self) -> Test:
        found = [self._and()]
        while self._takes("||"):
            found.append(self._and())
        return found[0] if len(found) == 1 else lambda seen, trace: any(test(seen, trace) for test in found)

    def _and(self) -> Test:
        found = [self._one()]
        while self._takes("&&"):
            found.append(self._one())
        return found[0] if len(found) == 1 else lambda seen, trace: all(test(seen, trace) for test in found)

    def _one(self) -> Test:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise BadQuery("the query is nested too deep")
        try:
            if self._takes("!"):
                inner = self._one()
                return lambda seen, trace: not inner(seen, trace)
            if self._takes("("):
                inner = self._or()
                self._needs(")")
                return inner
            return self._condition()
        finally:
            self._depth -= 1

    def _condition(self) -> Test:
        kind, word = self._next()
        if kind != "word":
            raise BadQuery(f"a field is expected, not `{word}`")
        if word in ("true", "false"):
            return _always if word == "true" else lambda seen, trace: False
        read = _lookup(word)
        _, sign = self._next()
        if sign not in {"=", "!=", "=~", "!~", *_ORDERED}:
            raise BadQuery(f"`{sign}` after `{word}` is not understood here")
        return _compared(read, sign, self._literal())

    def _literal(self) -> Any:
        kind, text = self._next()
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] == '"' else text[1:-1]
        if kind == "duration":
            return duration_ns(text)
        if kind == "number":
            return float(text)
        if text in _KEYWORDS:
            return _KEYWORDS[text]
        raise BadQuery(f"a value is expected, not `{text}`")

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise BadQuery("the query ends too soon")
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("op", token):
            self._at += 1
            return True
        return False

    def _needs(self, token: str) -> None:
        if not self._takes(token):
            raise BadQuery(f"`{token}` is expected" + (f", not `{self.left}`" if self.left else " at the end"))


def _always(seen: Seen, trace: Trace) -> bool:
    return True


def _together(
    one: Callable[[Trace], list[Seen]], other: Callable[[Trace], list[Seen]]
) -> Callable[[Trace], list[Seen]]:
    def both(trace: Trace) -> list[Seen]:
        first, second = one(trace), other(trace)
        return _merged(first, second) if first and second else []

    return both


def _either(one: Callable[[Trace], list[Seen]], other: Callable[[Trace], list[Seen]]) -> Callable[[Trace], list[Seen]]:
    return lambda trace: _merged(one(trace), other(trace))


def _merged(first: list[Seen], second: list[Seen]) -> list[Seen]:
    return list({seen.raw.span_id: seen for seen in (*first, *second)}.values())


def _lookup(word: str) -> Lookup:
    word = word.replace('"', "")
    if word in INTRINSICS:
        return INTRINSICS[word]
    for prefix, scopes in (("span.", "s"), ("resource.", "r"), (".", "sr")):
        if word.startswith(prefix) and len(word) > len(prefix):
            return _attribute(word.removeprefix(prefix), scopes)
    known = ", ".join(INTRINSICS)
    raise BadQuery(f"`{word}` is no field: use {known}, span.…, resource.… or .…")


def _attribute(key: str, scopes: str) -> Lookup:
    def read(seen: Seen, trace: Trace) -> Any:
        if "s" in scopes and key in seen.attributes:
            return seen.attributes[key]
        if "r" in scopes:
            return seen.service if key == SERVICE else seen.resource.get(key)
        return None

    return read


def _compared(read: Lookup, sign: str, value: Any) -> Test:
    if sign in ("=~", "!~"):
        return _matched(read, value, wanted=sign == "=~")
    if sign == "=":
        return lambda seen, trace: _same(read(seen, trace), value)
    if sign == "!=":
        return lambda seen, trace: not _same(read(seen, trace), value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadQuery(f"`{sign}` compares numbers and durations only")
    compare = _ORDERED[sign]

    def ordered(seen: Seen, trace: Trace) -> bool:
        found = read(seen, trace)
        return isinstance(found, int | float) and not isinstance(found, bool) and compare(found, value)

    return ordered


def _same(found: Any, value: Any) -> bool:
    return bool(found == value) and isinstance(found, bool) == isinstance(value, bool)


def _matched(read: Lookup, pattern: Any, *, wanted: bool) -> Test:
    """A pattern matches the whole value. What could take for ever on a long one is refused: Python's engine goes back."""
    if not isinstance(pattern, str):
        raise BadQuery("`=~` takes a pattern in quotes")
    if len(_QUANTIFIER.findall(pattern)) > 3 or _ON_A_GROUP.search(pattern):
        raise BadQuery("the pattern repeats too much: at most three of * + ? {, none after a group")
    try:
        match = re.compile(pattern).fullmatch
    except re.error:
        raise BadQuery(f"`{pattern}` is no pattern") from None

    def matched(seen: Seen, trace: Trace) -> bool:
        found = read(seen, trace)
        return isinstance(found, str) and (match(found[:200]) is not None) is wanted

    return matched
