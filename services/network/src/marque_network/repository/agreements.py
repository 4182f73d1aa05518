"""SQL of agreements with dealers and their versions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import DealerAgreement, DealerAgreementVersion
from marque_network.repository.scoped import get, paged, visible_to

_heads: sa.Table = DealerAgreement.__table__  # type: ignore[assignment]
_versions: sa.Table = DealerAgreementVersion.__table__  # type: ignore[assignment]
_c = _versions.c
_DRAFT, _SIGNED = DealerAgreementVersion.DRAFT, DealerAgreementVersion.SIGNED


async def lock_agreement(
    session: AsyncSession, principal: Principal, agreement_id: uuid.UUID
) -> DealerAgreement | None:
    """Returns an agreement to change, locked with all its versions."""
    return await get(session, principal, DealerAgreement, _heads.c.agreement_id == agreement_id)


async def lock_any(session: AsyncSession, agreement_id: uuid.UUID) -> DealerAgreement | None:
    """Returns an agreement for work that time made due, locked with all its versions."""
    query = sa.select(DealerAgreement).where(_heads.c.agreement_id == agreement_id).with_for_update(key_share=True)
    return (await session.scalars(query)).one_or_none()


async def version_in(session: AsyncSession, agreement_id: uuid.UUID, state: int) -> DealerAgreementVersion | None:
    """Returns the version that is a draft, or signed, to change; the caller holds the agreement's lock."""
    query = sa.select(DealerAgreementVersion).where(_c.agreement_id == agreement_id, _c.state == state)
    return (await session.scalars(query)).one_or_none()


async def read_version(session: AsyncSession, principal: Principal, agreement_id: uuid.UUID, revision: int) -> Any:
    """Returns a version's row, or None; 0 asks for the one that was signed last, or the draft where none was."""
    query = sa.select(_versions).where(_c.agreement_id == agreement_id, visible_to(principal, _c.dealer_id))
    if revision:
        query = query.where(_c.revision == revision)
    query = query.order_by((_c.state == _DRAFT), _c.revision.desc()).limit(1)
    return (await session.execute(query)).one_or_none()


async def list_versions(
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of versions and one more."""
    given = dict(filters)
    query = sa.select(_versions).where(visible_to(principal, _c.dealer_id))
    if (before := given.pop("expires_before_date", None)) is not None:
        query = query.where(_c.end_date < before)
    if (day := given.pop("in_force_date", None)) is not None:
        holding = (_SIGNED, DealerAgreementVersion.TERMINATED)
        query = query.where(_c.state.in_(holding), _c.valid_from_date <= day, _c.end_date >= day)
    query = query.where(*(_c[name] == value for name, value in given.items()))
    by_time = order_by.startswith("create_time")
    columns = (_c.create_time if by_time else _c.end_date, _c.agreement_id, _c.revision)
    return (await session.execute(paged(query, columns, by_time, page, after))).all()
