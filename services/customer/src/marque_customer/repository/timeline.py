"""The time line and the relations of a customer."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Interaction, Relation
from marque_customer.repository.sight import own_dealers
from marque_customer.rules.questions import TouchFilter

TOUCHES = Interaction.__table__
RELATIONS = Relation.__table__


async def touches(
    session: AsyncSession,
    principal: Principal,
    family: Sequence[uuid.UUID],
    wanted: TouchFilter,
    page: Page,
    descending: bool,
    after: tuple[Any, ...] | None,
) -> Sequence[sa.Row[Any]]:
    """Returns a page of the time line, and one more; for a dealer its own touches and the maker's that name it. `family` are the customer
    and those merged into it.
    """
    columns = TOUCHES.c
    query = sa.select(TOUCHES).where(_of(columns.customer_id, family), own_dealers(principal, columns.dealer_id))
    if wanted.kinds:
        query = query.where(columns.kind.in_(wanted.kinds))
    if wanted.direction:
        query = query.where(columns.direction == wanted.direction)
    if wanted.from_time is not None:
        query = query.where(columns.occur_time >= wanted.from_time)
    if wanted.to_time is not None:
        query = query.where(columns.occur_time < wanted.to_time)
    if wanted.vin:
        query = query.where(columns.vin == wanted.vin)
    return await _page(session, query, (columns.occur_time, columns.interaction_id), page, descending, after)


async def relations(
    session: AsyncSession,
    principal: Principal,
    family: Sequence[uuid.UUID],
    filters: dict[str, Any],
    page: Page,
    descending: bool,
    after: tuple[Any, ...] | None,
) -> Sequence[sa.Row[Any]]:
    """Returns a page of a customer's relations, and one more; for a dealer only its own. `family` are the customer and those merged into
    it: of relations of a kind that a dealer has with several of them the oldest is told.
    """
    columns = RELATIONS.c
    query = sa.select(RELATIONS).where(
        _of(columns.customer_id, family),
        own_dealers(principal, columns.dealer_id),
        *(columns[name] == value for name, value in filters.items()),
    )
    if len(family) > 1:
        older = RELATIONS.alias("older")
        mine, theirs = (sa.tuple_(table.start_time, table.relation_id) for table in (columns, older.c))
        same = (older.c.dealer_id == columns.dealer_id, older.c.kind == columns.kind, theirs < mine)
        query = query.where(~sa.exists().where(older.c.customer_id.in_(family), *same))
    return await _page(session, query, (columns.start_time, columns.relation_id), page, descending, after)


def _of(column: sa.ColumnElement[uuid.UUID], family: Sequence[uuid.UUID]) -> sa.ColumnElement[bool]:
    """The condition for rows of a customer and those merged into it: of one alone the index gives them in order."""
    return column == family[0] if len(family) == 1 else column.in_(family)


async def _page(
    session: AsyncSession,
    query: sa.Select[Any],
    order: tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]],
    page: Page,
    descending: bool,
    after: tuple[Any, ...] | None,
) -> Sequence[sa.Row[Any]]:
    if after is not None:
        key = sa.tuple_(*order)
        query = query.where(key < after if descending else key > after)
    sorted_by = [column.desc() if descending else column for column in order]
    return (await session.execute(query.order_by(*sorted_by).limit(page.size + 1))).all()
