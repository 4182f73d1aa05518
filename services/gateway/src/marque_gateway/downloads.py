"""Archives of a person's data as one file, read piece by piece: `GET /v1/dataExports/{data_export_id}/archive`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from marque.customer.v1 import data_export_pb2, data_export_service_pb2
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.routes import metadata_of
from marque_gateway.upstream import Upstreams

PATH = "/v1/dataExports/{data_export_id}/archive"
_GET = "/marque.customer.v1.DataExportService/GetDataExport"
_READ = "/marque.customer.v1.DataExportService/ReadDataExportPiece"


class Downloads:
    """The service decides who may read; the first piece is read before the answer begins, so that a refusal is a refusal."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def answer(self, request: Request) -> Response:
        """Answers with the archive, or a problem."""
        request.scope["state"]["route"] = PATH
        request.scope["state"]["span"].rename(f"GET {PATH}")
        export_id, metadata = request.path_params["data_export_id"], metadata_of(request)
        try:
            found = await self._upstreams.call(
                _GET,
                data_export_service_pb2.GetDataExportRequest(data_export_id=export_id),
                metadata,
                deserialize=data_export_pb2.DataExport.FromString,
            )
            first = await self._piece(export_id, 0, metadata)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))
        headers = {
            "content-length": str(found.archive_bytes),
            "content-disposition": f'attachment; filename="data-{found.data_export_id}.zip"',
            "cache-control": "no-store",
        }
        rest = self._pieces(export_id, first, found.archive_pieces, metadata)
        return StreamingResponse(rest, 200, headers, "application/zip")

    async def _pieces(self, export_id: str, first: bytes, pieces: int, metadata: Any) -> AsyncIterator[bytes]:
        yield first
        for number in range(1, pieces):
            yield await self._piece(export_id, number, metadata)

    async def _piece(self, export_id: str, number: int, metadata: Any) -> bytes:
        answer = await self._upstreams.call(
            _READ,
            data_export_service_pb2.ReadDataExportPieceRequest(data_export_id=export_id, piece=number),
            metadata,
            deserialize=data_export_service_pb2.ReadDataExportPieceResponse.FromString,
        )
        content: bytes = answer.content
        return content
