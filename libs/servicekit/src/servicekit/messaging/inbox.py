"""The unit of work of events: it applies each event once, however often the broker delivers it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from servicekit.db.engine import Database
from servicekit.db.tables import inbox_messages
from servicekit.db.uow import Constraints, UnitOfWork
from servicekit.messaging.envelope import Event
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal

SYSTEM = Principal(subject="system:events", roles=frozenset({"service"}))


class EventUnitOfWork(UnitOfWork):
    """A unit of work for events of one consumer; its inbox rows commit together with the effects."""

    def __init__(
        self, database: Database, consumer: str, constraints: Constraints | None, committed: asyncio.Event
    ) -> None:
        super().__init__(database, Call(SYSTEM, f"consumer:{consumer}"), constraints=constraints, committed=committed)
        self._consumer = consumer

    async def claim(self, events: Sequence[Event]) -> set[UUID]:
        """Writes the inbox rows; returns the ids of the events whose effect is not committed yet."""
        rows = [
            {"consumer": self._consumer, "event_id": event.id} for event in sorted(events, key=lambda event: event.id)
        ]
        statement = insert(inbox_messages).values(rows).on_conflict_do_nothing().returning(inbox_messages.c.event_id)
        return set((await self.session.execute(statement)).scalars())
