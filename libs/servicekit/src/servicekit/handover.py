"""What a service must be able to do with the rows of somebody who has left: give them to others, a step in one transaction.

The rows that a step moved are kept in `handed_over` with it. Who asks again after a crash of either side is first told what was
moved and is not known there; so nothing is missed, and nothing is moved twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from marque.type.v1 import hand_over_pb2
from sqlalchemy.dialects.postgresql import insert

from servicekit.db.staff_tables import handed_over
from servicekit.db.uow import UnitOfWork, Work
from servicekit.rpc.call import Call

LIMIT = 100
NO_SUCCESSOR = "NO_SUCCESSOR"
Successor = Callable[[], uuid.UUID | None]
"""Gives the next successor in turn; None where there is none."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A row that was moved: its kind (`vehicle.repair_order`), key, and who has it now; None for nobody."""

    kind: str
    key: str
    to: uuid.UUID | None


class HandOver(Protocol):
    """Each service's `handover.py` implements this."""

    async def move(self, uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
        """Moves at most `limit` rows of somebody inside the open unit of work, each to the next successor, or to nobody.

        A row that was moved is not found again. Returns nothing where nothing is left. What is done and past stays theirs.
        """


class HandOverApi:
    """`marque.<service>.v1.<Service>HandOverService`, on what the service's `handover.py` implements."""

    def __init__(self, service: str, work: Work, rows: HandOver) -> None:
        self.service = f"marque.{service}.v1.{service.capitalize()}HandOverService"
        self._work = work
        self._rows = rows

    async def HandOver(self, request: hand_over_pb2.HandOverRequest, call: Call) -> hand_over_pb2.HandOverResponse:
        async with (uow := self._work(call)):
            return await step(uow, self._rows, request)


async def step(
    uow: UnitOfWork, rows: HandOver, request: hand_over_pb2.HandOverRequest
) -> hand_over_pb2.HandOverResponse:
    """Does the next step of a hand-over inside the open unit of work, or tells the one that the caller does not know."""
    hand_over_id, limit = uuid.UUID(request.hand_over_id), request.limit or LIMIT
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"hand_over:{hand_over_id}", 0))
    await uow.session.execute(sa.select(lock))
    told = await _unknown(uow, hand_over_id, request.after_position, limit)
    if told:
        return hand_over_pb2.HandOverResponse(rows=told)
    successors = [uuid.UUID(one) for one in request.successor_staff_ids]
    turn = request.after_position

    def successor() -> uuid.UUID | None:
        nonlocal turn
        turn += 1
        return successors[(turn - 1) % len(successors)] if successors else None

    moved = await rows.move(uow, uuid.UUID(request.from_staff_id), successor, limit)
    await uow.flush()
    await _keep(uow, hand_over_id, request.after_position, moved)
    told = await _unknown(uow, hand_over_id, request.after_position, limit)
    return hand_over_pb2.HandOverResponse(rows=told, done=not moved)


async def _keep(uow: UnitOfWork, hand_over_id: uuid.UUID, after: int, moved: Sequence[Moved]) -> None:
    values: list[dict[str, Any]] = [
        {
            "hand_over_id": hand_over_id,
            "position": after + number,
            "kind": one.kind,
            "key": one.key,
            "to_staff_id": one.to,
            "reason": "" if one.to else NO_SUCCESSOR,
            "create_time": uow.now,
        }
        for number, one in enumerate(moved, 1)
    ]
    if values:
        await uow.session.execute(insert(handed_over).values(values))
    for one in moved:
        uow.audit("hand_over", one.kind, one.key)


async def _unknown(
    uow: UnitOfWork, hand_over_id: uuid.UUID, after: int, limit: int
) -> Sequence[hand_over_pb2.HandedOver]:
    columns = handed_over.c
    query = sa.select(handed_over).where(columns.hand_over_id == hand_over_id, columns.position > after)
    found = await uow.session.execute(query.order_by(columns.position).limit(limit))
    return [
        hand_over_pb2.HandedOver(
            position=row.position,
            kind=row.kind,
            key=row.key,
            to_staff_id=str(row.to_staff_id or ""),
            reason=row.reason,
        )
        for row in found
    ]
