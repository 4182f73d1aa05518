"""Who referred whom: named once for a lead, credited when the lead is won, never to oneself and never in a circle.

Persons are judged by who stands for them at that moment. Two who stand as one when the lead is won leave the credit open; when that merge
is undone, it is given. A credit that was given stays, whoever is merged later.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from marque.customer.v1 import referral_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_customer.errors import CustomerNotFound
from marque_customer.errors.showroom import ReferralCycle
from marque_customer.models import Lead, Referral
from marque_customer.repository import customers, families
from marque_customer.repository import leads as lead_rows
from marque_customer.repository import referrals as repository
from marque_customer.rules.leads import LOST, WON
from marque_customer.usecases.leads import common


async def create(*, uow: UnitOfWork, lead_id: uuid.UUID, referrer: uuid.UUID) -> Any:
    """Names a referrer. Raises LeadNotFound, LeadClosed, CustomerNotFound and its states, InvalidArgument, ReferralCycle, ReferralTaken."""
    async with uow:
        await repository.hold(uow.session)
        referred = await lead_rows.customer_of(uow.session, uow.principal, lead_id)
        if referred is not None:
            await customers.locked(uow.session, [referred, referrer])
        found = await customers.find(uow.session, uow.principal, referrer)
        lead, _ = await common.found(uow, lead_id)
        lead.require_open()
        if found is None:
            raise CustomerNotFound(customer_id=referrer)
        found.refuse_if_gone()
        person = await families.roots(uow.session, [lead.customer_id, referrer])
        if person[lead.customer_id] == person[referrer]:
            raise InvalidArgument.of(
                "referrer_customer_id", "REFERRAL_TO_SELF", "The person of the lead cannot be their own referrer."
            )
        if await repository.was_referred_by(uow.session, referrer, lead.customer_id):
            raise ReferralCycle()
        referral = Referral(
            lead_id=lead_id,
            customer_id=lead.customer_id,
            referrer_customer_id=referrer,
            dealer_id=lead.dealer_id,
            state=Referral.OPEN,
        )
        uow.add(referral)
        common.write_down(uow, lead, "REFERRED")
        await uow.flush()
        uow.audit("create", "referral", str(referral.referral_id))
        return await uow.answer(referral)


async def settle(uow: UnitOfWork, lead: Lead) -> None:
    """Takes that a lead was closed or goes on; its row must be locked."""
    referral = await repository.of_lead(uow.session, lead.lead_id)
    if referral is None:
        return
    if lead.stage == WON:
        await _credit(uow, referral)
    elif lead.stage == LOST:
        referral.lost()
    else:
        referral.reopened()


async def parted(uow: UnitOfWork, customer_ids: Sequence[uuid.UUID]) -> None:
    """Gives the credits that were open because two stood as one; the people's rows must be locked, and the merge undone."""
    for referral in await repository.same_persons(uow.session, customer_ids):
        await _credit(uow, referral)


async def _credit(uow: UnitOfWork, referral: Referral) -> None:
    person = await families.roots(uow.session, [referral.customer_id, referral.referrer_customer_id])
    if not referral.won(uow.now, person[referral.customer_id] == person[referral.referrer_customer_id]):
        return
    await uow.flush()
    uow.emit(
        referral_events_pb2.ReferralCredited(
            referral_id=str(referral.referral_id),
            lead_id=str(referral.lead_id),
            customer_id=str(referral.customer_id),
            referrer_customer_id=str(referral.referrer_customer_id),
            dealer_id=str(referral.dealer_id or ""),
        ),
        of=referral,
    )
    uow.audit("credit", "referral", str(referral.referral_id), ("state",))
