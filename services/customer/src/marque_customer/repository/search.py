"""Search: a bounded set of candidates by the three GIN indexes, visibility in the same statement.

Parts of numbers, from five digits on, are found by their runs of five (`digit_windows`, migration 0013), never by trigrams: each of those
is in one of a hundred numbers. Whose name is exactly what was typed is found by an index of its own: what it touches are the entries of
the name and the rows that are shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from servicekit.db.engine import Reader
from tradekit.search import QueryKind, SearchQuery

from marque_customer.repository.sight import Sight, rule
from marque_customer.rules.kinds import LISTED

CANDIDATES = 500
# Looked at for a page of results, where some may fit better than others: of more namesakes each costs a page of the table. Those whose name
# is exactly what was typed are looked for apart and come first (`named`), so that a small bound never hides them.
_PER_RESULT, _LEAST = 3, 60
_WINDOW = 5  # digits, as the function of the index cuts them
_SHORTEST_GUESS = 4
_INDEXED = 100  # characters of the first line, as the index cuts it (migration 0014)
# The tokens of the dealers in scope (rules.documents.dealer_token): the index narrows to their customers before a row is read.
_DEALER_TOKENS = """(SELECT array_agg('@' || replace(s.dealer_id::text, '-', '')) FROM (
    SELECT unnest($5::uuid[]) AS dealer_id UNION
    SELECT dealer_id FROM known_dealers WHERE group_code = $6::text OR region_code = $7::text) s)"""


def most(query: SearchQuery, size: int) -> int:
    """Returns how many candidates are looked at for so many results: who is found by whole tokens fits as well as any other."""
    if not query.patterns or all(_windows(pattern) for pattern in query.patterns):
        return min(size, CANDIDATES)
    return min(max(size * _PER_RESULT, _LEAST), CANDIDATES)


def _windows(pattern: str) -> list[int]:
    """Returns the runs of five digits of a part of a number, none for any other pattern."""
    part = pattern.strip("%")
    if len(part) < _WINDOW or not (part.isascii() and part.isdigit()):
        return []
    return sorted({int(part[place : place + _WINDOW]) for place in range(len(part) - _WINDOW + 1)})


async def named(reader: Reader, sight: Sight, query: SearchQuery, kind: int, limit: int) -> Sequence[asyncpg.Record]:
    """Returns up to `limit` + 1 rows whose name, the first line of their text, is exactly what was typed; none for numbers and keys."""
    if query.kind not in (QueryKind.HAN, QueryKind.LATIN):
        return []
    values = [list(LISTED), kind, *sight.values, query.text]
    line, asked = "split_part(c.search_text, E'\\n', 1)", f"${len(values)}::text"
    exact = [f"left({line}, {_INDEXED}) = left({asked}, {_INDEXED})", f"{line} = {asked}"]
    found: Sequence[asyncpg.Record] = await reader.fetch(_statement(sight, exact, limit), *values)
    return found


async def candidates(
    reader: Reader, sight: Sight, query: SearchQuery, kind: int, limit: int = CANDIDATES
) -> Sequence[asyncpg.Record]:
    """Returns up to `limit` + 1 rows `customer_id, search_text, card` that hold every word of the query."""
    conditions, values = [], [list(LISTED), kind, *sight.values]
    if query.tokens:
        values.append(query.tokens)
        conditions.append(f"c.search_tokens @> ${len(values)}::text[]")
    for pattern in query.patterns:
        if windows := _windows(pattern):
            values += [windows, pattern.strip("%")]
            conditions.append(f"digit_windows(c.search_text) @> ${len(values) - 1}::integer[]")
            conditions.append(
                f"strpos(c.search_text, ${len(values)}::text) > 0"
            )  # LIKE would bring the trigrams' index in
        else:
            values.append(pattern)
            conditions.append(f"c.search_text LIKE ${len(values)}")
    found: Sequence[asyncpg.Record] = await reader.fetch(_statement(sight, conditions, limit), *values)
    return found


async def near(
    reader: Reader, sight: Sight, query: SearchQuery, kind: int, limit: int = CANDIDATES
) -> Sequence[asyncpg.Record]:
    """Returns rows with a word nearly like the query, for a slip in a Latin name; none for queries too short to guess by."""
    if len(query.text) < _SHORTEST_GUESS or not query.text.replace(" ", "").isalpha() or not query.text.isascii():
        return []
    values = [list(LISTED), kind, *sight.values, query.text]
    text = _statement(sight, [f"c.search_text %> ${len(values)}"], limit)
    found: Sequence[asyncpg.Record] = await reader.fetch(text, *values)
    return found


def _statement(sight: Sight, conditions: list[str], limit: int) -> str:
    scoped = not sight.everything and sight.own is None
    found = [*conditions, f"c.search_tokens && {_DEALER_TOKENS}"] if scoped else conditions
    return (
        f"SELECT c.customer_id, c.search_text, c.card FROM customers c WHERE {' AND '.join(found)}"  # noqa: S608
        f" AND c.status = ANY($1) AND ($2 = 0 OR c.kind = $2) AND {rule(3)} LIMIT {limit + 1}"
    )
