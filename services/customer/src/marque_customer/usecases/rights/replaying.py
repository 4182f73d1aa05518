"""Rights that people used after the moment to which the database was restored: told by the events, used again.

A database that is put back forgets withdrawals and erasures. They stand in the service's own stream, by ids: a withdrawal is written into
the ledger anew, an erasure is begun anew. Nothing is granted and nobody made by this; done twice it changes nothing.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

from servicekit.db.committed import Committed
from servicekit.db.engine import Database
from servicekit.errors import NotFound
from servicekit.messaging.envelope import Event
from servicekit.messaging.inbox import EventUnitOfWork

from marque_customer.errors import CONSTRAINTS, CustomerErased
from marque_customer.repository import ledger
from marque_customer.rules import consents as rules
from marque_customer.usecases import consents
from marque_customer.usecases.rights import erasing

WITHDRAWN, ERASED = "marque.customer.v1.ConsentChanged", "marque.customer.v1.CustomerErased"
TYPES = (WITHDRAWN, ERASED)
REASON = "RESTORE"
_CONSUMER = "replay_rights"


async def replay(database: Database, committed: Committed, events: AsyncIterator[Event]) -> Counter[str]:
    """Uses the rights that events tell of, each in a transaction of its own; returns how many withdrawals and erasures were done again,
    `known` that stood already, and `unknown` whose person the restored state does not have.
    """
    done: Counter[str] = Counter()
    async for event in events:
        async with EventUnitOfWork(database, _CONSUMER, CONSTRAINTS, committed) as uow:
            fresh = await uow.claim([event])
            done[await _again(uow, event) if fresh else "known"] += 1
    return done


async def _again(uow: EventUnitOfWork, event: Event) -> str:
    data: Any = event.data
    person = uuid.UUID(data.customer_id)
    try:
        if event.type == WITHDRAWN:
            return await _withdraw(uow, person, data)
        row = await erasing.begin(uow, person, REASON)
        return "erasures" if row.create_time == uow.now else "known"
    except (NotFound, CustomerErased):
        return "unknown"


async def _withdraw(uow: EventUnitOfWork, person: uuid.UUID, data: Any) -> str:
    if data.action != rules.WITHDRAWN or await ledger.holds(uow.session, uuid.UUID(data.consent_entry_id)):
        return "known"
    values = {
        "purpose": data.purpose,
        "channel": data.channel,
        "controller_kind": data.controller.kind,
        "controller_id": data.controller.controller_id,
        "action": rules.WITHDRAWN,
        "text_version": "",
        "source": "platform",
        "given_time": data.known_time.ToDatetime(UTC),
        "evidence_type": "customer.consent_entry",
        "evidence_id": data.consent_entry_id,
    }
    await consents.append(uow, await consents.begin(uow, person), values)
    return "withdrawals"
