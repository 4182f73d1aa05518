"""Files of letters as one download for whoever prints them, read piece by piece: `GET /v1/letterFiles/{letter_file_id}/content`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

from marque.campaign.v1 import letter_file_pb2
from marque.campaign.v1 import letter_file_service_pb2 as messages
from servicekit.errors import Aborted
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.attachments import SAFE, disposition
from marque_gateway.routes import metadata_of
from marque_gateway.upstream import Upstreams

PATH, TYPE = "/v1/letterFiles/{letter_file_id}/content", "text/csv"
_READ = "/marque.campaign.v1.LetterFileService/ReadLetterFilePiece"


class LetterFiles:
    """The service decides who may read; the first piece is read before the answer begins, so that a refusal is a refusal.

    A file of which a row goes while it is read, because its person is erased, is not the one that the headers promised: the answer
    is broken off before its last piece, and nobody takes it for whole.
    """

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def download(self, request: Request) -> Response:
        """Answers with the file, or a problem."""
        request.scope["state"]["route"] = PATH
        request.scope["state"]["span"].rename(f"GET {PATH}")
        pieces = self._pieces(request.path_params["letter_file_id"], metadata_of(request))
        try:
            first = await anext(pieces)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))
        headers, kind = _headers(first.letter_file), f"{TYPE}; charset=utf-8"
        if request.method == "HEAD":
            return Response(None, 200, headers, kind)
        return StreamingResponse(_contents(first, pieces), 200, headers, kind)

    async def _pieces(self, file_id: str, metadata: Any) -> AsyncIterator[Any]:
        """Yields the pieces, the last one only where all together have the SHA-256 that the first one told. Raises Aborted."""
        piece = await self._piece(file_id, 0, metadata)
        file, digest = piece.letter_file, hashlib.sha256(piece.content)
        for number in range(1, file.piece_count):
            yield piece
            piece = await self._piece(file_id, number, metadata)
            digest.update(piece.content)
        if digest.hexdigest() != file.sha256:
            raise Aborted()
        yield piece

    async def _piece(self, file_id: str, number: int, metadata: Any) -> Any:
        return await self._upstreams.call(
            _READ,
            messages.ReadLetterFilePieceRequest(letter_file_id=file_id, piece=number),
            metadata,
            deserialize=messages.ReadLetterFilePieceResponse.FromString,
        )


async def _contents(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    yield first.content
    async for piece in rest:
        yield piece.content


def _headers(file: letter_file_pb2.LetterFile) -> dict[str, str]:
    """What is told before the first byte: the digest as RFC 9530 writes it, and that a file is given as a whole only."""
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return {
        **SAFE,
        "accept-ranges": "none",
        "content-disposition": disposition(f"letters-{file.letter_file_id}.csv"),
        "content-length": str(file.size_bytes),
        "repr-digest": f"sha-256=:{digest}:",
    }
