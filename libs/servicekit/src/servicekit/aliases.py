"""Merged customers: references are never rewritten; each service keeps an alias and resolves it when reading.

An alias has the interval in which it was known, so that unmerging ends it and questions about the past keep their answers.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from marque.customer.v1.customer_events_pb2 import CustomerAliasSnapshot
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.db.tables import customer_aliases
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Handler
from servicekit.messaging.envelope import Event

SNAPSHOT = "marque.customer.v1.CustomerAliasSnapshot"
REBUILDS = {customer_aliases.name: SNAPSHOT}
"""What a subscription with these handlers rebuilds from (`Subscription.rebuilds`)."""
LANE = "merged_customer_id"
"""The lane of a subscription with these handlers (`Subscription.lane`): they lock the merged customer, whom several survivors may name."""
_KEY = ("from_customer_id", "known_from")


async def begin(session: AsyncSession, gone: uuid.UUID, into: uuid.UUID, moment: datetime, version: int) -> None:
    """Begins an alias; what is older than what is known changes nothing. `version` is the survivor's.

    Merges of different survivors are heard in any order. What begins later ends what was open before; what is heard late gets the interval
    up to what followed.
    """
    await _one_at_a_time(session, gone)
    columns = customer_aliases.c
    mine = columns.from_customer_id == gone
    following = sa.select(sa.func.min(columns.known_from)).where(mine, columns.known_from > moment)
    later = await session.scalar(following)
    ended = await session.scalar(_ended_beyond(gone, into, moment, version))
    if later is None and ended is None and await _known_newer(session, gone, into, version):
        return
    later = min((known for known in (later, ended) if known is not None), default=None)
    before = sa.update(customer_aliases).where(mine, columns.known_from < moment, _ends_after(moment))
    await session.execute(before.values(known_until=moment))
    row = insert(customer_aliases).values(
        from_customer_id=gone, to_customer_id=into, known_from=moment, known_until=later, version=version
    )
    await session.execute(row.on_conflict_do_nothing())


async def end(session: AsyncSession, gone: uuid.UUID, into: uuid.UUID, moment: datetime, version: int) -> None:
    """Ends the alias of the customer that stands by itself again.

    An unmerging heard before its merging leaves an empty interval, so that the merging finds how far it reached; so it does where a later
    merge of the same two is known already.
    """
    await _one_at_a_time(session, gone)
    columns = customer_aliases.c
    mine = sa.and_(columns.from_customer_id == gone, columns.to_customer_id == into)
    older = sa.or_(columns.version < version, columns.known_from < moment)
    hit = sa.select(customer_aliases).where(mine, _ends_after(moment), older).with_for_update()
    ended = (await session.execute(hit)).all()
    for row in ended:
        values = {"known_until": moment, "version": max(row.version, version)}
        this = sa.and_(columns.from_customer_id == gone, columns.known_from == row.known_from)
        await session.execute(sa.update(customer_aliases).where(this).values(values))
        if (
            row.version > version and row.known_until is not None
        ):  # ended before by what ends a merge that is not heard yet
            await _leave_end(session, gone, into, row.known_until, row.version)
    if not ended and not await _known_end(session, mine, moment):
        await _leave_end(session, gone, into, moment, version)


async def _leave_end(session: AsyncSession, gone: uuid.UUID, into: uuid.UUID, moment: datetime, version: int) -> None:
    """Leaves the empty interval by which a merging that is heard later finds its end."""
    row = insert(customer_aliases).values(
        from_customer_id=gone, to_customer_id=into, known_from=moment, known_until=moment, version=version
    )
    await session.execute(row.on_conflict_do_nothing())


def _ended_beyond(gone: uuid.UUID, into: uuid.UUID, moment: datetime, version: int) -> sa.Select[tuple[datetime]]:
    """The end that an earlier merge of the same two was given by what is newer than this one: it is this one's."""
    columns = customer_aliases.c
    return sa.select(sa.func.min(columns.known_until)).where(
        columns.from_customer_id == gone,
        columns.to_customer_id == into,
        columns.known_from < moment,
        columns.known_until > moment,
        columns.version > version,
    )


async def _known_end(session: AsyncSession, mine: sa.ColumnElement[bool], moment: datetime) -> bool:
    """Tells whether an alias is known to have ended at a moment."""
    found = sa.select(customer_aliases.c.known_from).where(mine, customer_aliases.c.known_until == moment)
    return (await session.execute(found.limit(1))).first() is not None


async def restore(
    session: AsyncSession, gone: uuid.UUID, into: uuid.UUID, span: tuple[datetime, datetime | None], version: int
) -> None:
    """Puts an alias back as its owner knows it, into whatever is known already: `span` is since when and until when it was known.

    Where its end was heard first, the empty interval that this left goes into the whole one.
    """
    moment, until = span
    await _one_at_a_time(session, gone)
    columns = customer_aliases.c
    mine = columns.from_customer_id == gone
    heard = await _take_end(session, gone, into, (moment, until), version)
    if heard is not None:
        until, version = heard
    if until is None:
        following = sa.select(sa.func.min(columns.known_from)).where(mine, columns.known_from > moment)
        until = await session.scalar(following)
    before = sa.update(customer_aliases).where(mine, columns.known_from < moment, _ends_after(moment))
    await session.execute(before.values(known_until=moment))
    values = {"to_customer_id": into, "known_until": until, "version": version}
    row = insert(customer_aliases).values(from_customer_id=gone, known_from=moment, **values)
    newer = sa.or_(
        columns.version < version, sa.and_(columns.version == version, columns.known_until.is_distinct_from(until))
    )
    await session.execute(row.on_conflict_do_update(index_elements=[*_KEY], set_=values, where=newer))


async def _take_end(
    session: AsyncSession, gone: uuid.UUID, into: uuid.UUID, span: tuple[datetime, datetime | None], version: int
) -> tuple[datetime, int] | None:
    """Takes away the empty interval that the end of an alias left where its beginning was not known; returns (moment, version) of the end.

    Of an alias that stood when it was told this is the next end that was heard: later ones end later merges of the same two.
    """
    columns, (moment, until) = customer_aliases.c, span
    found = sa.select(columns.known_from, columns.version).where(
        columns.from_customer_id == gone,
        columns.to_customer_id == into,
        columns.known_from == columns.known_until,
        columns.version >= version,
        columns.known_from > moment if until is None else columns.known_from == until,
    )
    row = (await session.execute(found.order_by(columns.known_from).limit(1))).one_or_none()
    if row is None:
        return None
    mine = sa.and_(columns.from_customer_id == gone, columns.known_from == row.known_from)
    await session.execute(sa.delete(customer_aliases).where(mine))
    return row.known_from, row.version


async def on_merged(uow: UnitOfWork, event: Event) -> None:
    """Two customers were merged."""
    await begin(uow.session, *_parties(event), event.version)


async def on_unmerged(uow: UnitOfWork, event: Event) -> None:
    """A merge was undone."""
    await end(uow.session, *_parties(event), event.version)


async def on_snapshot(uow: UnitOfWork, event: Event) -> None:
    """An alias is said again, for a service that rebuilds what it knows."""
    gone, into, moment = _parties(event)
    data: Any = event.data
    until = data.end_time.ToDatetime(UTC) if data.HasField("end_time") else None
    await restore(uow.session, gone, into, (moment, until), event.version)


async def snapshots(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    """Returns the next aliases after a key, as (key, snapshot): the `alias` reader of the service that owns customers, which keeps its own
    aliases with `begin` and `end` in the transaction of the merge.
    """
    columns = customer_aliases.c
    query = sa.select(customer_aliases).order_by(columns.from_customer_id, columns.known_from).limit(limit)
    if after:
        gone, _, moment = after.partition(" ")
        place = sa.tuple_(columns.from_customer_id, columns.known_from)
        query = query.where(place > (uuid.UUID(gone), datetime.fromisoformat(moment)))
    return [
        (f"{row.from_customer_id} {row.known_from.isoformat()}", _snapshot(row)) for row in await session.execute(query)
    ]


def _snapshot(row: Any) -> CustomerAliasSnapshot:
    event = CustomerAliasSnapshot(
        merged_customer_id=str(row.from_customer_id),
        customer_id=str(row.to_customer_id),
        aggregate_version=row.version,
    )
    event.occur_time.FromDatetime(row.known_from)
    if row.known_until is not None:
        event.end_time.FromDatetime(row.known_until)
    return event


def _ends_after(moment: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(customer_aliases.c.known_until.is_(None), customer_aliases.c.known_until > moment)


def _parties(event: Event) -> tuple[uuid.UUID, uuid.UUID, datetime]:
    """Who was merged, into whom, and when it happened."""
    data: Any = event.data
    return uuid.UUID(data.merged_customer_id), uuid.UUID(data.customer_id), data.occur_time.ToDatetime(UTC)


async def _one_at_a_time(session: AsyncSession, gone: uuid.UUID) -> None:
    """Lets events about one merged customer wait for each other: they come by the survivors' keys, so in several lanes."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"alias:{gone}", 0))))


async def _known_newer(session: AsyncSession, gone: uuid.UUID, into: uuid.UUID, version: int) -> bool:
    """Tells whether an event of the same survivor about the same customer is known that is not older."""
    columns = customer_aliases.c
    found = sa.select(columns.version).where(
        columns.from_customer_id == gone, columns.to_customer_id == into, columns.version >= version
    )
    return (await session.execute(found.limit(1))).first() is not None


def handlers() -> dict[str, Handler]:
    """Returns the handlers by which a service keeps its aliases; each service's subscription to customer takes them in."""
    return {
        "marque.customer.v1.CustomersMerged": on_merged,
        "marque.customer.v1.CustomersUnmerged": on_unmerged,
        SNAPSHOT: on_snapshot,
    }


async def resolve(session: AsyncSession, customer_id: uuid.UUID, *, at: datetime | None = None) -> uuid.UUID:
    """Returns the customer that an id stands for, now or as known at a moment."""
    found, seen = customer_id, {customer_id}
    while True:
        query = sa.select(customer_aliases.c.to_customer_id)
        following = await session.scalar(query.where(customer_aliases.c.from_customer_id == found, *_known(at)))
        if following is None or following in seen:  # a circle can stand for a while, until all its events are heard
            return found
        found = following
        seen.add(found)


async def family(session: AsyncSession, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns every id under which rows of this customer may stand: itself, and all that were merged into it."""
    known = {customer_id}
    fresh: set[uuid.UUID] = {customer_id}
    while fresh:
        query = sa.select(customer_aliases.c.from_customer_id)
        rows = await session.scalars(query.where(customer_aliases.c.to_customer_id.in_(sorted(fresh)), *_known(None)))
        fresh = set(rows) - known
        known |= fresh
    return sorted(known)


def _known(at: datetime | None) -> list[sa.ColumnElement[bool]]:
    if at is None:
        return [customer_aliases.c.known_until.is_(None)]
    columns = customer_aliases.c
    return [columns.known_from <= at, _ends_after(at)]
