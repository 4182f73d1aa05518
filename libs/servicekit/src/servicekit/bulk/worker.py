"""Imports of files, in the background: a portion of rows per transaction, each with the progress that it makes.

Progress, counts and rejected rows are committed with the rows they tell of. So a worker may be killed at any moment: the next one goes on
behind the last committed row, nothing is lost and nothing is done twice. So is what follows the last row of a file that replaces: each
step of it is committed with the place behind it, and the last one with the import's end.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, cast

from servicekit.bulk import store
from servicekit.bulk.candidates import Application, Candidate, Halted, Note, judge
from servicekit.bulk.errors import FileUnreadable
from servicekit.bulk.files import RowFile
from servicekit.bulk.rows import CHUNK, Importer, ImportOptions, Replacer, RowOutcome
from servicekit.db.base import now
from servicekit.db.due import DueHandler
from servicekit.db.uow import UnitOfWork, Work
from servicekit.rpc.call import Call
from servicekit.telemetry import logs

log = logs.get_logger(__name__)

_STEP_SECONDS = 0.5  # other due work waits while a step is done
_OPEN_FILES = 2


def import_due(work: Work, importers: Mapping[str, Importer]) -> dict[str, DueHandler]:
    """Returns the due work that imports stored files; a service takes it into its `due`. `importers` as for `ImportApi`."""
    return {store.DUE: ImportWorker(work, importers).step}


class ImportWorker:
    """Imports stored files by portions. Each portion has a unit of work of its own, made for the person who sent the file: what it
    writes and audits is that person's doing. The due row's own transaction only keeps other workers away from the import.
    """

    def __init__(self, work: Work, importers: Mapping[str, Importer]) -> None:
        self._work = work
        self._kinds = {importer.kind: importer for importer in importers.values()}
        self._files: dict[uuid.UUID, RowFile] = {}  # readers go forward only, so a file is read once by each worker

    async def step(self, uow: UnitOfWork, key: str) -> datetime | None:
        """Does some portions of an import. Returns the present moment where there is more, None at the end."""
        import_id = uuid.UUID(key)
        ends = time.monotonic() + _STEP_SECONDS
        try:
            while await self._portion(import_id):
                if time.monotonic() > ends:
                    return now()
        except Exception:
            self._forget(import_id)  # its reader may be ahead of what is committed
            raise
        self._forget(import_id)
        return None

    async def _portion(self, import_id: uuid.UUID) -> bool:
        """Does a portion; tells whether there is more."""
        async with self._work.read() as session:
            row = await store.find(session, import_id)
        if row is None or row.state not in store.OPEN:
            return False
        importer = self._kinds.get(row.kind)
        if importer is None:
            return await self._fail(row, "IMPORT_KIND_UNKNOWN")
        try:
            file = await self._file(row, importer)
            candidates = await asyncio.to_thread(_judged, file)
        except FileUnreadable as error:
            return await self._fail(row, error.reason)
        return await self._apply(row, importer, file, candidates)

    async def _apply(self, row: Any, importer: Importer, file: RowFile, candidates: list[Candidate]) -> bool:
        if not candidates:
            return await self._finish(row, importer, file.position)
        options = store.options_of(row)
        note: Note = partial(_note, row.import_id, file.total)
        if options.replaces and isinstance(importer, Replacer):
            note = partial(_mark, note, importer, options)
        application = Application(partial(self._begin, row), importer, options, note)
        try:
            await application.apply(candidates)
        except Halted:
            self._forget(row.import_id)
        return True

    async def _finish(self, row: Any, importer: Importer, total: int) -> bool:
        """Ends an import whose rows are read, after a step of taking away what they did not name; tells whether there is more of that."""
        async with self._begin(row) as uow:
            found = await store.find(uow.session, row.import_id, lock=True)
            if found is None or found.state not in store.OPEN:
                return False
            if store.removes(found) and isinstance(importer, Replacer):
                step = await importer.replace(uow, store.options_of(found), found.options.get("place") or "")
                await store.stepped(uow, found, step)
                if step.place is not None:
                    return True
            await self._end(uow, row, store.SUCCEEDED, total=total)
        return False

    def _begin(self, row: Any) -> UnitOfWork:
        return self._work(Call(store.options_of(row).principal, f"import:{row.kind}"))

    async def _fail(self, row: Any, reason: str) -> bool:
        log.warning("import failed", extra={"import_id": str(row.import_id), "reason": reason})
        async with self._begin(row) as uow:
            await self._end(uow, row, store.FAILED, failure=reason)
        return False

    async def _end(self, uow: UnitOfWork, row: Any, state: str, **values: Any) -> None:
        if await store.end(uow, row.import_id, state, **values) is not None:
            uow.audit("end", "import", str(row.import_id))

    async def _file(self, row: Any, importer: Importer) -> RowFile:
        """Returns the open file of an import, standing behind the last committed row."""
        known = self._files.get(row.import_id)
        if known is not None and known.position <= row.next_row:
            await asyncio.to_thread(known.advance, row.next_row)
            return known
        self._forget(row.import_id)
        while len(self._files) >= _OPEN_FILES:
            self._forget(next(iter(self._files)))
        spool = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - RowFile closes it
        try:
            async with self._work.read() as session:
                await store.copy_file(session, row.import_id, spool)
            spool.seek(0)
            opened = await asyncio.to_thread(_opened, spool, row, importer)
        except BaseException:
            spool.close()
            raise
        self._files[row.import_id] = opened
        return opened

    def _forget(self, import_id: uuid.UUID) -> None:
        file = self._files.pop(import_id, None)
        if file is not None:
            file.close()


async def _note(
    import_id: uuid.UUID,
    total: int | None,
    uow: UnitOfWork,
    candidates: Sequence[Candidate],
    outcomes: list[RowOutcome],
) -> None:
    """Notes how far a portion comes. It halts where the import has ended, or another worker has gone on with it meanwhile."""
    row = await store.find(uow.session, import_id, lock=True)
    if row is None or row.state not in store.OPEN or row.next_row != candidates[0].number - 1:
        raise Halted
    await store.progress(uow, import_id, candidates[-1].last, outcomes, total)


async def _mark(
    note: Note,
    importer: Replacer,
    options: ImportOptions,
    uow: UnitOfWork,
    candidates: Sequence[Candidate],
    outcomes: list[RowOutcome],
) -> None:
    """Notes how far a portion comes, and what its rows named."""
    await note(uow, candidates, outcomes)
    await importer.mark(uow, options, outcomes)


def _opened(spool: BinaryIO, row: Any, importer: Importer) -> RowFile:
    return RowFile(
        spool,
        row.file_format,
        importer.row,
        row.options["column_mapping"],
        group_by=getattr(importer, "group_by", ()),
        skip=row.next_row,
    )


def _judged(file: RowFile) -> list[Candidate]:
    candidates = file.take(CHUNK)
    for candidate in candidates:
        judge(candidate)
    return candidates
