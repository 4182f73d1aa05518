"""SQL of admission files and contacts of dealers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Dealer, DealerAdmission, DealerContact
from marque_network.repository.scoped import get, paged, read, visible_to

_admissions: sa.Table = DealerAdmission.__table__  # type: ignore[assignment]
_contacts: sa.Table = DealerContact.__table__  # type: ignore[assignment]
_dealers: sa.Table = Dealer.__table__  # type: ignore[assignment]
_with_kinds = sa.select(_admissions, _dealers.c.kinds).join(_dealers, _dealers.c.dealer_id == _admissions.c.dealer_id)


async def get_admission(session: AsyncSession, dealer_id: uuid.UUID) -> DealerAdmission | None:
    """Returns the file of a dealer to change; the caller holds the dealer's lock."""
    return (await session.scalars(sa.select(DealerAdmission).where(_admissions.c.dealer_id == dealer_id))).one_or_none()


async def read_admission(session: AsyncSession, principal: Principal, dealer_id: uuid.UUID) -> Any:
    """Returns the file of a dealer with the dealer's `kinds`, or None."""
    query = _with_kinds.where(_admissions.c.dealer_id == dealer_id, visible_to(principal, _admissions.c.dealer_id))
    return (await session.execute(query)).one_or_none()


async def list_admissions(
    session: AsyncSession,
    principal: Principal,
    expires_before: date | None,
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of files and one more, each with the dealer's `kinds`."""
    c = _admissions.c
    query = _with_kinds.where(visible_to(principal, c.dealer_id))
    if expires_before is not None:
        query = query.where(c.next_expiry_date < expires_before)
    name = "update_time" if order_by.startswith("update_time") else "next_expiry_date"
    query = paged(query, (c[name], c.dealer_id), order_by.endswith("desc"), page, after)
    return (await session.execute(query)).all()


async def get_contact(session: AsyncSession, principal: Principal, contact_id: uuid.UUID) -> DealerContact | None:
    """Returns a contact to change, locked."""
    return await get(session, principal, DealerContact, _contacts.c.contact_id == contact_id)


async def read_contact(session: AsyncSession, principal: Principal, contact_id: uuid.UUID) -> Any:
    """Returns a contact's row, or None."""
    return await read(session, principal, DealerContact, _contacts.c.contact_id == contact_id)


async def primary_contact(session: AsyncSession, dealer_id: uuid.UUID) -> DealerContact | None:
    """Returns the contact of a dealer who is asked first, locked."""
    query = sa.select(DealerContact).where(_contacts.c.dealer_id == dealer_id, _contacts.c.is_primary)
    return (await session.scalars(query.with_for_update(key_share=True))).one_or_none()


async def contacts_at(session: AsyncSession, dealer_id: uuid.UUID, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Returns those of some contacts who are a dealer's and not gone."""
    c = _contacts.c
    query = sa.select(c.contact_id).where(c.contact_id.in_(ids), c.dealer_id == dealer_id, c.former.is_(False))
    return set((await session.scalars(query)).all())


async def list_contacts(
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of contacts and one more. `filters`: dealer_id, topic, include_former."""
    c = _contacts.c
    query = sa.select(_contacts).where(visible_to(principal, c.dealer_id))
    if not filters.get("include_former"):
        query = query.where(c.former.is_(False))
    if "dealer_id" in filters:
        query = query.where(c.dealer_id == filters["dealer_id"])
    if "topic" in filters:
        query = query.where(c.topics.contains([filters["topic"]]))
    query = paged(query, (c.create_time, c.contact_id), order_by != "create_time", page, after)
    return (await session.execute(query)).all()
