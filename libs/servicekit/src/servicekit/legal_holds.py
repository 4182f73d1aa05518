"""Holds that keep a person's records against erasure, in the database of each service."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from marque.type.v1 import personal_data_pb2
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.db.base import now
from servicekit.db.tables import legal_holds
from servicekit.db.uow import UnitOfWork

ALL_KINDS = "*"


async def lock_person(session: AsyncSession, customer_id: uuid.UUID) -> None:
    """Lets holds and erasures of one person wait for each other, until this transaction ends."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(str(customer_id), 0))))


class Ground(NamedTuple):
    """Why a hold keeps records, and until when (None: until it is released)."""

    reason: str
    until: datetime | None


async def grounds(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> dict[str, Ground]:
    """Returns the kinds of record that holds keep now, `*` where one of them keeps all, each with the ground that lasts longest."""
    columns = legal_holds.c
    found = await session.execute(
        sa.select(columns.kinds, columns.reason, columns.until_time)
        .where(
            columns.customer_id.in_(list(customer_ids)),
            columns.release_time.is_(None),
            sa.or_(columns.until_time.is_(None), columns.until_time > now()),
        )
        .order_by(columns.until_time.nulls_last(), columns.set_time.desc(), columns.hold_id)
    )
    return {kind: Ground(row.reason, row.until_time) for row in found for kind in (row.kinds or [ALL_KINDS])}


async def add(uow: UnitOfWork, values: dict[str, Any]) -> tuple[Any, bool]:
    """Sets a hold; returns its row and whether it is new. A hold that was set before stays as it is."""
    row = insert(legal_holds).values(**values, set_time=uow.now).on_conflict_do_nothing().returning(legal_holds)
    made = (await uow.session.execute(row)).one_or_none()
    return (made, True) if made is not None else (await find(uow.session, values["hold_id"]), False)


async def find(session: AsyncSession, hold_id: uuid.UUID) -> Any:
    """Returns the row of a hold, or None."""
    return (await session.execute(sa.select(legal_holds).where(legal_holds.c.hold_id == hold_id))).one_or_none()


async def release(uow: UnitOfWork, hold_id: uuid.UUID) -> Any:
    """Ends a hold that still holds; returns its row, or None where it was released before."""
    columns = legal_holds.c
    change = (
        sa.update(legal_holds)
        .where(columns.hold_id == hold_id, columns.release_time.is_(None))
        .values(release_time=uow.now)
        .returning(legal_holds)
    )
    return (await uow.session.execute(change)).one_or_none()


def hold_message(row: Any) -> personal_data_pb2.LegalHold:
    """Returns the message of a hold's row."""
    message = personal_data_pb2.LegalHold(
        hold_id=str(row.hold_id), customer_id=str(row.customer_id), reason=row.reason, kinds=row.kinds
    )
    for name in ("set_time", "until_time", "release_time"):
        if getattr(row, name) is not None:
            getattr(message, name).FromDatetime(getattr(row, name))
    return message
