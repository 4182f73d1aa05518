"""The erasure of a person from every service, in rounds, until there is a certificate.

A round asks each service once under an id of its own, so that a repeat does nothing. The customer service erases last in a round: what the
others must keep, the owner of a car under recall, says what must be kept here to reach them. Until then the person is restricted.
The second round comes when everything that was under way at the first has ended; it takes what a write left that had begun before.
Rounds after it follow the end of what holds.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

import grpc.aio
from marque.customer.v1 import customer_events_pb2
from marque.type.v1 import personal_data_pb2
from servicekit import legal_holds
from servicekit.audit.keys import AuditKeys
from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import Unavailable
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.telemetry import logs

from marque_customer.models import Customer, CustomerErasure
from marque_customer.models.rights import COMPLETED, HELD
from marque_customer.repository import customers
from marque_customer.repository import erasures as repository
from marque_customer.rules.erasing import REACHING, RECALL_OPEN, Kept, is_held, retry_time
from marque_customer.rules.kinds import ERASED
from marque_customer.usecases.rights.certificates import statement
from marque_customer.usecases.rights.exports import Holders
from marque_customer.usecases.rights.restrictions import keep_unused, person_of

OWN = "customer"
AGAIN, AFTER_FAULT = timedelta(seconds=3), timedelta(seconds=30)
log = logs.get_logger(__name__)
_NAME = "sweep:erasures"
_Answers = Mapping[str, personal_data_pb2.ErasePersonalDataResponse]


@dataclass(frozen=True, slots=True)
class Erasing:
    """What erases: the services by name with our own among them, who signs, and how long the platform waits.

    `settle`: until whatever was under way at the first round has surely ended; `retry`: between looks at what is held.
    """

    work: Work
    holders: Holders
    keys: AuditKeys
    settle: timedelta
    retry: timedelta


async def start(*, uow: UnitOfWork, customer_id: uuid.UUID, reason: str) -> Any:
    """Begins the erasure of a person in sight; one that was begun is given. Raises CustomerNotFound."""
    async with uow:
        row = await begin(uow, customer_id, reason)
        return await uow.answer((row, await repository.acknowledgements(uow.session, row.erasure_id)))


async def begin(uow: UnitOfWork, customer_id: uuid.UUID, reason: str) -> CustomerErasure:
    """Returns the erasure of a person in sight, begun where it was not, inside the open unit of work. Raises CustomerNotFound."""
    person = await person_of(uow, customer_id)
    (customer,) = await customers.locked(uow.session, [person])
    row = await repository.of_customer(uow.session, person)
    if row is not None:
        return row
    # Whom a service's own call erased, before there were certificates, lacks only the proof.
    if customer.status != ERASED:
        await keep_unused(uow, person)
    actor = "" if uow.principal.is_owner else uow.principal.subject
    row = CustomerErasure(
        customer_id=person, reason=reason, actor=actor, create_time=uow.now, try_time=uow.now, waiting=[]
    )
    uow.add(row)
    await uow.flush()
    uow.audit("begin_erasure", "customer", str(person))
    return row


async def sweep(*, erasing: Erasing) -> bool:
    """Moves erasures on; returns whether more may be left."""
    async with erasing.work.read() as session:
        found = await repository.due(session, now())
    for row in found:
        try:
            await _round(erasing, row)
        except Exception as error:  # one that cannot go on must not hold up the others; it is tried again
            log.error("an erasure waits", exc_info=error, extra={"error_type": type(error).__name__})
            async with erasing.work(Call(SYSTEM, _NAME)) as uow:
                standing = await repository.locked(uow.session, row.erasure_id, row.round)
                if standing is not None:
                    standing.wait(standing.waiting, uow.now + AFTER_FAULT)
    return False


async def _round(erasing: Erasing, row: CustomerErasure) -> None:
    async with erasing.work.read() as session:
        known = await repository.acknowledgements(session, row.erasure_id)
    answered = {one.service: _answer(one.answer) for one in known if one.round == row.round}
    left = [name for name in erasing.holders if name not in answered and name != OWN]
    asked = await asyncio.gather(*(_ask(erasing, row, name) for name in left))
    answered |= {name: answer for name, answer in zip(left, asked, strict=True) if answer is not None}
    missing = [name for name in left if name not in answered]
    async with erasing.work(Call(SYSTEM, _NAME)) as uow:
        standing = await repository.locked(uow.session, row.erasure_id, row.round)
        if standing is None:  # another replica was faster
            return
        for name in left:
            if name in answered:
                await _acknowledge(uow, standing, name, answered[name])
        if missing:
            standing.wait([*missing, OWN], uow.now + AGAIN)
            return
        await _hold_for_recall(uow, standing, answered)
    if OWN not in answered and (own := await _ask(erasing, row, OWN)) is not None:
        answered[OWN] = own
    await _end_round(erasing, row, answered)


async def _ask(erasing: Erasing, row: CustomerErasure, name: str) -> personal_data_pb2.ErasePersonalDataResponse | None:
    try:
        return await erasing.holders[name].erase(row.customer_id, row.asked_as())
    except (Unavailable, grpc.aio.AioRpcError):
        return None


async def _acknowledge(
    uow: UnitOfWork, row: CustomerErasure, service: str, answer: personal_data_pb2.ErasePersonalDataResponse
) -> None:
    values = {"erasure_id": row.erasure_id, "pass": row.number_of_pass, "service": service, "round": row.round}
    await repository.acknowledge(uow.session, {**values, "answer": answer.SerializeToString()})


async def _hold_for_recall(uow: UnitOfWork, row: CustomerErasure, answered: _Answers) -> None:
    """Keeps a person reachable while another service must keep them as the owner of a car under recall, and no longer."""
    hold_id = uuid.uuid5(row.erasure_id, RECALL_OPEN)
    if any(kept.reason == RECALL_OPEN for answer in answered.values() for kept in answer.retained):
        hold = {"hold_id": hold_id, "customer_id": row.customer_id, "reason": RECALL_OPEN, "kinds": list(REACHING)}
        await legal_holds.add(uow, {**hold, "until_time": None})
    else:
        await legal_holds.release(uow, hold_id)


async def _end_round(erasing: Erasing, row: CustomerErasure, answered: _Answers) -> None:
    async with erasing.work(Call(SYSTEM, _NAME)) as uow:
        standing = await repository.locked(uow.session, row.erasure_id, row.round)
        if standing is None:
            return
        if OWN not in answered:
            standing.wait([OWN], uow.now + AGAIN)
            return
        await _acknowledge(uow, standing, OWN, answered[OWN])
        await _say_when_gone(uow, standing, answered[OWN])
        if standing.round == 1:
            standing.next_round(uow.now + erasing.settle)
            return
        kept = kept_of(answered.values())
        standing.settle(HELD if is_held(kept) else COMPLETED, uow.now)
        known = await repository.acknowledgements(uow.session, standing.erasure_id)
        body = statement(standing, known)
        key_id, signature = (erasing.keys.current, erasing.keys.sign(body)) if erasing.keys.current else ("", b"")
        standing.certify(body, key_id, signature, uow.now)
        standing.next_round(retry_time(kept, uow.now, erasing.retry))
        uow.audit("certify_erasure", "customer", str(standing.customer_id))


async def _say_when_gone(
    uow: UnitOfWork, row: CustomerErasure, own: personal_data_pb2.ErasePersonalDataResponse
) -> None:
    if not own.erased_counts.get("customer.customer"):
        return
    customer = await uow.session.get(Customer, row.customer_id)
    if customer is not None:
        event = customer_events_pb2.CustomerErased(customer_id=str(row.customer_id), erasure_id=str(row.erasure_id))
        uow.emit(event, of=customer)


def kept_of(answers: Any) -> list[Kept]:
    """Returns what services kept, of all their answers."""
    return [
        Kept(
            one.kind,
            one.count,
            one.reason,
            one.retain_until_time.ToDatetime(UTC) if one.HasField("retain_until_time") else None,
        )
        for answer in answers
        for one in answer.retained
    ]


def _answer(content: bytes) -> personal_data_pb2.ErasePersonalDataResponse:
    return personal_data_pb2.ErasePersonalDataResponse.FromString(bytes(content))
