"""Search: a bounded set of candidates by the two GIN indexes, visibility in the same statement."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from servicekit.db.engine import Reader
from tradekit.search import SearchQuery

from marque_customer.repository.sight import Sight, rule
from marque_customer.rules.kinds import LISTED

CANDIDATES = 500
_SHORTEST_GUESS = 4
# The tokens of the dealers in scope (rules.documents.dealer_token): the index narrows to their customers before a row is read.
_DEALER_TOKENS = """(SELECT array_agg('@' || replace(s.dealer_id::text, '-', '')) FROM (
    SELECT unnest($5::uuid[]) AS dealer_id UNION
    SELECT dealer_id FROM known_dealers WHERE group_code = $6::text OR region_code = $7::text) s)"""


async def candidates(reader: Reader, sight: Sight, query: SearchQuery, kind: int) -> Sequence[asyncpg.Record]:
    """Returns up to CANDIDATES + 1 rows `customer_id, search_text` that hold every word of the query."""
    conditions, values = [], [list(LISTED), kind, *sight.values]
    if query.tokens:
        values.append(query.tokens)
        conditions.append(f"c.search_tokens @> ${len(values)}::text[]")
    for pattern in query.patterns:
        values.append(pattern)
        conditions.append(f"c.search_text LIKE ${len(values)}")
    found: Sequence[asyncpg.Record] = await reader.fetch(_statement(sight, conditions), *values)
    return found


async def near(reader: Reader, sight: Sight, query: SearchQuery, kind: int) -> Sequence[asyncpg.Record]:
    """Returns rows with a word nearly like the query, for a slip in a Latin name; none for queries too short to guess by."""
    if len(query.text) < _SHORTEST_GUESS or not query.text.replace(" ", "").isalpha() or not query.text.isascii():
        return []
    values = [list(LISTED), kind, *sight.values, query.text]
    text = _statement(sight, [f"c.search_text %> ${len(values)}"])
    found: Sequence[asyncpg.Record] = await reader.fetch(text, *values)
    return found


def _statement(sight: Sight, conditions: list[str]) -> str:
    scoped = not sight.everything and sight.own is None
    found = [*conditions, f"c.search_tokens && {_DEALER_TOKENS}"] if scoped else conditions
    return (
        f"SELECT c.customer_id, c.search_text FROM customers c WHERE {' AND '.join(found)}"  # noqa: S608
        f" AND c.status = ANY($1) AND ($2 = 0 OR c.kind = $2) AND {rule(3)} LIMIT {CANDIDATES + 1}"
    )
