"""marque.complaint.v1.CaseAttachmentService."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import Any, BinaryIO

from marque.complaint.v1 import case_attachment_pb2
from marque.complaint.v1 import case_attachment_service_pb2 as messages
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.uow import Replayed, UnitOfWork, Work
from servicekit.ids import new_uuid
from servicekit.objects import ObjectStore
from servicekit.rpc.call import Call
from servicekit.scanner import Scanner

from marque_complaint.api.scoping import seen
from marque_complaint.errors import (
    AttachmentEmpty,
    AttachmentHeaderMissing,
    AttachmentNotFound,
    AttachmentsOff,
    AttachmentTooLarge,
    AttachmentType,
    AttachmentUnscanned,
    CaseNotFound,
)
from marque_complaint.mapping import attachments as mapping
from marque_complaint.repository import attachments as repository
from marque_complaint.repository import scope as scopes
from marque_complaint.rules import contents
from marque_complaint.usecases import attaching, scanning

MOST_BYTES = 25 * 1024 * 1024
PIECE = 1024 * 1024


class CaseAttachmentApi:
    """marque.complaint.v1.CaseAttachmentService. Without a store every call says that no files are kept here."""

    service = "marque.complaint.v1.CaseAttachmentService"

    def __init__(self, work: Work, store: ObjectStore | None, scanner: Scanner | None = None) -> None:
        self._work = work
        self._kept = store
        self._scanner = scanner

    @property
    def _store(self) -> ObjectStore:
        if self._kept is None:
            raise AttachmentsOff()
        return self._kept

    async def UploadCaseAttachment(self, requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("payload") != "header":
            raise AttachmentHeaderMissing()
        header = first.header
        case = await seen(self._work, call, header.case_id)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        with self._store.receiving() as file:
            facts = await self._receive(requests, file)
            call.request_id, header.request_id = header.request_id, ""
            said = header.SerializeToString(deterministic=True) + facts["sha256"].encode()
            call.request_hash = hashlib.sha256(said).digest()
            facts |= {"file_name": contents.tidy_name(header.file_name), "internal": header.internal}
            if self._scanner is not None:
                await scanning.check(self._scanner, file)
                facts["scan_time"] = now()
            key = new_uuid()
            await self._store.put(key, file)
        try:
            answer = await attaching.attach(
                uow=self._write(call), scope=scope, case_id=case["case_id"], key=key, facts=facts
            )
        except Replayed as replay:
            await self._store.remove(key)
            answer = case_attachment_pb2.CaseAttachment.FromString(replay.answer)
        except BaseException:
            await self._store.remove(key)
            raise
        yield answer

    async def _receive(self, requests: AsyncIterator[Any], file: BinaryIO) -> dict[str, Any]:
        digest, reading, size = hashlib.sha256(), contents.Reading(), 0
        async for message in requests:
            if message.WhichOneof("payload") != "chunk":
                raise AttachmentHeaderMissing()
            size += len(message.chunk)
            if size > MOST_BYTES:
                raise AttachmentTooLarge(most=MOST_BYTES)
            digest.update(message.chunk)
            reading.take(message.chunk)
            file.write(message.chunk)
        if not size:
            raise AttachmentEmpty()
        kind = reading.content_type()
        if not kind:
            raise AttachmentType()
        return {"size_bytes": size, "sha256": digest.hexdigest(), "content_type": kind}

    async def ReadCaseAttachment(self, request: Any, call: Call) -> Any:
        row = await repository.get(self._work.reader, uuid.UUID(request.attachment_id))
        if row is None:
            raise AttachmentNotFound()
        try:
            await seen(self._work, call, str(row["case_id"]))
        except CaseNotFound:
            raise AttachmentNotFound() from None
        if row["internal"] and call.principal.is_owner:
            raise AttachmentNotFound()
        if self._scanner is not None and row["scan_time"] is None:
            raise AttachmentUnscanned()
        try:
            content = await self._store.read(row["attachment_id"], request.piece * PIECE, PIECE)
        except FileNotFoundError:  # it was taken away a moment ago
            raise AttachmentNotFound() from None
        count = -(-row["size_bytes"] // PIECE)
        attachment = mapping.attachment_for(call)(row)
        return messages.ReadCaseAttachmentResponse(attachment=attachment, content=content, piece_count=count)

    async def RemoveCaseAttachment(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        attachment_id = uuid.UUID(request.attachment_id)
        return await attaching.remove(uow=self._write(call), scope=scope, attachment_id=attachment_id)

    def _write(self, call: Call) -> UnitOfWork:
        render = mapping.attachment_for(call)
        return self._work(call, lambda made: render(fields.row_of(made)))
