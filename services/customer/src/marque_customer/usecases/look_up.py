"""Who stands at the counter: the look-up by exact phone or VIN, which begins the dealer's relation and is always audited."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from tradekit import vin

from marque_customer.mapping.interactions import staff_of
from marque_customer.repository import customers as repository
from marque_customer.rules import contacts
from marque_customer.rules.kinds import MERGED, PHONE, RELATION_LOOK_UP
from marque_customer.usecases.saving import begin_relation, standing

# Dealers do not tell their country: a number without country code is read as dialled in the platform's home market.
HOME_REGION = "CN"


async def look_up(*, uow: UnitOfWork, phone: str, typed_vin: str, dealer_id: uuid.UUID | None) -> Any:
    """Finds live customers by a whole phone number or VIN, also where the dealer has no relation yet.

    Answers with pairs of customer and relation. Raises InvalidArgument where the key is no phone or VIN.
    """
    key = _phone(phone) if phone else _vin(typed_vin)
    async with uow:
        find = repository.by_phone if phone else repository.by_vin
        matches = []
        for customer in await standing(uow, await find(uow.session, key)):
            if customer.status == MERGED:  # since it was found; its survivor is here too
                continue
            relation = None
            if dealer_id is not None:
                staff = staff_of(uow.principal)
                relation = await begin_relation(uow, customer, dealer_id, RELATION_LOOK_UP, staff_id=staff)
            uow.audit("look_up", "customer", str(customer.customer_id), ("phone" if phone else "vin",))
            matches.append((customer, relation))
        if not matches:
            uow.audit("look_up", "customer", "", ("phone" if phone else "vin",))
        return await uow.answer(matches)


def _phone(text: str) -> str:
    try:
        return contacts.normalise(PHONE, text, region=HOME_REGION).match_key
    except contacts.ContactError as error:
        raise InvalidArgument.of("phone", "PHONE_INVALID", str(error)) from None


def _vin(text: str) -> str:
    try:
        return vin.normalise(text)
    except vin.VinError as error:
        raise InvalidArgument.of("vin", "VIN_INVALID", str(error)) from None
