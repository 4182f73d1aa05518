"""The person of a lead from outside: somebody known by phone or e-mail and name, else somebody new."""

from __future__ import annotations

import uuid
from typing import Any

from marque.customer.v1 import contact_point_pb2
from servicekit.db.uow import UnitOfWork

from marque_customer.models import Customer
from marque_customer.repository import customers as repository
from marque_customer.repository import families, lead_work
from marque_customer.rules import lead_people as rules
from marque_customer.rules import survivorship
from marque_customer.rules.contacts import Contact
from marque_customer.rules.kinds import ACTIVE, LISTED, ORGANISATION, PERSON
from marque_customer.rules.lead_people import Told
from marque_customer.rules.sources import Speaker, owner_of
from marque_customer.usecases import customers
from marque_customer.usecases.saving import save_changed


async def person_of(uow: UnitOfWork, told: Told, source: str) -> Customer:
    """Returns the person, locked. Phones and e-mails are held, so that two messages of one newcomer make one person."""
    keys = [(contact.kind, contact.match_key) for contact in told.contacts]
    await lead_work.lock_contacts(uow.session, keys)
    known = rules.holder(told.name, await lead_work.holders(uow.session, keys))
    if known is not None:
        root = (await families.roots(uow.session, [known.customer_id]))[known.customer_id]
        people = await repository.locked(uow.session, [root])
        if people and people[0].status in LISTED:
            return people[0]
    values, points = described(told, source)
    customer, _ = await customers.begin(uow, values=values, contacts=points)
    return customer


async def say_details(
    uow: UnitOfWork, customer: Customer, told: Told, source: str, dealer_id: uuid.UUID | None
) -> None:
    """Keeps what else is said of a locked person (birthday, occupation) under the name of its source, at the rank of the platform's forms:
    it fills what the profile lacks, and stands beside what a person or their dealer said.
    """
    if told.details and customer.status == ACTIVE:
        owner = owner_of(uow.principal, dealer_id)
        speaker = Speaker(survivorship.PLATFORM, source, owner, "", uow.principal.subject)
        parts = await repository.parts_of(uow.session, customer.customer_id)
        changed = await customers.say(uow, customer, parts, told.details, speaker)
        if changed:
            await save_changed(uow, customer, parts, sorted(changed))


def described(told: Told, source: str) -> tuple[dict[str, Any], list[tuple[Contact, Any]]]:
    """Returns the columns and the contact points of somebody new."""
    values: dict[str, Any] = {"kind": ORGANISATION if told.business else PERSON}
    if told.business:
        values["organisation_name"] = told.name
    elif told.name:
        values |= {"given_name": told.given_name, "family_name": told.family_name, "full_name": told.name}
    if told.lines or told.city or told.postal_code:
        values["addresses"] = [_address(told)]
    return values, [
        (contact, contact_point_pb2.ContactPoint(source=source, primary=index == 0))
        for index, contact in enumerate(told.contacts)
    ]


def _address(told: Told) -> dict[str, Any]:
    address: dict[str, Any] = {
        "country_code": told.country,
        "province": told.province,
        "city": told.city,
        "postal_code": told.postal_code,
        "lines": list(told.lines),
    }
    given = {name: value for name, value in address.items() if value}
    return {"address": given, "label": "", "primary": True, "source": ""}
