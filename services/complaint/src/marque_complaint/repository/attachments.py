"""SQL of files with cases. The case is seen before."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case, CaseAttachment

_COLUMNS = ", ".join(column.name for column in CaseAttachment.__table__.columns)
_CLOSED_OF = """
DELETE FROM case_attachments WHERE case_id IN (
    SELECT case_id FROM cases WHERE customer_id = ANY(:ids) AND close_time IS NOT NULL) RETURNING attachment_id"""


async def of_cases(reader: Reader, case_ids: Sequence[uuid.UUID], *, internal: bool) -> list[asyncpg.Record]:
    """Returns the files of cases, in order; `internal`: also those that a customer does not see."""
    sql = (
        f"SELECT {_COLUMNS} FROM case_attachments WHERE case_id = ANY($1) AND ($2 OR NOT internal) "  # noqa: S608
        "ORDER BY create_time, attachment_id"
    )
    return list(await reader.fetch(sql, list(case_ids), internal))


async def get(reader: Reader, attachment_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a file's row, whoever may see its case."""
    sql = f"SELECT {_COLUMNS} FROM case_attachments WHERE attachment_id = $1"  # noqa: S608
    return await reader.fetchrow(sql, attachment_id)


async def unscanned(reader: Reader, most: int) -> list[uuid.UUID]:
    """Returns the keys of files that nobody looked into for malware."""
    sql = "SELECT attachment_id FROM case_attachments WHERE scan_time IS NULL ORDER BY attachment_id LIMIT $1"
    return [row["attachment_id"] for row in await reader.fetch(sql, most)]


async def scanned(session: AsyncSession, attachment_id: uuid.UUID, moment: datetime) -> None:
    """Notes that a file carries no malware."""
    clean = sa.update(CaseAttachment).where(CaseAttachment.attachment_id == attachment_id)
    await session.execute(clean.values(scan_time=moment))


async def case_of(session: AsyncSession, attachment_id: uuid.UUID) -> uuid.UUID | None:
    """Returns the case of a file; that never changes."""
    return await session.scalar(sa.select(CaseAttachment.case_id).where(CaseAttachment.attachment_id == attachment_id))


async def count(session: AsyncSession, case_id: uuid.UUID) -> int:
    """Returns how many files a case has. The caller holds the case locked."""
    found = sa.select(sa.func.count()).select_from(CaseAttachment).where(CaseAttachment.case_id == case_id)
    return int(await session.scalar(found) or 0)


async def lock(session: AsyncSession, attachment_id: uuid.UUID) -> CaseAttachment | None:
    """Returns a file's row for removal."""
    found = sa.select(CaseAttachment).where(CaseAttachment.attachment_id == attachment_id)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def take_away(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Removes the rows of the files of some customers' closed cases; returns what is to be removed from the store."""
    return list((await session.execute(sa.text(_CLOSED_OF), {"ids": list(customer_ids)})).scalars())


async def unknown(reader: Reader, keys: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Returns those of some keys that no row names."""
    sql = (
        "SELECT k FROM unnest($1::uuid[]) AS k WHERE NOT EXISTS (SELECT FROM case_attachments WHERE attachment_id = k)"
    )
    return [row["k"] for row in await reader.fetch(sql, list(keys))]


async def of_customers(session: AsyncSession, ids: Sequence[uuid.UUID]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The files of the cases of some customers."""
    table: Any = CaseAttachment.__table__
    mine = sa.select(Case.case_id).where(Case.customer_id.in_(ids))
    for row in await session.execute(sa.select(table).where(table.c.case_id.in_(mine)).order_by(table.c.attachment_id)):
        yield str(row.attachment_id), dict(row._mapping)
