"""Files of letters as one download for whoever prints them, read piece by piece: `GET /v1/letterFiles/{letter_file_id}/content`."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
from marque.campaign.v1 import letter_file_pb2
from marque.campaign.v1 import letter_file_service_pb2 as messages
from servicekit.errors import Aborted
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.attachments import SAFE, disposition
from marque_gateway.problems import problem_of
from marque_gateway.routes import metadata_of
from marque_gateway.upstream import Upstreams

PATH, TYPE = "/v1/letterFiles/{letter_file_id}/content", "text/csv"
_KIND = f"{TYPE}; charset=utf-8"
_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})", re.IGNORECASE)
_READ = "/marque.campaign.v1.LetterFileService/ReadLetterFilePiece"


class LetterFiles:
    """The service decides who may read; the first piece is read before the answer begins, so that a refusal is a refusal.

    A file of which a row goes while it is read, because its person is erased, is not the one that the headers promised: the answer
    is broken off before the next piece, or a whole one before its last, and nobody takes it for whole. So a range is never of two files:
    whoever goes on names the file that they began with (`If-Range`), and gets another one whole.
    """

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def download(self, request: Request) -> Response:
        """Answers with the file, a range of it, or a problem."""
        request.scope["state"]["route"] = PATH
        request.scope["state"]["span"].rename(f"GET {PATH}")
        file_id, metadata = request.path_params["letter_file_id"], metadata_of(request)
        span = asked_range(request.headers.get("range", "")) if request.method == "GET" else None
        try:
            if span is not None:
                piece = await self._piece(file_id, metadata, offset=span[0])
                if request.headers.get("if-range", _tag(piece.letter_file)) == _tag(piece.letter_file):
                    return self._partial(request, span, piece, metadata)
            pieces = self._pieces(file_id, metadata)
            first = await anext(pieces)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))
        headers = {**_headers(first.letter_file), "content-length": str(first.letter_file.size_bytes)}
        if request.method == "HEAD":
            return Response(None, 200, headers, _KIND)
        return StreamingResponse(_contents(first, pieces), 200, headers, _KIND)

    def _partial(self, request: Request, span: tuple[int, int | None], piece: Any, metadata: Any) -> Response:
        """Answers with the bytes of a range, beginning in a piece that holds its first."""
        file, (start, last) = piece.letter_file, span
        if start >= file.size_bytes:
            problem = problem_of(
                grpc.StatusCode.OUT_OF_RANGE, reason="RANGE_NOT_SATISFIABLE", status=416, language=language(request)
            )
            return problem_response(request, problem, {"content-range": f"bytes */{file.size_bytes}"})
        end = file.size_bytes if last is None else min(last + 1, file.size_bytes)
        headers = {
            **_headers(file),
            "content-length": str(end - start),
            "content-range": f"bytes {start}-{end - 1}/{file.size_bytes}",
        }
        return StreamingResponse(self._cut(piece, start, end, metadata), 206, headers, _KIND)

    async def _cut(self, piece: Any, start: int, end: int, metadata: Any) -> AsyncIterator[bytes]:
        """Yields the bytes of a file from `start` to before `end`. Raises Aborted where it is not the same file any more."""
        file, at = piece.letter_file, piece.offset
        while True:
            yield piece.content[max(start - at, 0) : end - at]
            at += len(piece.content)
            if at >= end:
                return
            if piece.piece + 1 >= file.piece_count:
                raise Aborted()
            piece = await self._piece(file.letter_file_id, metadata, piece=piece.piece + 1)
            if piece.letter_file.sha256 != file.sha256:
                raise Aborted()

    async def _pieces(self, file_id: str, metadata: Any) -> AsyncIterator[Any]:
        """Yields the pieces, the last one only where all together have the SHA-256 that the first one told. Raises Aborted."""
        piece = await self._piece(file_id, metadata, piece=0)
        file, digest = piece.letter_file, hashlib.sha256(piece.content)
        for number in range(1, file.piece_count):
            yield piece
            piece = await self._piece(file_id, metadata, piece=number)
            digest.update(piece.content)
        if digest.hexdigest() != file.sha256:
            raise Aborted()
        yield piece

    async def _piece(self, file_id: str, metadata: Any, **place: int) -> Any:
        return await self._upstreams.call(
            _READ,
            messages.ReadLetterFilePieceRequest(letter_file_id=file_id, **place),
            metadata,
            deserialize=messages.ReadLetterFilePieceResponse.FromString,
        )


def asked_range(header: str) -> tuple[int, int | None] | None:
    """Returns the first and last byte (None: to the end) of a `Range` header of one such range; None for every other, which is passed over
    as RFC 9110 lets servers do.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None:
        return None
    first, last = int(found[1]), int(found[2]) if found[2] else None
    return None if last is not None and last < first else (first, last)


async def _contents(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    yield first.content
    async for piece in rest:
        yield piece.content


def _tag(file: letter_file_pb2.LetterFile) -> str:
    """The strong validator of a file's bytes."""
    return f'"{file.sha256}"'


def _headers(file: letter_file_pb2.LetterFile) -> dict[str, str]:
    """What is told before the first byte, the digest of the whole as RFC 9530 writes it."""
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return {
        **SAFE,
        "accept-ranges": "bytes",
        "content-disposition": disposition(f"letters-{file.letter_file_id}.csv"),
        "etag": _tag(file),
        "repr-digest": f"sha-256=:{digest}:",
    }
