"""Numbers of identity documents: sealed before they reach the database, found by keyed hash."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid
from servicekit.rpc.principal import Principal
from servicekit.sealing.keys import SealingKeyMissing
from servicekit.sealing.sealer import SealBroken, Sealer
from servicekit.telemetry import logs
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.errors import CustomerNotFound, IdentityDocumentsFull
from marque_customer.models import IdentityDocument
from marque_customer.models.rights import NUMBERS
from marque_customer.repository import documents as repository
from marque_customer.repository import duplicates, families
from marque_customer.rules import reasons
from marque_customer.rules.identity_numbers import purpose_of
from marque_customer.usecases.duplicates import pair_of
from marque_customer.usecases.saving import for_change

log = logs.get_logger(__name__)
MOST = 20


@dataclass(frozen=True, slots=True)
class Number:
    """A number in its one written form, of what it is, and when it was seen."""

    kind: int
    country_code: str
    number: str
    verify_time: datetime | None = None

    @property
    def purpose(self) -> str:
        """What it is hashed for."""
        return purpose_of(self.kind, self.country_code)


@dataclass(frozen=True, slots=True)
class Shown:
    """A document with its number, None where it cannot be opened."""

    row: IdentityDocument
    number: str | None


async def add(*, uow: UnitOfWork, sealer: Sealer, customer_id: uuid.UUID, said: Number) -> Any:
    """Adds a document; answers (document, other customers with the number that the caller sees).

    Raises CustomerNotFound, CustomerErased, CustomerMerged, IdentityDocumentsFull, SealingKeyMissing.
    """
    async with uow:
        customer, parts = await for_change(uow, customer_id)
        hashes = sealer.digests(said.number, said.purpose)
        current = sealer.digest(said.number, said.purpose)
        known = await repository.of_family(uow.session, parts.family)
        row = next((one for one in known if one.number_hash in hashes), None)
        if row is None:
            if sum(one.customer_id == customer_id for one in known) >= MOST:
                raise IdentityDocumentsFull(most=MOST)
            row_id = new_uuid()
            row = IdentityDocument(
                identity_document_id=row_id, customer_id=customer.customer_id, kind=said.kind, country_code=said.country_code,
                number_sealed=sealer.seal(said.number.encode(), NUMBERS.place(row_id)), number_hash=current,
                actor=uow.principal.subject, create_time=uow.now,
            )  # fmt: skip
            uow.add(row)
            uow.audit("add", "identity_document", str(row_id))
        row.verify_time = said.verify_time or row.verify_time
        others = await repository.with_number(uow.session, hashes, parts.family)
        pairs = [pair_of(customer.customer_id, other, {reasons.SAME_IDENTITY_NUMBER}) for other in others]
        await duplicates.put_candidates(uow.session, pairs, "write", uow.now)
        seen = await repository.visible_among(uow.session, uow.principal, others)
        return await uow.answer((row, [(other, [reasons.SAME_IDENTITY_NUMBER]) for other in seen]))


async def listed(*, session: AsyncSession, principal: Principal, sealer: Sealer, customer_id: uuid.UUID) -> list[Shown]:
    """Returns the documents of a customer in sight with their numbers. Raises CustomerNotFound."""
    family = await families.seen(session, principal, customer_id)
    if not family:
        raise CustomerNotFound(customer_id=customer_id)
    return [Shown(row, opened(sealer, row)) for row in await repository.of_family(session, family)]


def opened(sealer: Sealer, row: IdentityDocument) -> str | None:
    """Returns the number of a document, None where its key is gone or it was tampered with: the rest is served."""
    try:
        return sealer.open(bytes(row.number_sealed), NUMBERS.place(row.identity_document_id)).decode()
    except (SealingKeyMissing, SealBroken) as error:
        log.warning("a sealed number cannot be opened", extra={"error_type": type(error).__name__})
        return None


async def remove(*, uow: UnitOfWork, customer_id: uuid.UUID, identity_document_id: uuid.UUID) -> Any:
    """Removes a document. Raises CustomerNotFound, CustomerErased, CustomerMerged."""
    async with uow:
        _, parts = await for_change(uow, customer_id)
        row = await repository.find(uow.session, parts.family, identity_document_id)
        if row is not None:
            await uow.session.delete(row)
            uow.audit("remove", "identity_document", str(identity_document_id))
        return await uow.answer(None)


async def find(*, uow: UnitOfWork, sealer: Sealer, said: Number) -> Any:
    """Finds the customers in sight who have a number; that somebody asked is recorded, found or not. Raises SealingKeyMissing."""
    async with uow:
        sealer.ring.one(sealer.ring.current)
        found = await repository.with_number(uow.session, sealer.digests(said.number, said.purpose))
        seen = await repository.visible_among(uow.session, uow.principal, found)
        uow.audit("find_by_identity_number", "customer", str(seen[0]) if len(seen) == 1 else "", ("identity_number",))
        return await uow.answer(seen)
