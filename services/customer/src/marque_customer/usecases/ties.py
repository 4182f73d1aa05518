"""Who belongs to whom: households, organisations, referrals."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch, InvalidArgument
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.errors import (
    CustomerNotFound,
    OrganisationWanted,
    TieCycle,
    TieNotFound,
    TiesFull,
    TieTaken,
)
from marque_customer.models import Customer, CustomerTie, OrganisationProfile
from marque_customer.repository import customers, families
from marque_customer.repository import ties as repository
from marque_customer.rules import ties as rules
from marque_customer.rules.kinds import ORGANISATION
from marque_customer.usecases.saving import for_change


async def create(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Ties two customers. Raises CustomerNotFound, CustomerErased, CustomerMerged, InvalidArgument, TieTaken, TieCycle, TiesFull."""
    async with uow:
        one, other, kind = values["customer_id"], values["other_customer_id"], values["kind"]
        if one == other:
            raise InvalidArgument.of("tie.other_customer_id", "TIE_SELF", "A customer is not tied to itself.")
        held: dict[uuid.UUID, Customer] = {}
        for customer_id in sorted(
            (one, other)
        ):  # in the order of ids: two who tie the same two wait, and do not stop each other
            customer = await customers.find(uow.session, uow.principal, customer_id, lock=True)
            if customer is not None:
                held[customer_id] = customer
        for customer_id in (one, other):
            if customer_id not in held:
                raise CustomerNotFound(customer_id=customer_id)
            held[customer_id].refuse_if_gone()
        _check_ends(held[one], held[other], kind)
        await repository.lock_kind(uow.session, kind)
        await _check_place(uow.session, one, other, kind)
        tie = CustomerTie(create_time=uow.now, **values)
        uow.add(tie)
        await uow.flush()
        uow.audit("create", "customer_tie", str(tie.tie_id))
        return await uow.answer((tie, {one: one, other: other}))


def _check_ends(one: Customer, other: Customer, kind: int) -> None:
    first, second = rules.KINDS[kind]
    for name, customer, wanted in (("customer_id", one, first), ("other_customer_id", other, second)):
        if customer.kind not in wanted:
            text = "A person belongs to a household and speaks for an organisation; an organisation is part of one."
            raise InvalidArgument.of(f"tie.{name}", "TIE_KIND_WRONG", text)


async def _check_place(session: AsyncSession, one: uuid.UUID, other: uuid.UUID, kind: int) -> None:
    """Refuses a tie that is there already, leads back, or is one too many. Nobody else ties in this way meanwhile."""
    below = await families.members(session, [one, other])
    own, theirs = [one, *below[one]], [other, *below[other]]
    known = await repository.standing(session, own, kind, rules.MOST_TIES)
    if any({row.customer_id, row.other_customer_id} & set(theirs) for row in known):
        raise TieTaken()
    for customer_ids in (own, theirs):
        if await repository.count(session, customer_ids, kind) >= rules.MOST_TIES:
            raise TiesFull(most=rules.MOST_TIES)
    if kind == rules.HOUSEHOLD:
        people = {*(await household(session, one))[0], *(await household(session, other))[0]}
        if len(people) > rules.MOST_MEMBERS:
            raise TiesFull(most=rules.MOST_MEMBERS)
    elif kind in rules.UPWARDS:
        if any(row.customer_id in own for row in known):
            raise TieTaken()  # one whole, one who referred
        if one in await _above(session, other, kind):
            raise TieCycle()


async def _above(session: AsyncSession, first: uuid.UUID, kind: int) -> set[uuid.UUID]:
    """Returns a customer and all above it."""
    found, waiting = {first}, [first]
    for _ in range(rules.MOST_STEPS):
        below = await families.members(session, waiting)
        ids = {one for customer_id in waiting for one in (customer_id, *below[customer_id])}
        rows = [row for row in await repository.standing(session, ids, kind, rules.MOST_TIES) if row.customer_id in ids]
        root = await families.roots(session, {row.other_customer_id for row in rows})
        waiting = sorted({*root.values()} - found)
        found |= set(waiting)
        if not waiting:
            break
    return found


async def household(
    session: AsyncSession, customer_id: uuid.UUID
) -> tuple[list[uuid.UUID], Mapping[uuid.UUID, list[int]]]:
    """Returns who lives with a person, the person first, then the nearest, and as what they are there; a few statements for each step."""
    edges: dict[uuid.UUID, set[uuid.UUID]] = {}
    roles: dict[uuid.UUID, list[int]] = {}
    known, waiting = {customer_id}, [customer_id]
    while waiting and len(known) <= rules.MOST_MEMBERS:
        below = await families.members(session, waiting)
        ids = {one for root in waiting for one in (root, *below[root])}
        rows = await repository.standing(session, ids, rules.HOUSEHOLD, rules.MOST_TIES)
        root = await repository.roots(session, rows)
        for row in rows:
            one, other = root[row.customer_id], root[row.other_customer_id]
            if one == other:
                continue
            edges.setdefault(one, set()).add(other)
            edges.setdefault(other, set()).add(one)
            if row.role and row.role not in roles.setdefault(one, []):
                roles[one].append(row.role)
        waiting = sorted({one for ends in edges.values() for one in ends} - known)
        known |= set(waiting)
    return rules.together(edges, customer_id)[: rules.MOST_MEMBERS], roles


async def end(*, uow: UnitOfWork, tie_id: uuid.UUID, etag: str, reason: str) -> Any:
    """Ends a tie. Raises TieNotFound, TieEnded, EtagMismatch."""
    async with uow:
        tie = await repository.locked(uow.session, uow.principal, tie_id)
        if tie is None:
            raise TieNotFound(tie_id=tie_id)
        tie.check_etag(etag)
        tie.end(reason, uow.now)
        uow.audit("end", "customer_tie", str(tie_id))
        return await uow.answer((tie, await repository.roots(uow.session, [tie])))


async def organisation(session: AsyncSession, principal: Principal, customer_id: uuid.UUID) -> Any:
    """Returns (customer, profile or None, (cars, VINs), contacts, who stands for whom). Raises CustomerNotFound, OrganisationWanted."""
    family = await families.seen(session, principal, customer_id)
    if not family:
        raise CustomerNotFound(customer_id=customer_id)
    found = await repository.customer(session, family[0])
    if found.kind != ORGANISATION:
        raise OrganisationWanted(customer_id=customer_id)
    contacts = await repository.contacts(session, principal, family, rules.CONTACT)
    return (
        found,
        await repository.profile(session, family),
        await repository.fleet(session, family),
        contacts,
        await repository.roots(session, contacts),
    )


async def put_organisation(*, uow: UnitOfWork, customer_id: uuid.UUID, etag: str, values: dict[str, Any]) -> Any:
    """Writes what an organisation is. Raises CustomerNotFound, CustomerErased, CustomerMerged, OrganisationWanted, EtagMismatch."""
    async with uow:
        customer, _ = await for_change(uow, customer_id)
        if customer.kind != ORGANISATION:
            raise OrganisationWanted(customer_id=customer_id)
        row = await repository.own_profile(uow.session, customer_id)
        if row is None:
            if etag:  # of a state that never was here
                raise EtagMismatch()
            row = OrganisationProfile(customer_id=customer_id, create_time=uow.now, **values)
            uow.add(row)
        else:
            row.check_etag(etag)
            for name, value in values.items():
                setattr(row, name, value)
        await uow.flush()
        uow.audit("put", "organisation_profile", str(customer_id), tuple(sorted(values)))
        return await uow.answer(await organisation(uow.session, uow.principal, customer_id))
