"""Reads the audit trail: the records of one resource or one principal, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.db.tables import audit_records

_COLUMNS = audit_records.c
_NEWEST = (_COLUMNS.create_time.desc(), _COLUMNS.audit_id.desc())

After = tuple[datetime, UUID] | None


async def of_resource(
    session: AsyncSession, resource_type: str, resource_id: str, where: Sequence[sa.ColumnElement[bool]], limit: int
) -> list[Any]:
    """Returns records about a resource: those about it alone, and those about several with it among them."""
    alone = _COLUMNS.resource_id == resource_id
    one = sa.bindparam("one", [resource_id], type_=sa.ARRAY(sa.Text))
    among = sa.and_(_COLUMNS.resource_ids.op("@>")(one), _COLUMNS.resource_ids != sa.text("'{}'"))
    found: list[Any] = []
    for about in (alone, among):  # each by its own index
        query = sa.select(audit_records).where(_COLUMNS.resource_type == resource_type, about, *where)
        found += (await session.execute(query.order_by(*_NEWEST).limit(limit))).all()
    return sorted(found, key=lambda row: (row.create_time, row.audit_id), reverse=True)[:limit]


async def of_principal(
    session: AsyncSession, principal: str, where: Sequence[sa.ColumnElement[bool]], limit: int
) -> list[Any]:
    """Returns what a principal read and wrote."""
    query = sa.select(audit_records).where(_COLUMNS.principal == principal, *where).order_by(*_NEWEST).limit(limit)
    return list((await session.execute(query)).all())


def within(start: datetime | None, end: datetime | None, after: After) -> list[sa.ColumnElement[bool]]:
    """Returns the conditions of a span of time (`end` is no longer in it) and of the place after which a page begins."""
    found: list[sa.ColumnElement[bool]] = []
    if start is not None:
        found.append(_COLUMNS.create_time >= start)
    if end is not None:
        found.append(_COLUMNS.create_time < end)
    if after is not None:
        found.append(sa.tuple_(_COLUMNS.create_time, _COLUMNS.audit_id) < sa.tuple_(*after))
    return found
