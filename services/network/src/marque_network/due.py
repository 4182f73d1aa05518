"""Work that time makes due at the network service: agreements that end, visits' actions that are late, work that waits in a queue."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from servicekit.db.due import DueHandler
from servicekit.db.uow import UnitOfWork
from servicekit.telemetry import logs, metrics

from marque_network.mapping.assignments import need_message, need_of
from marque_network.repository import assignments as repository
from marque_network.usecases.agreements import AGREEMENT_DUE, tell_end
from marque_network.usecases.assignments import ESCALATE, try_again
from marque_network.usecases.visits import ACTION_DUE, tell_overdue

log = logs.get_logger(__name__)


async def _assignment(uow: UnitOfWork, key: str) -> datetime | None:
    row = await repository.read(uow.session, uow.principal, uuid.UUID(key))
    if row is None:
        return None
    again = await try_again(uow, row.assignment_id, need_of(need_message(row.need)))
    metrics.current().queue_waiting("assignments", await repository.waiting_count(uow.session))
    if again is not None:
        log.warning("work waits and nobody can take it", extra={"key": key, "attempts": row.escalation + 1})
    return again


def handlers() -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind."""
    return {AGREEMENT_DUE: tell_end, ACTION_DUE: tell_overdue, ESCALATE: _assignment}
