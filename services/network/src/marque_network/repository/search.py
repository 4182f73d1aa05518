"""The bounded search that dealers and staff share: candidates by index, judged in Python, the best shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from tradekit.search import SearchQuery

from marque_network.rules.findable import fit

CANDIDATES = 300


@dataclass(frozen=True, slots=True)
class Found:
    """The best rows with their scores, best first, and whether more matched than were weighed or shown."""

    rows: Sequence[tuple[Any, float]]
    truncated: bool


async def best(
    session: AsyncSession,
    table: sa.Table,
    scope: Sequence[sa.ColumnElement[bool]],
    query: SearchQuery,
    number: str,
    size: int,
) -> Found:
    """Returns the best `size` of at most CANDIDATES rows that match; `number` names the column that holds the natural
    key.

    A row with exactly this key is always among the candidates, however many others match.
    """
    if query.is_empty:
        return Found((), False)
    columns = table.c
    matching = sa.select(table).where(*scope, *_conditions(table, query)).limit(CANDIDATES + 1)
    exact = (
        sa.select(table).where(*scope, columns[number].in_(sorted({query.text, query.text.upper()}))).limit(CANDIDATES)
    )
    both = sa.union_all(exact.subquery("exact").select(), matching.subquery("matching").select())
    rows = (await session.execute(both)).all()
    key = next(iter(table.primary_key.columns)).name
    distinct = {getattr(row, key): row for row in rows}.values()
    scored = [(row, fit(query.text, row.search_text)) for row in distinct]
    scored.sort(key=lambda item: (-item[1], getattr(item[0], number)))
    return Found(scored[:size], len(scored) > min(size, CANDIDATES))


def _conditions(table: sa.Table, query: SearchQuery) -> list[sa.ColumnElement[bool]]:
    """One condition for all tokens and one for each pattern: only so PostgreSQL uses the trigram index
    (tradekit.search).
    """
    found: list[sa.ColumnElement[bool]] = [table.c.search_text.like(pattern) for pattern in query.patterns]
    if query.tokens:
        found.append(table.c.search_tokens.contains(query.tokens))
    return found
