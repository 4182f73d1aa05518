"""The unit of work of events: it applies each event once, however often the broker delivers it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from servicekit.db.committed import Committed
from servicekit.db.engine import Database
from servicekit.db.uow import Constraints, UnitOfWork
from servicekit.messaging.envelope import Event
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal

# One text whatever the number of events: a VALUES list would be compiled anew for each.
_CLAIM = sa.text(
    "INSERT INTO inbox_messages (consumer, event_id) SELECT :consumer, unnest(:ids)"
    " ON CONFLICT DO NOTHING RETURNING event_id"
).bindparams(sa.bindparam("consumer", type_=sa.Text), sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid)))
SYSTEM = Principal(subject="system:events", roles=frozenset({"service"}))


class EventUnitOfWork(UnitOfWork):
    """A unit of work for events of one consumer; its inbox rows commit together with the effects."""

    def __init__(
        self, database: Database, consumer: str, constraints: Constraints | None, committed: Committed
    ) -> None:
        super().__init__(database, Call(SYSTEM, f"consumer:{consumer}"), constraints=constraints, committed=committed)
        self._consumer = consumer

    async def claim(self, events: Sequence[Event]) -> set[UUID]:
        """Writes the inbox rows; returns the ids of the events whose effect is not committed yet."""
        ids = sorted(event.id for event in events)
        return set((await self.session.execute(_CLAIM, {"consumer": self._consumer, "ids": ids})).scalars())
