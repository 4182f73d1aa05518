"""Events that a consumer could not apply: kept with their reason until an operator replays them."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.tables import dead_letters
from servicekit.errors import DomainError
from servicekit.ids import new_uuid
from servicekit.messaging import envelope
from servicekit.messaging.envelope import Event

_SAFE_HEADERS = frozenset(
    {
        "ce-id",
        "ce-type",
        "ce-source",
        "ce-subject",
        "ce-time",
        "ce-specversion",
        "ce-aggregateversion",
        "content-type",
        "traceparent",
    }
)


def reason_of(error: BaseException) -> str:
    """Returns why an event failed, without any value: a domain error's reason or the exception's type."""
    return error.reason if isinstance(error, DomainError) else type(error).__name__


async def park(database: Database, consumer: str, headers: dict[str, str], payload: bytes, reason: str) -> None:
    """Keeps an event; parking it again renews its reason."""
    head = {key.lower(): _storable(value) for key, value in headers.items() if key.lower() in _SAFE_HEADERS}
    try:
        event_id = uuid.UUID(head.get("ce-id", ""))
    except ValueError:
        event_id = uuid.uuid5(uuid.NAMESPACE_OID, payload.hex())
    row = insert(dead_letters).values(
        dead_letter_id=new_uuid(),
        consumer=consumer,
        event_id=event_id,
        event_type=head.get("ce-type", ""),
        headers=head,
        payload=payload,
        reason=reason,
        create_time=now(),
    )
    again = row.on_conflict_do_update(
        index_elements=["consumer", "event_id"], set_={"reason": reason, "replay_time": None, "create_time": now()}
    )
    async with database.engine.begin() as connection:
        await connection.execute(again)


def _storable(value: str) -> str:
    """A header as PostgreSQL can hold it: attributes of CloudEvents are ASCII on the wire, anything else is garbage."""
    return str(value).encode("ascii", "replace").decode().replace("\0", "?")


async def waiting(database: Database, *, limit: int, after: tuple[datetime, uuid.UUID] | None = None) -> list[Any]:
    """Returns the parked events that were not replayed, oldest first."""
    columns = dead_letters.c
    query = (
        sa.select(dead_letters)
        .where(columns.replay_time.is_(None))
        .order_by(columns.create_time, columns.dead_letter_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(sa.tuple_(columns.create_time, columns.dead_letter_id) > after)
    async with database.engine.connect() as connection:
        return list((await connection.execute(query)).all())


async def replay(
    database: Database, ids: list[uuid.UUID], apply: Callable[[str, Event], Awaitable[None]]
) -> dict[uuid.UUID, str]:
    """Applies parked events again by `apply(consumer, event)`; returns for each id an empty text, or the reason why it failed again."""
    outcome: dict[uuid.UUID, str] = {}
    async with database.engine.connect() as connection:
        found = (await connection.execute(sa.select(dead_letters).where(dead_letters.c.dead_letter_id.in_(ids)))).all()
    for row in sorted(found, key=lambda row: row.create_time):
        try:
            await apply(row.consumer, envelope.read(row.headers, bytes(row.payload)))
        except Exception as error:
            outcome[row.dead_letter_id] = reason_of(error)
            values: dict[str, Any] = {"reason": reason_of(error)}
        else:
            outcome[row.dead_letter_id] = ""
            values = {"replay_time": now()}
        async with database.engine.begin() as connection:
            await connection.execute(
                sa.update(dead_letters).where(dead_letters.c.dead_letter_id == row.dead_letter_id).values(**values)
            )
    return outcome
