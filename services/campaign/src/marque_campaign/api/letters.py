"""marque.campaign.v1.LetterFileService."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from marque.campaign.v1 import letter_file_service_pb2 as messages
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import Aborted, InvalidArgument
from servicekit.rpc.call import Call
from servicekit.sealing.sealer import Sealer

from marque_campaign.api.scoping import owner_of, page_of_rows, seen
from marque_campaign.errors import CampaignNotFound, LetterFileNotFound, LetterFileStateNotAllowed
from marque_campaign.mapping import letters as mapping
from marque_campaign.repository import letters as repository
from marque_campaign.repository import lists
from marque_campaign.repository import scope as scopes
from marque_campaign.rules import letters as rules
from marque_campaign.usecases import letter_files as usecases


class LetterFileApi:
    """marque.campaign.v1.LetterFileService."""

    service = "marque.campaign.v1.LetterFileService"

    def __init__(self, work: Work, sealer: Sealer) -> None:
        self._work = work
        self._sealer = sealer

    async def CreateLetterFile(self, request: Any, call: Call) -> Any:
        values = {
            "campaign_id": None,
            "most_letters": request.most_letters or rules.MOST_LETTERS,
            "byte_order_mark": request.byte_order_mark,
        }
        if request.campaign_id:
            campaign = await seen(self._work, call, lists.CAMPAIGNS, request.campaign_id, CampaignNotFound)
            owner = campaign["dealer_id"]
            if request.dealer_id and request.dealer_id.lower() != str(owner):
                text = "The campaign is not this dealer's: leave the dealer out."
                raise InvalidArgument.of("dealer_id", "DEALER_NOT_OF_CAMPAIGN", text)
            values["campaign_id"] = campaign["campaign_id"]
        else:
            scope = await scopes.visible_to(self._work.reader, call.principal)
            owner = await owner_of(self._work, scope, request.dealer_id, "dealer_id")
        return await usecases.create(uow=self._write(call), sealer=self._sealer, values={**values, "dealer_id": owner})

    async def GetLetterFile(self, request: Any, call: Call) -> Any:
        return mapping.file_message(await self._seen(request, call))

    async def ListLetterFiles(self, request: Any, call: Call) -> Any:
        rows, token = await page_of_rows(self._work, call, lists.LETTER_FILES, request, state=request.state)
        found = [mapping.file_message(row) for row in rows]
        return messages.ListLetterFilesResponse(letter_files=found, next_page_token=token)

    async def ReadLetterFilePiece(self, request: Any, call: Call) -> Any:
        row = await self._seen(request, call)
        if row["state"] != rules.READY:
            raise LetterFileStateNotAllowed(state=rules.STATE_NAMES[row["state"]])
        count = rules.pieces(row["letter_count"])
        if request.HasField("offset") and request.piece:
            raise InvalidArgument.of("offset", "PIECE_NAMED_TWICE", "Name a piece or an offset, not both.")
        if request.piece >= count:
            raise InvalidArgument.of("piece", "PIECE_UNKNOWN", f"The file has {count} pieces, from 0.")
        file_id, mark = row["letter_file_id"], row["byte_order_mark"]
        number, answer = request.piece, messages.ReadLetterFilePieceResponse(letter_file=mapping.file_message(row))
        async with self._work.read() as session:
            if request.HasField("offset"):
                number, answer.offset = await usecases.holding(session, file_id, count, request.offset, mark=mark)
            answer.piece = number
            answer.content = await usecases.piece(session, self._sealer, file_id, number, mark=mark)
        if (await self._seen(request, call))["sha256"] != row["sha256"]:  # somebody was erased meanwhile
            raise Aborted()
        if request.piece == 0:  # so it is too where an offset is asked for
            call.saw("letter_file", str(file_id), ("letters",))
        return answer

    async def ReadLetterFileDelta(self, request: Any, call: Call) -> Any:
        row = await self._seen(request, call)
        if row["state"] == rules.MAKING:
            raise LetterFileStateNotAllowed(state=rules.STATE_NAMES[rules.MAKING])
        pulled = await repository.pulled(self._work.reader, row["letter_file_id"])
        content = rules.delta((one["send_id"], one["pull_reason"]) for one in pulled)
        digest = hashlib.sha256(content).hexdigest()
        return messages.ReadLetterFileDeltaResponse(content=content, pulled_count=len(pulled), sha256=digest)

    async def MarkLetterFilePrinted(self, request: Any, call: Call) -> Any:
        return await usecases.mark_printed(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            file_id=uuid.UUID(request.letter_file_id),
            pulled_count=request.pulled_count,
            etag=request.etag,
        )

    async def RecordLetterReturns(self, request: Any, call: Call) -> Any:
        answer = messages.RecordLetterReturnsResponse
        return await usecases.returned(
            uow=self._work(call, lambda told: answer(changed_count=told[0], unknown_letters=told[1])),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            returns=[(one.letter, int(one.reason)) for one in request.returns],
        )

    async def _seen(self, request: Any, call: Call) -> Any:
        return await seen(self._work, call, lists.LETTER_FILES, request.letter_file_id, LetterFileNotFound)

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, lambda made: mapping.file_message(fields.row_of(made)))
