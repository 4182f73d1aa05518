"""Everything that the platform holds of one person, gathered from every service into one archive.

Gathering asks other services, so it is a sweep: what a service gave is kept at once, sealed, and a run that was killed goes on with the
services that are left. A service that is down is named and asked again.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import grpc.aio
import orjson
from marque.type.v1 import personal_data_pb2
from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import Unavailable
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.sealing.sealer import Place, Sealer
from servicekit.telemetry import logs

from marque_customer.errors import CustomerNotFound
from marque_customer.models import DataExport, DataExportPart, DataExportPiece
from marque_customer.repository import exports as repository
from marque_customer.repository import families
from marque_customer.rules import archive

PIECE_BYTES = 256 * 1024
AGAIN, AFTER_FAULT = timedelta(seconds=3), timedelta(seconds=30)
log = logs.get_logger(__name__)
_NAME = "sweep:data-exports"


class Holder(Protocol):
    """A service that holds something of persons."""

    def export(self, customer_id: uuid.UUID) -> AsyncIterator[personal_data_pb2.ExportPersonalDataResponse]:
        """Yields everything it holds. Raises Unavailable or AioRpcError where it does not answer."""

    async def erase(self, customer_id: uuid.UUID, erasure_id: uuid.UUID) -> personal_data_pb2.ErasePersonalDataResponse:
        """Has it erased. Raises Unavailable or AioRpcError where it does not answer."""


Holders = Mapping[str, Holder]


@dataclass(frozen=True, slots=True)
class Gathering:
    """What gathers: the services by name, the keys, and for how many days an archive is kept."""

    work: Work
    holders: Holders
    sealer: Sealer
    days: int


def part_place(data_export_id: uuid.UUID, service: str) -> Place:
    """Returns the place of what a service gave."""
    return Place("data_export_parts", "content", f"{data_export_id}/{service}")


def piece_place(data_export_id: uuid.UUID, number: int) -> Place:
    """Returns the place of a piece of an archive."""
    return Place("data_export_pieces", "content", f"{data_export_id}/{number}")


async def start(*, uow: UnitOfWork, sealer: Sealer, customer_id: uuid.UUID) -> Any:
    """Begins an export of a customer in sight, or gives the one under way. Raises CustomerNotFound, SealingKeyMissing."""
    async with uow:
        family = await families.seen(uow.session, uow.principal, customer_id)
        if not family:
            raise CustomerNotFound(customer_id=customer_id)
        sealer.ring.one(sealer.ring.current)
        row = await repository.gathering(uow.session, family[0])
        if row is None:
            row = DataExport(
                customer_id=family[0], actor=uow.principal.subject, create_time=uow.now, try_time=uow.now, waiting=[]
            )
            uow.add(row)
            await uow.flush()
            uow.audit("export", "customer", str(family[0]))
        return await uow.answer((row, await repository.told(uow.session, row.data_export_id)))


async def sweep(*, gathering: Gathering) -> bool:
    """Moves exports on and lets old archives go; returns whether more may be left."""
    async with gathering.work.read() as session:
        found = await repository.due(session, now())
    for row in found:
        try:
            await _gather(gathering, row)
        except Exception as error:  # one that cannot go on must not hold up the others; it is tried again
            log.error("an export waits", exc_info=error, extra={"error_type": type(error).__name__})
            async with gathering.work(Call(SYSTEM, _NAME)) as uow:
                standing = await repository.locked(uow.session, row.data_export_id)
                if standing is not None:
                    standing.wait(standing.waiting, uow.now + AFTER_FAULT)
    async with gathering.work(Call(SYSTEM, _NAME)) as uow:
        gone = await repository.expire(uow.session, uow.now)
    return bool(gone)


async def _gather(gathering: Gathering, row: DataExport) -> None:
    async with gathering.work.read() as session:
        given = {part.service for part in await repository.told(session, row.data_export_id)}
    missing = []
    for service, holder in gathering.holders.items():
        if service not in given and not await _ask(gathering, row, service, holder):
            missing.append(service)
    if missing:
        async with gathering.work(Call(SYSTEM, _NAME)) as uow:
            standing = await repository.locked(uow.session, row.data_export_id)
            if standing is not None:
                standing.wait(missing, uow.now + AGAIN)
        return
    await _pack(gathering, row)


async def _ask(gathering: Gathering, row: DataExport, service: str, holder: Holder) -> bool:
    """Keeps what one service gives; tells whether it answered."""
    records = []
    try:
        async for record in holder.export(row.customer_id):
            records.append(
                {"kind": record.kind, "record_id": record.record_id, "fields": orjson.loads(record.json)}
            )  # fmt: skip
    except (Unavailable, grpc.aio.AioRpcError):
        return False
    packed = await asyncio.to_thread(lambda: zlib.compress(orjson.dumps(records)))
    content = gathering.sealer.seal(packed, part_place(row.data_export_id, service))
    async with gathering.work(Call(SYSTEM, _NAME)) as uow:
        if await repository.locked(uow.session, row.data_export_id) is not None:
            values = {"data_export_id": row.data_export_id, "service": service, "records": len(records)}
            await repository.keep_part(uow.session, {**values, "content": content, "gather_time": uow.now})
    return True


async def _pack(gathering: Gathering, row: DataExport) -> None:
    async with gathering.work.read() as session:
        parts = await repository.parts(session, row.data_export_id)
    if any(part.content is None for part in parts):
        return
    whole = await asyncio.to_thread(_archive, gathering.sealer, row, parts)
    pieces = [whole[start : start + PIECE_BYTES] for start in range(0, len(whole), PIECE_BYTES)]
    async with gathering.work(Call(SYSTEM, _NAME)) as uow:
        standing = await repository.locked(uow.session, row.data_export_id)
        if standing is None:  # erased, or made by another replica
            return
        for number, content in enumerate(pieces):
            sealed = gathering.sealer.seal(content, piece_place(row.data_export_id, number))
            uow.add(DataExportPiece(data_export_id=row.data_export_id, piece=number, content=sealed))
        await repository.empty_parts(uow.session, row.data_export_id)
        digest = hashlib.sha256(whole).hexdigest()
        standing.ready(len(whole), digest, len(pieces), uow.now, gathering.days)


def _archive(sealer: Sealer, row: DataExport, parts: Sequence[DataExportPart]) -> bytes:
    found = []
    for part in parts:
        packed = sealer.open(bytes(part.content or b""), part_place(row.data_export_id, part.service))
        found.append(archive.Part(part.service, orjson.loads(zlib.decompress(packed)), part.gather_time))
    return archive.build(str(row.customer_id), found, max(part.gather_time for part in parts))
