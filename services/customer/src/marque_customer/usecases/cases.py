"""Complaints as the complaint service tells them: who has an open one is left in peace, and it stands on their time line."""

from __future__ import annotations

import uuid
from datetime import datetime

from marque.customer.v1 import interaction_pb2
from servicekit.db.uow import UnitOfWork

from marque_customer.repository import contact_rules, people
from marque_customer.repository.notes import Note, connection_of
from marque_customer.rules.kinds import ERASED
from marque_customer.usecases import interactions

THING = "complaint.case"
_CASE = interaction_pb2.INTERACTION_KIND_CASE


async def hold(*, uow: UnitOfWork, customer_id: uuid.UUID, case_id: str, version: int, is_open: bool) -> None:
    """Holds or frees contacts of a person for a case, under their lock as permits are taken; of who is erased nothing is written.

    What is older than known says nothing, and the newest also says whose the case is.
    """
    async with uow:
        connection = await connection_of(uow.session)
        person = (await people.lock(connection, [customer_id])).get(customer_id)
        if person is None or person.status == ERASED:
            return
        values = {"reference_type": THING, "reference_id": case_id, "open": is_open, "version": version}
        await contact_rules.hold(uow.session, customer_id, values, uow.now)


async def note(
    *,
    uow: UnitOfWork,
    customer_id: uuid.UUID,
    case_id: str,
    dealer_id: uuid.UUID | None,
    vin: str,
    sentence: str,
    at: datetime,
) -> None:
    """Puts what became of a case on a person's time line, each sentence once."""
    found = Note(customer_id, _CASE, sentence, (THING, case_id), dealer_id, vin, at)
    await interactions.note(uow=uow, notes=[found])
