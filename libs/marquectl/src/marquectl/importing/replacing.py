"""A file that replaces: what it does not name goes. Its rows are mapped here, and imported by the service as one file.

Only the service can say when every row was read, so the rows do not go through a stream: they go up as one file of JSON lines, a line for
each row of the operator's file. A row that cannot be mapped goes up empty. So the service rejects it, its rule of rejected rows counts it,
and its numbers of rows are those of the operator's file.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import grpc.aio
import orjson
from google.protobuf import json_format
from google.protobuf.message import Message
from marque.type.v1 import import_pb2

from marquectl.contract import KINDS
from marquectl.door import PASSING, Door, DoorError, pause
from marquectl.errors import CommandError, UsageError
from marquectl.importing.feed import Counts, Rejected, raise_end, rejections, worth_another
from marquectl.importing.job import ImportJob, MappedRows, Outcome
from marquectl.importing.report import Progress

_PIECE = 64 * 1024
_IN_MEMORY = 1 << 20
_ERRORS_AT_ONCE = 1_000
_UNMAPPED = b"{}\n"
_TOO_LARGE = "IMPORT_FILE_TOO_LARGE"
_SUCCEEDED, _CANCELLED = import_pb2.IMPORT_STATE_SUCCEEDED, import_pb2.IMPORT_STATE_CANCELLED


class ReplaceJob(ImportJob):
    """Imports one file whose kind knows how to replace; `despite_rejected`: what is not named goes even where rows are rejected.

    The service imports by itself: whoever is killed meanwhile asks again, and looks at the same import until that is over. `patience`:
    seconds without an answer, or without progress, after which it is left alone. Raises UsageError for what cannot be replaced so.
    """

    def __init__(self, door: Door, kind: str, path: Path, *, despite_rejected: bool = False, **more: Any) -> None:
        if not KINDS[kind].replaces:
            known = ", ".join(name for name, one in KINDS.items() if one.replaces)
            raise UsageError(f"--replace is for {known}: {kind} cannot be replaced by a file")
        super().__init__(door, kind, path, mode=f"replace{'-despite-rejected' * despite_rejected}", **more)
        if len(self.plan.kinds) > 1 or self.plan.kinds[0].once:
            raise UsageError(
                "with --replace a file feeds one kind, a row each: no `once`, and nothing else under `kinds`"
            )
        self._despite_rejected = despite_rejected
        self._kind = self.plan.kinds[0].kind

    async def run(self) -> Outcome:
        """Sends the file, or finds the import that an interrupted run began, and waits for its end. Raises DoorError, CommandError."""
        progress = self._resume.load() or Progress(self._resume.fingerprint, kind=self._kind.name)
        if not progress.import_id:
            await self._upload(progress)
        try:
            done = await self._ended(progress)
            if done.state == _SUCCEEDED:
                await self._report(progress)
        except DoorError as error:
            if error.code == "NOT_FOUND":  # it was begun elsewhere, or is forgotten: the next run begins anew
                self._resume.remove()
            raise
        self._resume.remove()
        if done.state != _SUCCEEDED:
            why = "somebody cancelled it" if done.state == _CANCELLED else done.failure_reason
            raise CommandError(f"{self._kind.name}: the import did not come to its end: {why}")
        removed = done.removed_count if done.HasField("removed_count") else None
        return Outcome(
            {self._kind.name: _counts(done)}, self.errors.path, removed=removed, kept=done.removal_refused_reason
        )

    async def _upload(self, progress: Progress) -> None:
        """Sends the file, again while the door is away: under one key it becomes one import."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as lines:
            progress.row = await asyncio.to_thread(self._write, lines)
            progress.request_id = progress.request_id or uuid.uuid4().hex
            self._resume.save(progress)
            began, attempt = time.monotonic(), 0
            while not progress.import_id:
                try:
                    progress.import_id = (await self._sent(lines, progress.request_id)).import_id
                    break
                except grpc.aio.AioRpcError as error:
                    failure = DoorError(f"{self._kind.files}/UploadImport", error)
                if failure.code == "UNAUTHENTICATED" and attempt == 0 and self._door.tokens is not None:
                    self._door.tokens.forget()
                elif failure.reason == _TOO_LARGE or not worth_another(failure) or self._is_late(began):
                    raise failure
                await asyncio.sleep(pause(attempt))
                attempt += 1
        self._resume.save(progress)

    def _is_late(self, began: float) -> bool:
        return time.monotonic() - began > self._patience

    def _rows(self) -> MappedRows:
        return MappedRows(self.plan.kinds[0], self.plan, self.file, 0)

    def _write(self, lines: IO[bytes]) -> int:
        """Writes a line for each row of the file; returns how many there are."""
        rows, written = self._rows(), 0
        for row, number in rows:
            lines.write(_UNMAPPED * (number - written - 1))
            lines.write(orjson.dumps(_plain(row)) + b"\n")
            rows.faults_upto(number)
            written = number
        lines.write(_UNMAPPED * (rows.last - written))
        return rows.last

    async def _sent(self, lines: IO[bytes], request_id: str) -> import_pb2.Import:
        lines.seek(0)
        call = await self._door.open_stream(f"{self._kind.files}/UploadImport")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as clock:
                with suppress(asyncio.InvalidStateError):  # grpc's word for a stream that is over; reading tells why
                    for message in self._messages(lines, request_id):
                        clock.reschedule(loop.time() + self._patience)
                        await call.write(message)
                    await call.done_writing()
                answer: Any = await call.read()
        except TimeoutError:
            raise CommandError(f"{self._kind.name}: the door did not answer for {self._patience:g} s") from None
        finally:
            call.cancel()
        if answer is grpc.aio.EOF:
            await raise_end(call, self._kind)
        return answer  # type: ignore[no-any-return]

    def _messages(self, lines: IO[bytes], request_id: str) -> Iterator[import_pb2.UploadImportRequest]:
        header = import_pb2.ImportFileHeader(
            kind=self._kind.name,
            source=self.plan.source,
            file_name=f"{self.file.path.stem[:200]}.jsonl",
            dry_run=self._dry_run,
            request_id=request_id,
            mode=import_pb2.IMPORT_MODE_REPLACE,
            remove_despite_rejected=self._despite_rejected,
        )
        yield import_pb2.UploadImportRequest(header=header)
        while piece := lines.read(_PIECE):
            yield import_pb2.UploadImportRequest(chunk=piece)

    async def _ended(self, progress: Progress) -> import_pb2.Import:
        """Watches an import until it is over."""
        request = import_pb2.GetImportRequest(import_id=progress.import_id)
        moved, attempt, before = time.monotonic(), 0, None
        while True:
            try:
                found: import_pb2.Import = await self._door.call(f"{self._kind.files}/GetImport", request)
            except DoorError as error:
                if error.code not in PASSING or self._is_late(moved):
                    raise
            else:
                if (now := (found.state, found.summary.rows_read, found.removed_count)) != before:
                    moved, attempt, before = time.monotonic(), 0, now
                    share = found.summary.rows_read / progress.row if progress.row else 1.0
                    self._watch(self._kind.name, share, _counts(found))
                if found.HasField("end_time"):
                    return found
                if self._is_late(moved):
                    raise CommandError(
                        f"{self._kind.name}: the import has not moved for {self._patience:g} s; "
                        "it goes on by itself, and the same command looks at it again"
                    )
            await asyncio.sleep(min(pause(attempt), 1.0))
            attempt += 1

    async def _report(self, progress: Progress) -> None:
        """Writes the errors file: what the service says of a row, or what was wrong with it before it went up."""
        rows, faults = self._rows(), list[Rejected]()
        mapped = iter(rows)
        request = import_pb2.ListImportErrorsRequest(import_id=progress.import_id, page_size=_ERRORS_AT_ONCE)
        self.errors.begin(0)
        async for result in self._door.pages(f"{self._kind.files}/ListImportErrors", "results", request):
            while rows.last < result.row and next(mapped, None) is not None:
                pass
            known = [fault for fault in rows.faults_upto(result.row) if fault.row == result.row]
            faults += known or rejections([result])
            if len(faults) >= _ERRORS_AT_ONCE:
                self.errors.add(self._kind.name, faults)
                faults = []
        self.errors.add(self._kind.name, faults)


def _plain(row: Message) -> dict[str, Any]:
    """A row as JSON by the names of its fields, without its number: that is its line's."""
    found = json_format.MessageToDict(row, preserving_proto_field_name=True)
    return {name: value for name, value in found.items() if name != "row"}


def _counts(found: import_pb2.Import) -> Counts:
    return Counts(**{name: getattr(found.summary, name) for name in vars(Counts())})
