"""Asking the persons of lost leads again: what they say ends the task, and who still wants a car is looked after elsewhere."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_customer.errors.showroom import LeadNotLost
from marque_customer.mapping.interactions import staff_of
from marque_customer.models import LeadRecall, Task
from marque_customer.repository import recalls as repository
from marque_customer.rules.leads import LOST
from marque_customer.usecases.leads import common, referring


async def record(
    *, uow: UnitOfWork, lead_id: uuid.UUID, reached: bool, loss_reason: int, reopen: bool, note: str
) -> Any:
    """Writes down what the person said. Raises LeadNotFound, LeadNotLost, LeadTaken."""
    async with uow:
        lead, customer = await common.found(uow, lead_id)
        task = await repository.open_task(uow.session, lead_id)
        if lead.stage != LOST or task is None or await repository.known(uow.session, lead_id):
            raise LeadNotLost(lead_id=lead_id)
        customer.refuse_if_gone()
        recall = LeadRecall(
            lead_id=lead_id,
            customer_id=lead.customer_id,
            dealer_id=lead.dealer_id,
            stated_reason=lead.loss_reason,
            reached=reached,
            agrees=reached and not reopen and loss_reason == lead.loss_reason,
            loss_reason=loss_reason,
            reopened=reopen,
            note=note,
            staff_id=staff_of(uow.principal),
            create_time=uow.now,
        )
        uow.add(recall)
        task.end(Task.DONE, "", uow.now)
        if reopen:
            before, had = lead.stage, lead.dealer_id
            lead.reopen(uow.now)
            common.write_down(uow, lead, "REOPENED", before=before)
            await referring.settle(uow, lead)
            await uow.flush()
            common.say_stage(uow, lead, before, had)
        uow.audit("record_recall", "lead", str(lead_id))
        return await uow.answer(recall)
