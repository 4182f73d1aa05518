"""Looking for malware in files: before one is taken, and afterwards in those that came while nobody looked."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any, BinaryIO

from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import Unavailable
from servicekit.messaging.inbox import SYSTEM
from servicekit.objects import ObjectStore
from servicekit.rpc.call import Call
from servicekit.scanner import Scanner
from servicekit.telemetry import logs

from marque_complaint.errors import AttachmentInfected, CaseNotFound
from marque_complaint.repository import attachments as repository
from marque_complaint.repository.scope import EVERYTHING
from marque_complaint.usecases import attaching, common

log = logs.get_logger(__name__)
AT_ONCE = 20
_PIECE = 256 * 1024
_CALL = "sweep:case-scans"


async def check(scanner: Scanner, file: BinaryIO) -> None:
    """Looks into a file that was received. Raises AttachmentInfected; Unavailable where nobody can say: then it is not taken."""
    if await scanner.scan(_pieces(file)):
        raise AttachmentInfected()


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    await asyncio.to_thread(file.seek, 0)
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece


class Scans:
    """The sweep over files that nobody looked into; what is found is taken away, and the case says so."""

    def __init__(self, work: Work, store: ObjectStore, scanner: Scanner) -> None:
        self._work = work
        self._store = store
        self._scanner = scanner

    async def __call__(self) -> bool:
        """Looks into up to 20 files; returns whether more may be left. Raises Unavailable while the scanner is away."""
        keys, failed = await repository.unscanned(self._work.reader, AT_ONCE), 0
        for key in keys:
            try:
                found = await self._scanner.scan(self._stored(key))
            except FileNotFoundError:  # it was taken away a moment ago; Orphans and Removing see to the rest
                continue
            except Unavailable:  # about this file alone, perhaps: it must not keep the others from being looked into
                failed += 1
                if failed == len(keys):
                    raise
                continue
            async with self._work(Call(SYSTEM, _CALL)) as uow:
                await (self._take_away(uow, key) if found else repository.scanned(uow.session, key, uow.now))
        return len(keys) == AT_ONCE and not failed

    async def _stored(self, key: uuid.UUID) -> AsyncIterator[bytes]:
        start = 0
        while piece := await self._store.read(key, start, _PIECE):
            start += len(piece)
            yield piece

    async def _take_away(self, uow: UnitOfWork, key: uuid.UUID) -> Any:
        case_id = await repository.case_of(uow.session, key)
        if case_id is None:
            return
        try:
            case = await common.found(uow, EVERYTHING, case_id)
        except CaseNotFound:
            return
        row = await repository.lock(uow.session, key)
        if row is None:
            return
        await uow.session.delete(row)
        common.write_down(uow, case, "DETACHED", "MALWARE")
        await uow.schedule(attaching.REMOVAL, str(key), uow.now)
        uow.audit("remove", "case_attachment", str(key))
        log.warning("a file carried malware", extra={"attachment_id": str(key)})
