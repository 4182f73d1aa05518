"""The state of dealers and staff as snapshot events, for consumers that rebuild what they know."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from google.protobuf.message import Message
from marque.network.v1 import dealer_events_pb2, staff_events_pb2
from servicekit.snapshots import SnapshotReader
from servicekit.staff import subject_key
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Dealer, Staff


async def dealers(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    """Returns the next dealers."""
    columns = Dealer.__table__.c
    query = sa.select(Dealer.__table__).order_by(columns.dealer_id).limit(limit)
    if after:
        query = query.where(columns.dealer_id > uuid.UUID(after))
    found: list[tuple[str, Message]] = []
    for row in await session.execute(query):
        event = dealer_events_pb2.DealerSnapshot(
            dealer_id=str(row.dealer_id),
            aggregate_version=row.version,
            code=row.code,
            kinds=row.kinds,
            group_code=row.group_code,
            region_code=row.region_code,
            time_zone=row.time_zone,
            status=row.status,
        )
        event.occur_time.FromDatetime(row.update_time)
        found.append((event.dealer_id, event))
    return found


async def staff(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    """Returns the next members of staff."""
    columns = Staff.__table__.c
    query = sa.select(Staff.__table__).order_by(columns.staff_id).limit(limit)
    if after:
        query = query.where(columns.staff_id > uuid.UUID(after))
    found: list[tuple[str, Message]] = []
    for row in await session.execute(query):
        event = staff_events_pb2.StaffSnapshot(
            staff_id=str(row.staff_id),
            aggregate_version=row.version,
            dealer_id=str(row.dealer_id or ""),
            roles=row.roles,
            status=row.status,
            manager_staff_id=str(row.manager_staff_id or ""),
            subject_key=subject_key(row.subject) if row.subject else "",
            region_code=row.region_code,
            group_code=row.group_code,
            former_subject_keys=row.former_subject_keys,
        )
        event.occur_time.FromDatetime(row.update_time)
        found.append((event.staff_id, event))
    return found


READERS: dict[str, SnapshotReader] = {"dealer": dealers, "staff": staff}
