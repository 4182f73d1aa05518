"""A service's state said again, as `…Snapshot` events through the outbox, for consumers that rebuild what they know.

A snapshot goes out on the subject of its own name (`marque.customer.v1.CustomerSnapshot`). Consumers get only the types they subscribe to,
so none but a rebuilding one hears it, and triggers never act on it. Every snapshot carries its aggregate's version: a hearer that knows a
newer state passes it over, so that saying it beside living traffic harms nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from marque.type.v1 import operations_pb2
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.db.base import now
from servicekit.db.due import DueHandler
from servicekit.db.tables import outbox_messages, republishes
from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid
from servicekit.snapshots import SnapshotReader

DUE = "republish"
STEP = 500
_BACKLOG = 5_000
_WAIT = timedelta(milliseconds=250)


def republish_due(snapshots: Mapping[str, SnapshotReader]) -> dict[str, DueHandler]:
    """Returns the due work that says snapshots; a service takes it into its `due`. `snapshots` are those of `Service.snapshots`."""

    async def step(uow: UnitOfWork, key: str) -> datetime | None:
        """Says the next snapshots; they, and the place reached, are committed together with the due row."""
        row = await find(uow.session, uuid.UUID(key), lock=True)
        if row is None or row.end_time is not None:
            return None
        if await _backlog(uow.session) >= _BACKLOG:  # living events must not wait behind a flood of old state
            return now() + _WAIT
        return now() if await _say(uow, row, snapshots.get(row.current)) else None

    return {DUE: step}


async def begin(uow: UnitOfWork, aggregates: Sequence[str]) -> Any:
    """Makes a republication due; returns its row. A service that has no snapshots says none, and is done."""
    values = {
        "republish_id": new_uuid(),
        "principal": uow.principal.subject,
        "aggregates": list(aggregates),
        "current": aggregates[0] if aggregates else "",
        "position": "",
        "create_time": uow.now,
    }
    row = (await uow.session.execute(insert(republishes).values(values).returning(republishes))).one()
    await uow.schedule(DUE, str(row.republish_id), uow.now)
    return row


async def find(session: AsyncSession, republish_id: uuid.UUID, *, lock: bool = False) -> Any:
    """Returns the row of a republication, or None."""
    query = sa.select(republishes).where(republishes.c.republish_id == republish_id)
    return (await session.execute(query.with_for_update() if lock else query)).one_or_none()


def republish_message(row: Any) -> operations_pb2.Republish:
    """Returns the message of a republication's row."""
    ended = row.end_time is not None
    message = operations_pb2.Republish(
        republish_id=str(row.republish_id),
        aggregates=row.aggregates,
        state=operations_pb2.REPUBLISH_STATE_SUCCEEDED if ended else operations_pb2.REPUBLISH_STATE_RUNNING,
        current_aggregate="" if ended else row.current,
        position="" if ended else row.position,
        snapshots=row.snapshots,
    )
    message.create_time.FromDatetime(row.create_time)
    if ended:
        message.end_time.FromDatetime(row.end_time)
    return message


async def _say(uow: UnitOfWork, row: Any, reader: SnapshotReader | None) -> bool:
    """Says the next snapshots of the current aggregate; tells whether there is more to say. An aggregate that is no more is passed over."""
    found = await reader(uow.session, row.position, STEP) if reader is not None else []
    for _, event in found:
        uow.emit(event)
    values: dict[str, Any] = {"snapshots": row.snapshots + len(found)}
    more = True
    if len(found) == STEP:
        values["position"] = found[-1][0]
        if values["position"] == row.position:
            raise RuntimeError(f"the snapshot reader of {row.current} does not move on")
    else:
        following = row.aggregates[row.aggregates.index(row.current) + 1 :] if row.aggregates else []
        more = bool(following)
        values |= {"current": following[0], "position": ""} if following else {"end_time": uow.now}
    change = sa.update(republishes).where(republishes.c.republish_id == row.republish_id).values(**values)
    await uow.session.execute(change)
    return more


async def _backlog(session: AsyncSession) -> int:
    """How many events wait in the outbox, counted no further than the limit."""
    some = sa.select(outbox_messages.c.position).where(outbox_messages.c.publish_time.is_(None)).limit(_BACKLOG)
    return int(await session.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0)
