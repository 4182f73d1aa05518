"""Exports of a person's data: what is asked for, what services gave, and the pieces of archives."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import DataExport, DataExportPart, DataExportPiece
from marque_customer.models.rights import EXPIRED, GATHERING, READY
from marque_customer.repository.sight import visible_to

_AT_ONCE = 10


async def find(session: AsyncSession, principal: Principal, data_export_id: uuid.UUID) -> DataExport | None:
    """Returns an export of a customer in the caller's sight."""
    query = sa.select(DataExport).where(
        DataExport.data_export_id == data_export_id, visible_to(principal, "data_exports")
    )
    return (await session.scalars(query)).one_or_none()


async def gathering(session: AsyncSession, customer_id: uuid.UUID) -> DataExport | None:
    """Returns the export of a customer that is under way."""
    query = sa.select(DataExport).where(DataExport.customer_id == customer_id, DataExport.state == GATHERING)
    return (await session.scalars(query.limit(1))).one_or_none()


async def due(session: AsyncSession, moment: datetime) -> list[DataExport]:
    """Returns exports for which there is something to do, longest waiting first."""
    query = sa.select(DataExport).where(DataExport.state == GATHERING, DataExport.try_time <= moment)
    return list(await session.scalars(query.order_by(DataExport.try_time).limit(_AT_ONCE)))


async def locked(session: AsyncSession, data_export_id: uuid.UUID) -> DataExport | None:
    """Returns an export under lock that is still gathered."""
    query = sa.select(DataExport).where(DataExport.data_export_id == data_export_id, DataExport.state == GATHERING)
    return (await session.scalars(query.with_for_update())).one_or_none()


async def parts(session: AsyncSession, data_export_id: uuid.UUID) -> Sequence[DataExportPart]:
    """Returns what services gave to an export, by their names."""
    query = sa.select(DataExportPart).where(DataExportPart.data_export_id == data_export_id)
    return list(await session.scalars(query.order_by(DataExportPart.service)))


async def told(session: AsyncSession, data_export_id: uuid.UUID) -> Sequence[Any]:
    """Returns (service, records, gather_time) of an export, without the contents."""
    columns = (DataExportPart.service, DataExportPart.records, DataExportPart.gather_time)
    query = sa.select(*columns).where(DataExportPart.data_export_id == data_export_id)
    return list(await session.execute(query.order_by(DataExportPart.service)))


async def keep_part(session: AsyncSession, values: dict[str, Any]) -> None:
    """Keeps what a service gave; where two asked at once, the first stays."""
    await session.execute(insert(DataExportPart).values(**values).on_conflict_do_nothing())


async def empty_parts(session: AsyncSession, data_export_id: uuid.UUID) -> None:
    """Lets go of the contents of parts whose archive is made."""
    change = sa.update(DataExportPart).where(DataExportPart.data_export_id == data_export_id).values(content=None)
    await session.execute(change.execution_options(synchronize_session=False))


async def piece(session: AsyncSession, data_export_id: uuid.UUID, number: int) -> bytes | None:
    """Returns a sealed piece of an archive."""
    query = sa.select(DataExportPiece.content).where(
        DataExportPiece.data_export_id == data_export_id, DataExportPiece.piece == number
    )
    found: bytes | None = await session.scalar(query)
    return found


async def expire(session: AsyncSession, moment: datetime) -> int:
    """Lets archives go whose days are over, a few at once; returns how many."""
    old = sa.select(DataExport.data_export_id).where(DataExport.state == READY, DataExport.expire_time <= moment)
    found = list(await session.scalars(old.limit(_AT_ONCE).with_for_update(skip_locked=True)))
    await _let_go(session, found, moment)
    return len(found)


async def forget(session: AsyncSession, customer_ids: Sequence[uuid.UUID], moment: datetime) -> int:
    """Lets everything go that was gathered of persons; that they asked stays. Returns how many exports held something."""
    query = sa.select(DataExport.data_export_id).where(
        DataExport.customer_id.in_(customer_ids), DataExport.state != EXPIRED
    )
    found = list(await session.scalars(query.with_for_update()))
    await _let_go(session, found, moment)
    return len(found)


async def _let_go(session: AsyncSession, ids: Sequence[uuid.UUID], moment: datetime) -> None:
    if not ids:
        return
    for model in (DataExportPart, DataExportPiece):
        await session.execute(
            sa.delete(model).where(model.data_export_id.in_(ids)).execution_options(synchronize_session=False)
        )
    change = sa.update(DataExport).where(DataExport.data_export_id.in_(ids))
    values = {"state": EXPIRED, "update_time": moment, "version": DataExport.version + 1}
    await session.execute(change.values(**values).execution_options(synchronize_session=False))
