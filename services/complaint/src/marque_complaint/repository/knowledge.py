"""SQL of articles. Who may read what is said here: customers open articles, dealers the maker's and their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from tradekit.search import SearchQuery

from marque_complaint.models import KnowledgeArticle, KnowledgeRating, KnowledgeVersion
from marque_complaint.repository.scope import Scope
from marque_complaint.rules.knowledge import ARTICLE, TEMPLATE, Like

CANDIDATES = 200
_COLUMNS = (
    "article_code, kind, latest, open, dealer_id, retired, helpful_count, unhelpful_count, solved_count, version, create_time, "
    "update_time"
)


def _readable(conditions: query.Conditions, scope: Scope) -> None:
    if scope.everything:
        return
    if scope.customers:
        conditions.add("open AND kind = {}", ARTICLE)
    else:
        conditions.add("(dealer_id IS NULL OR dealer_id = ANY({}))", list(scope.dealers))


async def get(reader: Reader, scope: Scope, code: str) -> asyncpg.Record | None:
    """Returns an article that the caller may read."""
    conditions = query.Conditions()
    conditions.add("article_code = {}", code)
    _readable(conditions, scope)
    sql = f"SELECT {_COLUMNS} FROM knowledge_articles WHERE {conditions.sql}"  # noqa: S608 - our own words
    return await reader.fetchrow(sql, *conditions.arguments)


async def versions(reader: Reader, codes: Sequence[str]) -> dict[str, list[asyncpg.Record]]:
    """Returns the numbers and days of the versions of articles, by article."""
    sql = "SELECT article_code, number, effective_date FROM knowledge_versions WHERE article_code = ANY($1) ORDER BY number"
    found: dict[str, list[asyncpg.Record]] = {}
    for row in await reader.fetch(sql, list(codes)):
        found.setdefault(row["article_code"], []).append(row)
    return found


async def documents(reader: Reader, wanted: Sequence[tuple[str, int]]) -> dict[str, asyncpg.Record]:
    """Returns one version of each article, by article."""
    sql = (
        "SELECT v.article_code, v.number, v.effective_date, v.document::text AS document FROM knowledge_versions v "
        "JOIN unnest($1::text[], $2::integer[]) AS w (code, number) ON v.article_code = w.code AND v.number = w.number"
    )
    rows = await reader.fetch(sql, [code for code, _ in wanted], [number for _, number in wanted])
    return {row["article_code"]: row for row in rows}


_SYSTEM = "EXISTS (SELECT FROM unnest(components) AS one(path) WHERE split_part(path, ':', 1) = ANY({}::text[]))"
_HELD = "(SELECT count(*) FROM unnest({}::text[]) AS one(word) WHERE strpos(search_text, word) > 0)"


def _like(conditions: query.Conditions, like: Like) -> str:
    """Narrows to what a case may be answered by, by index, and returns the order: first its system, then how many words both hold."""
    systems, words, pairs = (conditions.bind(value) for value in (like.systems, like.words, like.pairs))
    patterns = conditions.bind([f"%{word}%" for word in like.words])
    same = _SYSTEM.format(systems)
    conditions.parts.append(f"({same} OR search_tokens && {pairs}::text[] OR search_text LIKE ANY({patterns}::text[]))")
    return f"{same} DESC, {_HELD.format(words)} + {_HELD.format(pairs)} DESC, "


async def search(
    reader: Reader, scope: Scope, asked: SearchQuery | None, kind: int, like: Like | None = None
) -> list[asyncpg.Record]:
    """Returns articles that hold every word (None: by no word), the likest to a case and then the most helpful first, however many there
    are: at most CANDIDATES and one more.
    """
    conditions = query.Conditions()
    conditions.parts.append("NOT retired")
    _readable(conditions, scope)
    if kind:
        conditions.add("kind = {}", kind)
    else:
        conditions.add("kind <> {}", TEMPLATE)
    for tokens in [asked.tokens] if asked is not None and asked.tokens else []:
        conditions.add("search_tokens @> {}::text[]", tokens)
    for pattern in asked.patterns if asked is not None else ():
        conditions.add("search_text LIKE {}", pattern)
    order = _like(conditions, like) if like is not None else ""
    sql = (
        f"SELECT {_COLUMNS} FROM knowledge_articles WHERE {conditions.sql} "  # noqa: S608 - our own words
        f"ORDER BY {order}helpful_count - unhelpful_count DESC, article_code LIMIT {CANDIDATES + 1}"
    )
    return list(await reader.fetch(sql, *conditions.arguments))


async def lock(session: AsyncSession, code: str) -> KnowledgeArticle | None:
    """Returns an article for change."""
    found = sa.select(KnowledgeArticle).where(KnowledgeArticle.article_code == code)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def hold(session: AsyncSession, code: str) -> None:
    """Holds a code until the transaction ends, so that two first versions are never written at once."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"knowledge:{code}", 0))))


async def version_of(session: AsyncSession, code: str, number: int) -> KnowledgeVersion | None:
    """Returns a version."""
    return await session.get(KnowledgeVersion, (code, number))


async def rate(session: AsyncSession, values: dict[str, Any]) -> None:
    """Keeps a reader's last word."""
    row = insert(KnowledgeRating).values(values)
    said = {name: values[name] for name in ("helpful", "solved", "create_time")}
    await session.execute(row.on_conflict_do_update(index_elements=["article_code", "reader_key"], set_=said))


async def tally(session: AsyncSession, code: str) -> tuple[int, int, int]:
    """Returns how many found an article helpful, did not, and need no case any more."""
    rating = KnowledgeRating
    counts = sa.select(
        sa.func.count().filter(rating.helpful),
        sa.func.count().filter(~rating.helpful),
        sa.func.count().filter(rating.solved),
    ).where(rating.article_code == code)
    row = (await session.execute(counts)).one()
    return int(row[0]), int(row[1]), int(row[2])
