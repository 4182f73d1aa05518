"""What is done with admission files and contacts of dealers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch, InvalidArgument

from marque_network.errors import ContactNotFound, DealerNotFound
from marque_network.models import Change, DealerAdmission, DealerContact
from marque_network.repository import dealers
from marque_network.repository import partnership as repository
from marque_network.repository.scoped import staff_of


async def put_admission(*, uow: UnitOfWork, dealer_id: uuid.UUID, etag: str, values: Mapping[str, Any]) -> Any:
    """Writes the file of a dealer as a whole; an equal one changes nothing."""
    async with uow:
        if await dealers.lock_own_dealer(uow.session, uow.principal, dealer_id) is None:
            raise DealerNotFound(dealer_id=dealer_id)
        file = await repository.get_admission(uow.session, dealer_id)
        if file is None:
            if etag:
                raise EtagMismatch()
            file = DealerAdmission(dealer_id=dealer_id, **values)
            uow.add(file)
            uow.audit("create", "dealer_admission", str(dealer_id))
        else:
            file.check_etag(etag)
            changed = tuple(name for name, value in values.items() if getattr(file, name) != value)
            for name in changed:
                setattr(file, name, values[name])
            if changed:
                uow.audit("update", "dealer_admission", str(dealer_id), changed)
        await uow.flush()
        dealer = await dealers.read_dealer(uow.session, dealer_id)
        columns = {column.name: getattr(file, column.name) for column in DealerAdmission.__table__.columns}
        return await uow.answer(SimpleNamespace(**columns, kinds=dealer.kinds))


async def create_contact(*, uow: UnitOfWork, values: Mapping[str, Any]) -> Any:
    """Notes a contact at a dealer."""
    async with uow:
        contact = DealerContact(**values)
        # The lock lets contacts that are to be asked first come one after the other.
        if await dealers.lock_own_dealer(uow.session, uow.principal, contact.dealer_id) is None:
            raise DealerNotFound(dealer_id=contact.dealer_id)
        await _check_staff(uow, contact)
        await _make_room(uow, contact)
        uow.add(contact)
        await uow.flush()
        uow.audit("create", "dealer_contact", str(contact.contact_id))
        return await uow.answer(contact)


async def update_contact(
    *, uow: UnitOfWork, contact_id: uuid.UUID, etag: str, patch: Callable[[DealerContact], Change]
) -> Any:
    """Changes a contact."""
    async with uow:
        contact = await repository.get_contact(uow.session, uow.principal, contact_id)
        if contact is None:
            raise ContactNotFound(contact_id=contact_id)
        contact.check_etag(etag)
        change = patch(contact)
        if change.fields:
            if change.values.get("is_primary"):
                await dealers.lock_own_dealer(uow.session, uow.principal, contact.dealer_id)
                await _make_room(uow, contact, change.values)
            contact.change(change)
            await _check_staff(uow, contact)
            uow.audit("update", "dealer_contact", str(contact_id), change.fields)
        return await uow.answer(contact)


async def _make_room(uow: UnitOfWork, contact: DealerContact, values: Mapping[str, Any] | None = None) -> None:
    """Takes the first place from who has it."""
    wanted = (values or {}).get("is_primary", contact.is_primary)
    if not wanted:
        return
    present = await repository.primary_contact(uow.session, contact.dealer_id)
    if present is not None and present is not contact:
        present.is_primary = False
        await uow.flush()


async def _check_staff(uow: UnitOfWork, contact: DealerContact) -> None:
    if contact.staff_id is not None:
        found = await staff_of(uow.session, [contact.staff_id])
        if found.get(contact.staff_id) != contact.dealer_id:
            raise InvalidArgument.of("contact.staff_id", "STAFF_UNKNOWN", "The dealer has no such member of staff.")
