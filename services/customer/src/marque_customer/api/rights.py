"""The servicers of a person's rights: identity documents, exports, erasures, restrictions; and our own part of them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

from marque.customer.v1 import data_export_service_pb2, identity_document_service_pb2, retention_service_pb2
from marque.type.v1 import personal_data_pb2
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.messaging.inbox import SYSTEM
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.personal_api import PersonalDataApi
from servicekit.rpc.call import Call
from servicekit.sealing.sealer import Sealer

from marque_customer.errors import DataExportExpired, DataExportNotFound, DataExportNotReady, ErasureNotFound
from marque_customer.mapping import rights as mapping
from marque_customer.models.rights import EXPIRED, GATHERING
from marque_customer.repository import erasures as erasure_repository
from marque_customer.repository import exports as export_repository
from marque_customer.repository import retention as retention_repository
from marque_customer.rules.permits import Windows
from marque_customer.usecases.rights import documents, erasing, exports, restrictions, retention
from marque_customer.usecases.settling import settles


class IdentityDocumentApi:
    """marque.customer.v1.IdentityDocumentService."""

    service = "marque.customer.v1.IdentityDocumentService"

    def __init__(self, work: Work, sealer: Sealer) -> None:
        self._work = work
        self._sealer = sealer

    async def AddIdentityDocument(self, request: Any, call: Call) -> Any:
        return await documents.add(
            uow=self._work(call, mapping.added_for(call)),
            sealer=self._sealer,
            customer_id=uuid.UUID(request.customer_id),
            said=documents.Number(**mapping.number_of(request.identity_document, "identity_document.")),
        )

    async def ListIdentityDocuments(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            found = await documents.listed(
                session=session,
                principal=call.principal,
                sealer=self._sealer,
                customer_id=uuid.UUID(request.customer_id),
            )
            return mapping.documents(call, found)

    async def RemoveIdentityDocument(self, request: Any, call: Call) -> Any:
        empty = identity_document_service_pb2.RemoveIdentityDocumentResponse()
        return await documents.remove(
            uow=self._work(call, lambda _: empty),
            customer_id=uuid.UUID(request.customer_id),
            identity_document_id=uuid.UUID(request.identity_document_id),
        )

    async def FindByIdentityNumber(self, request: Any, call: Call) -> Any:
        answer = identity_document_service_pb2.FindByIdentityNumberResponse
        return await documents.find(
            uow=self._work(call, lambda found: answer(customer_ids=map(str, found))),
            sealer=self._sealer,
            said=documents.Number(**mapping.number_of(request, "")),
        )


class DataExportApi:
    """marque.customer.v1.DataExportService."""

    service = "marque.customer.v1.DataExportService"

    def __init__(self, work: Work, sealer: Sealer) -> None:
        self._work = work
        self._sealer = sealer

    async def StartDataExport(self, request: Any, call: Call) -> Any:
        uow = self._work(call, mapping.export)
        return await exports.start(uow=uow, sealer=self._sealer, customer_id=uuid.UUID(request.customer_id))

    async def GetDataExport(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await self._row(session, request, call)
            return mapping.export((row, await export_repository.told(session, row.data_export_id)))

    async def ReadDataExportPiece(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await self._row(session, request, call)
            if row.state == GATHERING:
                raise DataExportNotReady(waiting=", ".join(row.waiting) or "-")
            if row.state == EXPIRED:
                raise DataExportExpired()
            sealed = await export_repository.piece(session, row.data_export_id, request.piece)
            if sealed is None:
                raise InvalidArgument.of(
                    "piece", "PIECE_UNKNOWN", f"The archive has {row.archive_pieces} pieces, from 0."
                )
            if request.piece == 0:
                call.saw("data_export", str(row.data_export_id), ("archive",))
            place = exports.piece_place(row.data_export_id, request.piece)
            content = self._sealer.open(sealed, place)
        return data_export_service_pb2.ReadDataExportPieceResponse(content=content)

    async def _row(self, session: Any, request: Any, call: Call) -> Any:
        row = await export_repository.find(session, call.principal, uuid.UUID(request.data_export_id))
        if row is None:
            raise DataExportNotFound(data_export_id=request.data_export_id)
        return row


class ErasureApi:
    """marque.customer.v1.ErasureService."""

    service = "marque.customer.v1.ErasureService"

    def __init__(self, work: Work, windows: Windows) -> None:
        self._work = work
        self._windows = windows

    async def EraseCustomer(self, request: Any, call: Call) -> Any:
        customer_id = uuid.UUID(request.customer_id)
        async with settles(self._work, customer_id, self._windows):
            uow = self._work(call, mapping.erasure_for(call))
            return await erasing.start(uow=uow, customer_id=customer_id, reason=request.reason)

    async def GetErasure(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await erasure_repository.find(session, call.principal, uuid.UUID(request.erasure_id))
            if row is None:
                raise ErasureNotFound(erasure_id=request.erasure_id)
            return mapping.erasure_for(call)((row, await erasure_repository.acknowledgements(session, row.erasure_id)))

    async def ListErasures(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by != "create_time"
        async with self._work.read() as session:
            rows = await erasure_repository.page(session, call.principal, request.state, descending, page, after)
        return mapping.erasures(call, *page.cut(rows, lambda row: (row.create_time, str(row.erasure_id))))

    async def RestrictProcessing(self, request: Any, call: Call) -> Any:
        customer_id = uuid.UUID(request.customer_id)
        async with settles(self._work, customer_id, self._windows):
            uow = self._work(call, mapping.restriction)
            return await restrictions.restrict(uow=uow, customer_id=customer_id, reason=request.reason)

    async def LiftRestriction(self, request: Any, call: Call) -> Any:
        uow = self._work(call, mapping.restriction)
        return await restrictions.lift(uow=uow, customer_id=uuid.UUID(request.customer_id), reason=request.reason)


class RetentionApi:
    """marque.customer.v1.RetentionService."""

    service = "marque.customer.v1.RetentionService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ListRetentionRules(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            found = [mapping.rule_for(call)(row) for row in await retention_repository.rules(session)]
        return retention_service_pb2.ListRetentionRulesResponse(retention_rules=found)

    async def PutRetentionRule(self, request: Any, call: Call) -> Any:
        rule = request.retention_rule
        return await retention.put(
            uow=self._work(call, mapping.rule_for(call)),
            kind=rule.kind,
            days=rule.days if rule.HasField("days") else None,
            basis=rule.basis,
            etag=rule.etag,
        )


class OwnRecords:
    """What this service itself holds of persons, asked like the others but without a call over the network."""

    def __init__(self, api: PersonalDataApi) -> None:
        self._api = api

    async def export(self, customer_id: uuid.UUID) -> AsyncIterator[personal_data_pb2.ExportPersonalDataResponse]:
        """Yields every record."""
        request = personal_data_pb2.ExportPersonalDataRequest(customer_id=str(customer_id))
        async for record in self._api.ExportPersonalData(request, Call(SYSTEM, "data-exports")):
            yield record

    async def erase(self, customer_id: uuid.UUID, erasure_id: uuid.UUID) -> personal_data_pb2.ErasePersonalDataResponse:
        """Erases; the same erasure again gives the first answer."""
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=str(customer_id), erasure_id=str(erasure_id))
        answer: personal_data_pb2.ErasePersonalDataResponse = await self._api.ErasePersonalData(
            request, Call(SYSTEM, "erasures")
        )
        return answer
