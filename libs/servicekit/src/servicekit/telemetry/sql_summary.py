"""From a statement to ``SELECT customers``: operations and tables, never a literal, a parameter or a column.

Source of the form: semantic conventions, "Generating a summary of the query text" (``db.query.summary``, at most 255
characters). A scanner over tokens rather than a SQL parser: it must take a few microseconds and never fail.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_LENGTH = 255
_TOKEN = re.compile(
    r"""
    (?P<skip> --[^\n]* | /\*.*?(?:\*/|\Z) | [eE]'(?:[^'\\]|\\.|'')*(?:'|\Z) | '(?:[^']|'')*(?:'|\Z)
              | \$(?P<tag>[A-Za-z_]*)\$.*?(?:\$(?P=tag)\$|\Z) )
  | (?P<word> (?:[^\W\d]\w*|"(?:[^"]|"")+")(?:\.(?:[^\W\d]\w*|"(?:[^"]|"")+"))* )
  | (?P<paren> [()] )
  | (?P<comma> , )
    """,
    re.VERBOSE | re.DOTALL,
)
# fmt: off
_OPERATIONS = frozenset({
    "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "TRUNCATE", "CREATE", "ALTER", "DROP", "CALL",
    "EXPLAIN", "SET", "SHOW", "LOCK", "NOTIFY", "LISTEN", "ANALYZE", "VACUUM", "SAVEPOINT", "RELEASE", "ROLLBACK",
    "COMMIT", "BEGIN", "DISCARD", "VALUES",
})
# fmt: on
_NESTED = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"})
_BEFORE_TABLE = frozenset({"FROM", "INTO", "JOIN", "UPDATE", "USING", "TABLE", "COPY", "TRUNCATE", "LOCK", "ANALYZE"})
_BETWEEN = frozenset({"ONLY", "LATERAL", "IF", "NOT", "EXISTS", "TABLE"})
_NOT_A_COMMAND_AFTER = {"UPDATE": frozenset({"FOR", "DO", "KEY", "ON", "THEN"}), "DELETE": frozenset({"ON", "THEN"})}
_STREAMS = frozenset({"STDIN", "STDOUT"})
_FALLBACK = "QUERY"
_MAX_SCANNED = 10_000


@lru_cache(maxsize=2048)
def summarise(statement: str) -> str:
    """``INSERT outbox_messages``; ``QUERY`` for what is not recognised. Remembered by statement text."""
    words: list[str] = []
    for part in _Scan(statement[:_MAX_SCANNED]).parts():
        if not words or words[-1] != part:
            words.append(part)
    text = " ".join(words) or _FALLBACK
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH].rsplit(" ", 1)[0][:MAX_LENGTH]


class _Scan:
    """One pass over the tokens. ``FROM`` counts only where its parentheses hold a command: not in ``extract(…)``."""

    def __init__(self, statement: str) -> None:
        self._tokens = [
            (match.lastgroup, match.group()) for match in _TOKEN.finditer(statement) if match["skip"] is None
        ]
        self._open = [False]
        self._parts: list[str] = []
        self._before = ""

    def parts(self) -> list[str]:
        expecting = False
        for at, (kind, token) in enumerate(self._tokens):
            if kind == "paren":
                self._nest(token)
                expecting = False
            elif kind == "word":
                expecting = self._word(token, expecting, self._is_call(at))
            self._before = token.upper()
        return self._parts

    def _nest(self, parenthesis: str) -> None:
        if parenthesis == "(":
            self._open.append(False)
        elif len(self._open) > 1:
            self._open.pop()

    def _is_call(self, at: int) -> bool:
        """A name right before a parenthesis is a function (``unnest(…)``), except in ``INSERT INTO table (…)``."""
        if at + 1 >= len(self._tokens) or self._tokens[at + 1][1] != "(":
            return False
        return self._before not in {"INTO", "TABLE", "COPY", "EXISTS"}

    def _word(self, token: str, expecting: bool, call: bool) -> bool:
        """Take one word; says whether the next one may be a table."""
        upper = token.upper()
        if expecting and upper in _BETWEEN:
            return True
        if self._is_command(upper):
            self._open[-1] = True
            self._parts.append(upper)
            return upper in _BEFORE_TABLE
        if expecting and upper not in _NESTED:
            if not call and upper not in _STREAMS:
                self._parts.append(token.replace('"', ""))
            return False
        return upper in _BEFORE_TABLE and self._open[-1] and self._before != "DISTINCT" and upper != "UPDATE"

    def _is_command(self, upper: str) -> bool:
        if upper not in _OPERATIONS:
            return False
        if self._open[-1] and (upper not in _NESTED or self._before in _NOT_A_COMMAND_AFTER.get(upper, ())):
            return False
        return not self._parts or upper in _NESTED
