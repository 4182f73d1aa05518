"""SQL of imports: a chunk of cases in a few statements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from servicekit.db import sets
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case, Model


async def insert(session: AsyncSession, model: type[Model], rows: sets.Rows, key: str) -> set[Any]:
    """Inserts rows that all have the same columns, passes over those whose natural key is taken, and returns the keys inserted."""
    return await sets.insert(session, model.metadata.tables[model.__tablename__], rows, key)


async def lock_by_source(session: AsyncSession, source: str, keys: Iterable[str]) -> dict[str, Case]:
    """Returns the known cases among some keys of a source system, locked."""
    wanted = sorted(set(keys))
    query = sa.select(Case).where(Case.source == source, Case.source_key.in_(wanted)).order_by(Case.case_id)
    return {case.source_key: case for case in await session.scalars(query.with_for_update())}
