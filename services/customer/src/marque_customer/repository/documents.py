"""Identity documents: sealed numbers, found by keyed hashes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer, IdentityDocument
from marque_customer.repository import families
from marque_customer.repository.sight import visible_to
from marque_customer.rules.kinds import LISTED, MERGED

FOUND = 20


async def of_family(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> list[IdentityDocument]:
    """Returns the documents of a customer and those merged into it, oldest first."""
    query = sa.select(IdentityDocument).where(IdentityDocument.customer_id.in_(customer_ids))
    order = (IdentityDocument.create_time, IdentityDocument.identity_document_id)
    return list(await session.scalars(query.order_by(*order)))


async def find(
    session: AsyncSession, customer_ids: Sequence[uuid.UUID], identity_document_id: uuid.UUID
) -> IdentityDocument | None:
    """Returns a document of some customers under lock, or None."""
    query = sa.select(IdentityDocument).where(
        IdentityDocument.identity_document_id == identity_document_id, IdentityDocument.customer_id.in_(customer_ids)
    )
    return (await session.scalars(query.with_for_update())).one_or_none()


async def with_number(
    session: AsyncSession, hashes: Sequence[str], others: Sequence[uuid.UUID] = ()
) -> list[uuid.UUID]:
    """Returns the live customers but some who have a number, by its hashes under all keys; of merged ones the survivors, at most 20."""
    query = (
        sa.select(IdentityDocument.customer_id)
        .join(Customer, Customer.customer_id == IdentityDocument.customer_id)
        .where(
            IdentityDocument.number_hash.in_(hashes),
            Customer.status.in_((*LISTED, MERGED)),
            IdentityDocument.customer_id.not_in(others),
        )
        .distinct()
        .order_by(IdentityDocument.customer_id)
        .limit(FOUND)
    )
    found = list(await session.scalars(query))
    standing = await families.roots(session, found)
    return sorted({standing[one] for one in found} - set(others))


async def visible_among(
    session: AsyncSession, principal: Principal, customer_ids: Sequence[uuid.UUID]
) -> list[uuid.UUID]:
    """Returns those of some customers that a caller sees."""
    query = sa.select(Customer.customer_id).where(Customer.customer_id.in_(customer_ids), visible_to(principal))
    return sorted(await session.scalars(query))


# The batch compares under one key: while keys rotate, equal numbers may stand under two, until the rotation is done.
_TWINS = sa.text("""
SELECT a.customer_id AS one, min(b.customer_id::text)::uuid AS other FROM identity_documents a
JOIN identity_documents b ON b.number_hash = a.number_hash AND b.customer_id > a.customer_id
JOIN customers c ON c.customer_id = a.customer_id AND c.status <> 3
JOIN customers d ON d.customer_id = b.customer_id AND d.status <> 3
GROUP BY a.customer_id ORDER BY a.customer_id LIMIT :most""")


async def twins(session: AsyncSession, most: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Returns pairs of customers with exactly the same number, for the batch of duplicates."""
    return [(row.one, row.other) for row in await session.execute(_TWINS, {"most": most})]
