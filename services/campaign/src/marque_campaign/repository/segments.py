"""SQL of segments and of the people in them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit import aliases
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import Executable

from marque_campaign.models import AudienceCar, AudienceHolding, AudienceList, AudienceListMember, Segment
from marque_campaign.repository.audience import survivors
from marque_campaign.repository.segment_sql import PEOPLE, Asked, SegmentSql
from marque_campaign.rules.segments import tree

SAMPLED_ROWS = 50_000
_CANCELLED = "57014"
_SHOWN = ("customer_id", "language", "region", "birth_month", "stage", "tier", "visit_count")


class _Explain(Executable, sa.ClauseElement):
    """EXPLAIN of a statement, with its bound values."""

    inherit_cache = False

    def __init__(self, statement: sa.Select[Any]) -> None:
        self.statement = statement


@compiles(_Explain)
def _explained(element: _Explain, compiler: Any, **kw: Any) -> str:
    return "EXPLAIN (FORMAT JSON) " + compiler.process(element.statement, **kw)


async def rules_of(session: AsyncSession, ids: Iterable[uuid.UUID], dealer: uuid.UUID | None) -> dict[uuid.UUID, str]:
    """Returns the rules of segments of one owner, by id; those that are archived are not there."""
    own = Segment.dealer_id.is_(None) if dealer is None else Segment.dealer_id == dealer
    query = sa.select(Segment.segment_id, Segment.rule).where(
        Segment.segment_id.in_(sorted(ids)), own, ~Segment.archived
    )
    return {row.segment_id: row.rule for row in await session.execute(query)}


async def lists_of(session: AsyncSession, ids: Iterable[uuid.UUID], dealer: uuid.UUID | None) -> set[uuid.UUID]:
    """Returns those of some static lists that are of an owner."""
    own = AudienceList.dealer_id.is_(None) if dealer is None else AudienceList.dealer_id == dealer
    query = sa.select(AudienceList.audience_list_id).where(
        AudienceList.audience_list_id.in_(sorted(ids)), AudienceList.delete_time.is_(None), own
    )
    return set(await session.scalars(query))


def within(dealer: uuid.UUID | None, people: Any = PEOPLE) -> sa.ColumnElement[bool]:
    """The people whom an owner may address: the maker all, a dealer those who have to do with it."""
    if dealer is None:
        return sa.true()
    return people.c.dealer_ids.op("@>", is_comparison=True)(sa.literal([dealer], ARRAY(sa.Uuid())))  # type: ignore[no-any-return]


async def count(
    session: AsyncSession, condition: tree.Condition, asked: Asked, dealer: uuid.UUID | None, timeout_ms: int
) -> int | None:
    """Returns how many there are; None where counting takes longer than allowed, after which the session is of no more use."""
    where = SegmentSql(asked).where(condition)
    return await _counted(
        session, sa.select(sa.func.count()).select_from(PEOPLE).where(where, within(dealer)), timeout_ms
    )


async def sampled(
    session: AsyncSession, condition: tree.Condition, asked: Asked, dealer: uuid.UUID | None, timeout_ms: int
) -> int | None:
    """Returns how many there are about: counted among some tens of thousands, and multiplied; None where even that takes too long."""
    rows = await session.scalar(sa.text("SELECT reltuples FROM pg_class WHERE oid = 'audience_people'::regclass"))
    percent = min(100.0, 100.0 * SAMPLED_ROWS / max(float(rows or 0), 1.0))
    some = sa.tablesample(PEOPLE, sa.func.bernoulli(percent), name="some")
    where = SegmentSql(asked, some).where(condition)
    found = await _counted(
        session, sa.select(sa.func.count()).select_from(some).where(where, within(dealer, some)), timeout_ms
    )
    return None if found is None else round(found * 100 / percent)


async def planned(session: AsyncSession, condition: tree.Condition, asked: Asked, dealer: uuid.UUID | None) -> int:
    """Returns the database's guess."""
    query = sa.select(PEOPLE.c.customer_id).where(SegmentSql(asked).where(condition), within(dealer))
    (document,) = (await session.execute(_Explain(query))).scalars()
    return int(document[0]["Plan"]["Plan Rows"])


async def _counted(session: AsyncSession, query: sa.Select[tuple[int]], timeout_ms: int) -> int | None:
    await session.execute(sa.text("SELECT set_config('statement_timeout', :most, true)"), {"most": str(timeout_ms)})
    try:
        return int(await session.scalar(query) or 0)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") == _CANCELLED:
            await session.rollback()
            return None
        raise


async def shown(
    session: AsyncSession, condition: tree.Condition, asked: Asked, dealer: uuid.UUID | None, most: int
) -> Sequence[Any]:
    """Returns some people of a segment, as far as others may be shown."""
    columns = [PEOPLE.c[name] for name in _SHOWN]
    query = sa.select(*columns).where(SegmentSql(asked).where(condition), within(dealer)).limit(most)
    return (await session.execute(query)).all()


async def waiting_since(session: AsyncSession) -> datetime | None:
    """Returns since when a change waits to be taken over; None where none does."""
    found: datetime | None = await session.scalar(sa.text("SELECT min(since) FROM audience_stale"))
    return found


async def person(
    session: AsyncSession, customer_id: uuid.UUID, dealer: uuid.UUID | None
) -> tuple[Any, dict[str, list[Any]]] | None:
    """Returns what is known of somebody, or of the survivor: the columns, and those of cars and holdings; None for nobody in sight."""
    survivor = (await survivors(session, [customer_id]))[customer_id]
    row = (
        (await session.execute(sa.select(PEOPLE).where(PEOPLE.c.customer_id == survivor, within(dealer))))
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    items: dict[str, list[Any]] = {}
    for name, model in (("cars", AudienceCar), ("holdings", AudienceHolding)):
        table: Any = model.__table__
        found = await session.execute(sa.select(table).where(table.c.person_id == survivor).limit(1000))
        items[name] = list(found.mappings())
    return row, items


async def lists_with(session: AsyncSession, customer_id: uuid.UUID, lists: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Returns on which of some lists somebody stands, under whatever id."""
    members, ids = AudienceListMember, await aliases.family(session, customer_id)
    query = sa.select(members.audience_list_id).where(
        members.customer_id.in_(ids), members.audience_list_id.in_(sorted(lists))
    )
    return set(await session.scalars(query))
