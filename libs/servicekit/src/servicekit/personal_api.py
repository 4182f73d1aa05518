"""The servicer of every `<Service>PersonalDataService`: a person's data shown, erased, and held against erasure.

What a service holds of a person stands under the person's own id and under the ids that were merged into it: all of them are meant.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC
from typing import Any

import orjson
import sqlalchemy as sa
from marque.type.v1 import personal_data_pb2
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit import aliases, legal_holds
from servicekit.db.tables import erasures
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import InvalidArgument, NotFound
from servicekit.legal_holds import Ground
from servicekit.personal import LEGAL_HOLD, Erasure, PersonalData
from servicekit.rpc.call import Call

_FORGET_ANSWERS = sa.text(
    "DELETE FROM idempotency_keys WHERE EXISTS"
    " (SELECT FROM unnest(CAST(:ids AS bytea[])) AS n (id) WHERE position(n.id IN answer) > 0)"
)


class LegalHoldNotFound(NotFound):
    """A hold that was never set for this customer."""

    reason = "LEGAL_HOLD_NOT_FOUND"
    message = "There is no hold {hold_id} for this customer."


class PersonalDataApi:
    """`marque.<service>.v1.<Service>PersonalDataService`, on what the service's `personal.py` implements."""

    def __init__(self, service: str, work: Work, personal: PersonalData) -> None:
        self.service = f"marque.{service}.v1.{service.capitalize()}PersonalDataService"
        self._work = work
        self._personal = personal

    async def ExportPersonalData(
        self, request: personal_data_pb2.ExportPersonalDataRequest, call: Call
    ) -> AsyncIterator[personal_data_pb2.ExportPersonalDataResponse]:
        kinds: set[str] = set()
        async with self._work.read() as session:
            family = await aliases.family(session, uuid.UUID(request.customer_id))
            async for record in self._personal.export(session, family):
                kinds.add(record.kind)
                yield personal_data_pb2.ExportPersonalDataResponse(
                    kind=record.kind, record_id=record.record_id, json=orjson.dumps(record.fields, default=str)
                )
        if kinds:
            call.saw("personal_data", request.customer_id, tuple(sorted(kinds)))

    async def ErasePersonalData(
        self, request: personal_data_pb2.ErasePersonalDataRequest, call: Call
    ) -> personal_data_pb2.ErasePersonalDataResponse:
        customer_id, erasure_id = uuid.UUID(request.customer_id), uuid.UUID(request.erasure_id)
        async with (uow := self._work(call)):
            before = await _claim(uow, erasure_id, customer_id)
            if before is not None:
                return before
            living = await aliases.resolve(uow.session, customer_id)
            await legal_holds.lock_person(uow.session, living)
            family = await aliases.family(uow.session, customer_id)
            # A hold on the person that this one was merged into holds here too: it may be about these very records.
            related = {*family, *await aliases.family(uow.session, living)}
            grounds = await legal_holds.grounds(uow.session, sorted(related))
            done = await self._personal.erase(uow, family, frozenset(grounds))
            answer = _answer(erasure_id, done, grounds, uow)
            await uow.session.execute(
                sa.update(erasures).where(erasures.c.erasure_id == erasure_id).values(answer=answer.SerializeToString())
            )
            await _forget_answers(uow.session, [*family, *done.named])
            uow.audit("erase", "customer", request.customer_id, tuple(sorted(answer.erased_counts)))
            return answer

    async def SetLegalHold(
        self, request: personal_data_pb2.SetLegalHoldRequest, call: Call
    ) -> personal_data_pb2.LegalHold:
        values: dict[str, Any] = {
            "hold_id": uuid.UUID(request.hold_id),
            "customer_id": uuid.UUID(request.customer_id),
            "reason": request.reason,
            "kinds": list(request.kinds),
            "until_time": request.until_time.ToDatetime(UTC) if request.HasField("until_time") else None,
        }
        async with (uow := self._work(call)):
            living = await aliases.resolve(uow.session, values["customer_id"])
            await legal_holds.lock_person(uow.session, living)
            row, fresh = await legal_holds.add(uow, values)
            if row.customer_id != values["customer_id"]:
                raise InvalidArgument.of("hold_id", "HOLD_ID_REUSED", "This hold is of another customer.")
            if fresh:
                uow.audit("hold", "customer", request.customer_id)
            return legal_holds.hold_message(row)

    async def ReleaseLegalHold(
        self, request: personal_data_pb2.ReleaseLegalHoldRequest, call: Call
    ) -> personal_data_pb2.LegalHold:
        hold_id = uuid.UUID(request.hold_id)
        async with (uow := self._work(call)):
            row = await legal_holds.find(uow.session, hold_id)
            if row is None or row.customer_id != uuid.UUID(request.customer_id):
                raise LegalHoldNotFound(hold_id=request.hold_id)
            released = await legal_holds.release(uow, hold_id)
            if released is not None:
                uow.audit("release", "customer", request.customer_id)
            return legal_holds.hold_message(released or await legal_holds.find(uow.session, hold_id))


async def _claim(
    uow: UnitOfWork, erasure_id: uuid.UUID, customer_id: uuid.UUID
) -> personal_data_pb2.ErasePersonalDataResponse | None:
    """Takes an erasure. A double waits here for the first to commit; returns the answer given then."""
    row = insert(erasures).values(erasure_id=erasure_id, customer_id=customer_id, create_time=uow.now)
    if (await uow.session.execute(row.on_conflict_do_nothing())).rowcount:  # type: ignore[attr-defined]
        return None
    known = await _find(uow.session, erasure_id)
    if known.customer_id != customer_id:
        raise InvalidArgument.of("erasure_id", "ERASURE_ID_REUSED", "This erasure is of another customer.")
    return personal_data_pb2.ErasePersonalDataResponse.FromString(bytes(known.answer))


async def _forget_answers(session: AsyncSession, ids: Sequence[uuid.UUID | str]) -> None:
    """Removes the answers kept for retries that name the person, a record or a word of theirs: they hold what was shown then.

    Reads the whole table, which is two days of writes; an erasure is rare. A retry of such a request is a new request from now on.
    """
    await session.execute(_FORGET_ANSWERS, {"ids": [str(one).encode() for one in ids]})


async def _find(session: AsyncSession, erasure_id: uuid.UUID) -> Any:
    return (await session.execute(sa.select(erasures).where(erasures.c.erasure_id == erasure_id))).one()


def _answer(
    erasure_id: uuid.UUID, done: Erasure, grounds: Mapping[str, Ground], uow: UnitOfWork
) -> personal_data_pb2.ErasePersonalDataResponse:
    """Renders what was done; what a hold keeps is named by the hold's own reason and end."""
    answer = personal_data_pb2.ErasePersonalDataResponse(erasure_id=str(erasure_id), erased_counts=done.erased)
    answer.complete_time.FromDatetime(uow.now)
    for kept in done.retained:
        reason, until = kept.reason, kept.until
        if reason == LEGAL_HOLD and (ground := grounds.get(kept.kind) or grounds.get(legal_holds.ALL_KINDS)):
            reason, until = ground
        entry = answer.retained.add(kind=kept.kind, count=kept.count, reason=reason)
        if until is not None:
            entry.retain_until_time.FromDatetime(until)
    return answer
