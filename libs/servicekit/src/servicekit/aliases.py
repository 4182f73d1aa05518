"""Merged customers: references are never rewritten; each service keeps an alias and resolves it when reading.

An alias has the interval in which it was known, so that unmerging ends it and questions about the past keep their answers.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
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


@dataclass
class _Facts:
    """What was heard of one merged customer: begins (moment → survivor, version) and ends ((moment, survivor) → version).

    Facts are only added, and the rows follow from them alone (`rows`); so every order of events leaves the same rows. A row's known_until
    that is no begin's moment is an end, and an end that closes nothing yet stands as an empty interval.
    """

    begins: dict[datetime, tuple[uuid.UUID, int]]
    ends: dict[tuple[datetime, uuid.UUID], int]

    @classmethod
    def of(cls, kept: Sequence[Any]) -> _Facts:
        """Reads them out of rows."""
        begins = {
            row.known_from: (row.to_customer_id, row.version)
            for row in kept
            if row.known_until is None or row.known_until > row.known_from
        }
        ends = {
            (row.known_until, row.to_customer_id): row.version
            for row in kept
            if row.known_until is not None and row.known_until not in begins
        }
        return cls(begins, ends)

    def begin(self, into: uuid.UUID, moment: datetime, version: int) -> None:
        """Adds a merging. One that its survivor undid by a clock that had stepped back never stood."""
        undone = [seen for (end, whom), seen in self.ends.items() if whom == into and end <= moment and seen > version]
        if undone:
            self.ends[moment, into] = max(undone)
        else:
            self.begins[moment] = (into, version)

    def end(self, into: uuid.UUID, moment: datetime, version: int) -> None:
        """Adds an unmerging; by its version it also undoes what a clock that has stepped back since says is later."""
        self.ends[moment, into] = version
        for began, (whom, seen) in list(self.begins.items()):
            if whom == into and began >= moment and seen < version:
                del self.begins[began]
                self.ends[began, into] = version

    def rows(self) -> dict[datetime, tuple[uuid.UUID, datetime | None, int]]:
        """Returns known_from → survivor, known_until, version: each begin reaches to its own next end or the next begin of anyone."""
        found: dict[datetime, tuple[uuid.UUID, datetime | None, int]] = {}
        loose = dict(self.ends)
        moments = sorted(self.begins)
        for moment, following in itertools.zip_longest(moments, moments[1:]):
            into, version = self.begins[moment]
            own = min((end for end, whom in self.ends if whom == into and end > moment), default=None)
            if own is not None and (following is None or own < following):
                del loose[own, into]
                found[moment] = (into, own, version)
            else:
                found[moment] = (into, following, version)
        for (moment, into), version in loose.items():
            found.setdefault(moment, (into, moment, version))
        return found


async def begin(session: AsyncSession, gone: uuid.UUID, into: uuid.UUID, moment: datetime, version: int) -> None:
    """Begins an alias; `version` is the survivor's. Heard late, it gets the interval up to what followed."""
    async with _heard(session, gone) as facts:
        facts.begin(into, moment, version)


async def end(session: AsyncSession, gone: uuid.UUID, into: uuid.UUID, moment: datetime, version: int) -> None:
    """Ends the alias of a customer that stands by itself again. Heard before its merging, it waits for it as an empty interval."""
    async with _heard(session, gone) as facts:
        facts.end(into, moment, version)


async def restore(
    session: AsyncSession, gone: uuid.UUID, into: uuid.UUID, span: tuple[datetime, datetime | None], version: int
) -> None:
    """Puts an alias back as its owner knows it, into whatever is known already: `span` is since when and until when it was known."""
    moment, until = span
    async with _heard(session, gone) as facts:
        if until is None or until > moment:
            facts.begin(into, moment, version)
        if until is not None and until not in facts.begins:
            facts.ends[until, into] = max(version, facts.ends.get((until, into), 0))


@asynccontextmanager
async def _heard(session: AsyncSession, gone: uuid.UUID) -> AsyncIterator[_Facts]:
    """Gives what is known of a customer, to be added to, and writes the rows that follow from it."""
    await _one_at_a_time(session, gone)
    columns = customer_aliases.c
    mine = columns.from_customer_id == gone
    kept = (await session.execute(sa.select(customer_aliases).where(mine))).all()
    facts = _Facts.of(kept)
    yield facts
    before = {row.known_from: (row.to_customer_id, row.known_until, row.version) for row in kept}
    after = facts.rows()
    if gone_moments := before.keys() - after.keys():
        await session.execute(sa.delete(customer_aliases).where(mine, columns.known_from.in_(gone_moments)))
    names = ("to_customer_id", "known_until", "version")
    changed = [
        {"from_customer_id": gone, "known_from": moment, **dict(zip(names, row, strict=True))}
        for moment, row in after.items()
        if before.get(moment) != row
    ]
    if changed:
        rows = insert(customer_aliases).values(changed)
        written = {name: rows.excluded[name] for name in names}
        await session.execute(rows.on_conflict_do_update(index_elements=[*_KEY], set_=written))


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
