"""The servicer of every `<Service>ImportService`: rows by stream, files by upload, and the imports of files.

One coroutine per method of the contract stands on the servicer; those of the streams of rows are made from the importers.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, BinaryIO

from marque.type.v1 import import_pb2

from servicekit import contract, paging
from servicekit.bulk import mapping, store
from servicekit.bulk.candidates import Application, Candidate, Tally, judge
from servicekit.bulk.columns import check_mapping
from servicekit.bulk.errors import (
    ImportAlreadyEnded,
    ImportFileTooLarge,
    ImportFinishing,
    ImportFormatUnknown,
    ImportHeaderMissing,
    ImportHeaderRepeated,
    ImportKindUnknown,
    ImportModeUnknown,
    ImportNotFound,
)
from servicekit.bulk.readers import ENDINGS, format_of
from servicekit.bulk.rows import Importer, ImportOptions, Replacer
from servicekit.contract import ContractError, Method
from servicekit.db.base import etag_of
from servicekit.db.uow import Replayed, Work
from servicekit.errors import EtagMismatch, InvalidArgument, PermissionDenied
from servicekit.ids import new_uuid
from servicekit.rpc.call import Call

MAX_FILE_BYTES = 512 * 1024 * 1024
_IN_MEMORY = 1024 * 1024


class ImportApi:
    """`marque.<service>.v1.<Service>ImportService`. `importers`: the name of a streaming method (`ImportCustomers`) → its importer.

    Raises ContractError where an importer has no method, or takes other rows than its method.
    """

    def __init__(
        self, service: str, work: Work, importers: Mapping[str, Importer], *, max_file_bytes: int = MAX_FILE_BYTES
    ) -> None:
        self.service = f"marque.{service}.v1.{service.capitalize()}ImportService"
        self._work = work
        self._kinds = {importer.kind: importer for importer in importers.values()}
        self._max_file_bytes = max_file_bytes
        methods = contract.methods(self.service)
        for name, importer in importers.items():
            method = methods.get(name)
            rows = method.input.DESCRIPTOR.fields_by_name.get("rows") if method is not None else None
            if method is None or rows is None or rows.message_type != importer.row.DESCRIPTOR:
                raise ContractError(
                    f"{self.service} has no method {name} that takes {importer.row.DESCRIPTOR.full_name}"
                )
            setattr(self, name, self._rows_method(method, importer))

    def _rows_method(self, method: Method, importer: Importer) -> Callable[[Any, Call], AsyncIterator[Any]]:
        async def serve(requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
            application: Application | None = None
            tally, number = Tally(), 0
            async for message in requests:
                application = self._begun(message, call, importer, application)
                candidates = []
                for row in message.rows:
                    number = row.row = row.row or number + 1
                    candidates.append(Candidate(number, number, row))
                    judge(candidates[-1])
                outcomes = await application.apply(candidates)
                tally.add(outcomes)
                yield method.output(
                    last_row=number, summary=mapping.summary(tally), rejected=mapping.rejected(outcomes)
                )
            if application is None:
                raise ImportHeaderMissing()

        return serve

    def _begun(self, message: Any, call: Call, importer: Importer, known: Application | None) -> Application:
        if message.HasField("header") == (known is not None):
            raise ImportHeaderRepeated() if known is not None else ImportHeaderMissing()
        if known is not None:
            return known
        options = ImportOptions(message.header.source, message.header.dry_run, call.principal)
        return Application(lambda: self._work(call), importer, options)

    async def UploadImport(self, requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
        """Takes a file: first beside the database, so that a slow caller holds no connection, then in one transaction."""
        header = await self._header(requests, call)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            digest, size = await self._receive(requests, file)  # type: ignore[arg-type]
            call.request_id = header.request_id
            header.request_id = ""
            call.request_hash = hashlib.sha256(header.SerializeToString(deterministic=True) + digest.digest()).digest()
            values = {
                "import_id": new_uuid(),
                "kind": header.kind,
                "options": {
                    "source": header.source,
                    "dry_run": header.dry_run,
                    "replaces": header.mode == import_pb2.IMPORT_MODE_REPLACE,
                    "despite_rejected": header.remove_despite_rejected,
                    "column_mapping": dict(header.column_mapping),
                },
                "file_name": header.file_name,
                "file_format": format_of(header.file_name),
                "file_size": size,
                "file_sha256": digest.hexdigest(),
            }
            try:
                async with (uow := self._work(call, mapping.import_message)):
                    row = await store.add(uow, values, file)  # type: ignore[arg-type]
                    uow.audit("upload", "import", str(row.import_id))
                    answer = await uow.answer(row)
            except Replayed as replay:
                answer = import_pb2.Import.FromString(replay.answer)
        yield answer

    async def _header(self, requests: AsyncIterator[Any], call: Call) -> import_pb2.ImportFileHeader:
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("payload") != "header":
            raise ImportHeaderMissing()
        header: import_pb2.ImportFileHeader = first.header
        importer = self._kinds.get(header.kind)
        if importer is None:
            raise ImportKindUnknown(kind=header.kind, kinds=", ".join(sorted(self._kinds)))
        if not call.principal.may(importer.permission):
            raise PermissionDenied(permission=importer.permission)
        if header.mode == import_pb2.IMPORT_MODE_REPLACE and not isinstance(importer, Replacer):
            raise ImportModeUnknown(kind=header.kind)
        if not format_of(header.file_name):
            raise ImportFormatUnknown(endings=", ".join(ENDINGS))
        if wrong := check_mapping(importer.row, header.column_mapping):
            raise InvalidArgument(violations=wrong)
        return header

    async def _receive(self, requests: AsyncIterator[Any], file: BinaryIO) -> tuple[Any, int]:
        digest, size = hashlib.sha256(), 0
        async for message in requests:
            if message.WhichOneof("payload") != "chunk":
                raise ImportHeaderRepeated()
            size += len(message.chunk)
            if size > self._max_file_bytes:
                raise ImportFileTooLarge(max_bytes=self._max_file_bytes)
            digest.update(message.chunk)
            file.write(message.chunk)
        return digest, size

    async def GetImport(self, request: import_pb2.GetImportRequest, call: Call) -> import_pb2.Import:
        import_id = uuid.UUID(request.import_id)
        async with self._work.read() as session:
            row = await store.find(session, import_id, store.visible_to(call.principal))
            if row is None:
                raise ImportNotFound(import_id=request.import_id)
            errors = await store.first_errors(session, [import_id])
        return mapping.import_message(row, errors.get(import_id, ()))

    async def ListImports(self, request: import_pb2.ListImportsRequest, call: Call) -> import_pb2.ListImportsResponse:
        page = paging.page_of(request)
        after = paging.page_key(page, paging.moment, uuid.UUID)
        newest_first = request.order_by != "create_time"
        async with self._work.read() as session:
            found = await store.list_page(
                session, call.principal, mapping.filters(request), page, after, newest_first=newest_first
            )
            rows, token = page.cut(found, lambda row: (row.create_time, str(row.import_id)))
            errors = await store.first_errors(session, [row.import_id for row in rows]) if rows else {}
        return import_pb2.ListImportsResponse(
            imports=[mapping.import_message(row, errors.get(row.import_id, ())) for row in rows], next_page_token=token
        )

    async def ListImportErrors(
        self, request: import_pb2.ListImportErrorsRequest, call: Call
    ) -> import_pb2.ListImportErrorsResponse:
        page = paging.page_of(request)
        (after,) = paging.page_key(page, int) or (0,)
        import_id = uuid.UUID(request.import_id)
        async with self._work.read() as session:
            if await store.find(session, import_id, store.visible_to(call.principal)) is None:
                raise ImportNotFound(import_id=request.import_id)
            rows, token = page.cut(
                await store.errors_page(session, import_id, page, after), lambda row: (row.row_number,)
            )
        return import_pb2.ListImportErrorsResponse(results=mapping.error_results(rows), next_page_token=token)

    async def CancelImport(self, request: import_pb2.CancelImportRequest, call: Call) -> import_pb2.Import:
        import_id = uuid.UUID(request.import_id)
        async with (uow := self._work(call)):
            row = await store.find(uow.session, import_id, store.visible_to(call.principal), lock=True)
            if row is None:
                raise ImportNotFound(import_id=request.import_id)
            if request.etag and request.etag.strip('"') != etag_of(row.version):
                raise EtagMismatch()
            if store.is_finishing(row):
                raise ImportFinishing(import_id=request.import_id)
            ended = await store.end(uow, import_id, store.CANCELLED)
            if ended is None:
                raise ImportAlreadyEnded(import_id=request.import_id)
            uow.audit("cancel", "import", request.import_id)
            errors = await store.first_errors(uow.session, [import_id])
            answer: import_pb2.Import = await uow.answer(mapping.import_message(ended, errors.get(import_id, ())))
            return answer
