"""SQL of the taxonomies and of what was learned from past cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import CaseSuggester, CaseTerm
from marque_complaint.rules.terms import COMPONENT, Term

_KEPT = 2  # how many versions keep what they learned; of the older ones only how good they were stays
_TERMS = "scheme, code, version, create_time, update_time, names::text AS names, aliases, product, retired"
_EXAMPLES = """
SELECT concat_ws(E'\\n', subject, description) AS text, category, components FROM cases
WHERE description <> '' AND (category <> '' OR components <> '{}') ORDER BY receive_time DESC, case_id DESC LIMIT $1"""
_DECIDED = """
SELECT count(*) FROM case_facts WHERE ordinal = 0 AND (NOT predicted AND system <> '' OR NOT category_predicted AND category <> '')"""
_SUGGESTER = "SELECT version, create_time, train_time, too_few, measures::text AS measures FROM case_suggesters WHERE "
_LATEST = "SELECT max(version) FROM case_suggesters WHERE train_time IS NOT NULL AND NOT too_few"
_FORGET = "UPDATE case_suggesters SET document = NULL WHERE document IS NOT NULL AND version <= :version"


async def list_terms(
    reader: Reader, scheme: int, under: str, show_retired: bool, page: Page, after: str | None
) -> list[asyncpg.Record]:
    """Returns a page of terms and one more, by code."""
    conditions = query.Conditions()
    conditions.add("scheme = {}", scheme)
    if under:
        conditions.add("(code = {} OR starts_with(code, {} || ':'))", under, under)
    if not show_retired:
        conditions.parts.append("NOT retired")
    if after is not None:
        conditions.add("code > {}", after)
    sql = f"SELECT {_TERMS} FROM case_terms WHERE {conditions.sql} ORDER BY code LIMIT {conditions.bind(page.size + 1)}"  # noqa: S608
    return list(await reader.fetch(sql, *conditions.arguments))


async def lock_terms(session: AsyncSession) -> list[CaseTerm]:
    """Returns all terms, and holds the taxonomies until the transaction ends: an alias is looked for in all of them."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("case_terms", 0))))
    return list(await session.scalars(sa.select(CaseTerm).order_by(CaseTerm.scheme, CaseTerm.code)))


async def components(reader: Reader) -> list[Term]:
    """Returns the components, retired ones too: cases still name them."""
    rows = await reader.fetch(
        "SELECT code, aliases, product FROM case_terms WHERE scheme = $1 ORDER BY code", COMPONENT
    )
    return [Term(row["code"], tuple(row["aliases"]), row["product"]) for row in rows]


async def examples(reader: Reader, most: int) -> list[asyncpg.Record]:
    """Returns the latest cases of which people said the category or a component: `text, category, components`."""
    return list(await reader.fetch(_EXAMPLES, most))


async def decided_count(reader: Reader) -> int:
    """Returns of how many cases people said the category or a component."""
    return int(await reader.fetchval(_DECIDED))


async def latest_version(reader: Reader) -> int:
    """Returns the latest version that learned something; 0 for none."""
    return int(await reader.fetchval(_LATEST) or 0)


async def document(reader: Reader, version: int) -> bytes | None:
    """Returns what a version learned."""
    found: bytes | None = await reader.fetchval("SELECT document FROM case_suggesters WHERE version = $1", version)
    return found


async def suggester(reader: Reader, version: int) -> asyncpg.Record | None:
    """Returns a version without what it learned; 0 for the latest that was learned."""
    if version:
        return await reader.fetchrow(f"{_SUGGESTER}version = $1", version)
    return await reader.fetchrow(f"{_SUGGESTER}train_time IS NOT NULL ORDER BY version DESC LIMIT 1")


async def last_asked(reader: Reader) -> asyncpg.Record | None:
    """Returns `version, train_time, decided_count` of the version asked for last."""
    return await reader.fetchrow(
        "SELECT version, train_time, decided_count FROM case_suggesters ORDER BY version DESC LIMIT 1"
    )


async def lock_asked(session: AsyncSession) -> CaseSuggester | None:
    """Returns the version asked for last; two are never asked for at once."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("case_suggesters", 0))))
    return (
        await session.scalars(sa.select(CaseSuggester).order_by(CaseSuggester.version.desc()).limit(1))
    ).one_or_none()


async def keep(
    session: AsyncSession,
    version: int,
    learned: bytes | None,
    measures: Sequence[dict[str, Any]],
    decided: int,
    moment: datetime,
) -> bool:
    """Writes what was learned, unless somebody else has; tells whether it was written. Older ones forget what they learned."""
    table: Any = CaseSuggester.__table__
    change = sa.update(table).where(table.c.version == version, table.c.train_time.is_(None))
    values = {"document": learned, "too_few": learned is None, "measures": list(measures), "decided_count": decided}
    done: Any = await session.execute(change.values(train_time=moment, **values))
    if done.rowcount and learned is not None:
        await session.execute(sa.text(_FORGET), {"version": version - _KEPT})
    return bool(done.rowcount)


def by_key(terms: Iterable[CaseTerm]) -> dict[tuple[int, str], CaseTerm]:
    """Returns terms by scheme and code."""
    return {(term.scheme, term.code): term for term in terms}
