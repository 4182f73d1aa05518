"""Telephone calls: who may be calling, what was told of a call, what its agents note, and the wrap-up."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from marque.customer.v1 import call_events_pb2, consent_pb2, interaction_pb2
from marque.type.v1 import channel_pb2
from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from servicekit.ids import new_uuid

from marque_customer.errors import CallNotFound, CallUnidentified, ContactRefused, CustomerNotFound
from marque_customer.mapping.interactions import staff_of
from marque_customer.mapping.permits import reason_name
from marque_customer.models import Customer, PhoneCall
from marque_customer.repository import calls as repository
from marque_customer.repository import customers, families
from marque_customer.rules import calls as rules
from marque_customer.rules import consents as consent_rules
from marque_customer.rules import contacts
from marque_customer.rules.calls import Course, Told
from marque_customer.rules.kinds import LISTED, PHONE
from marque_customer.rules.permits import CONSENTED, Asked, Refusal, Windows
from marque_customer.usecases import interactions, permits
from marque_customer.usecases.consents import refuse_foreign
from marque_customer.usecases.look_up import HOME_REGION

_OVERDUE = timedelta(days=90)  # a promise that is older is no longer news
_FOLDED = ("begin_time", "answer_time", "end_time", "staff_id", "staff_time", "transfers")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be calling."""

    customer: Customer
    cars: list[Any]
    matters: list[Any]
    touches: list[Any]
    promises: list[Any]


def e164(number: str) -> str:
    """Returns a number as it is compared, empty for none that a telephone could ring."""
    try:
        return contacts.normalise(PHONE, number, region=HOME_REGION).match_key
    except contacts.ContactError:
        return ""


async def look_up(*, uow: UnitOfWork, number: str) -> Any:
    """Finds who may be calling; every finding is audited. Raises InvalidArgument."""
    key = e164(number)
    if not key:
        raise InvalidArgument.of("number", "PHONE_INVALID", "Give a whole phone number.")
    async with uow:
        found = await repository.candidates(uow.session, uow.principal, key)
        ids = [one.customer_id for one in found]
        below = await families.members(uow.session, ids)
        of = {customer_id: [customer_id, *below[customer_id]] for customer_id in ids}
        everybody = [one for family in of.values() for one in family]
        cars = await repository.cars_of(uow.session, everybody)
        matters = await repository.matters_of(uow.session, everybody)
        touches = await repository.touches_of(uow.session, uow.principal, of)
        promises = await repository.promises_of(uow.session, uow.principal, of, uow.now - _OVERDUE)
        callers = []
        for one in found:
            uow.audit("look_up_caller", "customer", str(one.customer_id), ("phone",))
            family = of[one.customer_id]
            callers.append(
                Candidate(
                    one,
                    [row for row in cars if row.customer_id in family][: repository.CARS],
                    [row for row in matters if row.customer_id in family][: repository.MATTERS],
                    touches[one.customer_id],
                    promises[one.customer_id],
                )
            )
        if not found:
            uow.audit("look_up_caller", "customer", "", ("phone",))
        return await uow.answer(callers)


async def record(
    *, uow: UnitOfWork, event: dict[str, Any], call: dict[str, Any], told: Told, placed: uuid.UUID | None
) -> tuple[uuid.UUID, bool]:
    """Records an event of a telephone system. Returns the call and whether anything is new."""
    async with uow:
        call = {**call, "number": e164(call["number"]) or call["number"]}
        customer_id = await _only_candidate(uow, call["number"])
        first = {"state": rules.RINGING, "begin_time": told.moment, "create_time": uow.now, "update_time": uow.now}
        row, fresh = await repository.take(
            uow.session, {"call_id": new_uuid(), **call, **first, "customer_id": customer_id}, placed
        )
        if not await repository.tell(uow.session, {**event, "call_id": row.call_id, "create_time": uow.now}):
            return row.call_id, False
        course = Course(row.direction, *(getattr(row, name) for name in _FOLDED)).after(told)
        before = (row.state, row.staff_id, row.transfers)
        for name in _FOLDED:
            setattr(row, name, getattr(course, name))
        row.state, row.recording = course.state, call["recording"] or row.recording
        row.number, row.line = row.number or call["number"], row.line or call["line"]
        row.customer_id = row.customer_id or customer_id
        await uow.flush()
        if fresh or before != (row.state, row.staff_id, row.transfers):
            _say(uow, row)
        return row.call_id, True


async def _only_candidate(uow: UnitOfWork, number: str) -> uuid.UUID | None:
    """The customer with a number, where there is exactly one; under lock, so that none is noted who is being erased."""
    found = await customers.by_phone(uow.session, number) if number.startswith("+") else []
    if len(found) != 1:
        return None
    held = await customers.locked(uow.session, found)
    return held[0].customer_id if held and held[0].status in LISTED else None


def _say(uow: UnitOfWork, row: PhoneCall) -> None:
    event = call_events_pb2.CallStateChanged(
        call_id=str(row.call_id),
        state=row.state,  # type: ignore[arg-type]
        direction=row.direction,  # type: ignore[arg-type]
        staff_id=str(row.staff_id or ""),
        dealer_id=str(row.dealer_id or ""),
        customer_id=str(row.customer_id or ""),
        transfers=row.transfers,
    )
    uow.emit(event, of=row)


async def note(*, uow: UnitOfWork, call_id: uuid.UUID, customer_id: uuid.UUID | None, text: str, etag: str) -> Any:
    """Notes what was said so far. Raises CallNotFound, CustomerNotFound, CallWrappedUp, EtagMismatch."""
    async with uow:
        if customer_id is not None:
            await _customer(uow, customer_id)
        row = await _call(uow, call_id)
        row.check_etag(etag)
        row.refuse_if_wrapped_up()
        row.note, row.customer_id = text, customer_id or row.customer_id
        uow.audit("note", "call", str(call_id))
        return await uow.answer(row)


async def wrap_up(*, uow: UnitOfWork, call_id: uuid.UUID, customer_id: uuid.UUID | None, said: dict[str, Any]) -> Any:
    """Puts a call on the time line. Raises CallNotFound, CustomerNotFound and its states, CallWrappedUp, CallUnidentified."""
    async with uow:
        known = await repository.find(uow.session, uow.principal, call_id)
        if known is None:
            raise CallNotFound(call_id=call_id)
        customer_id = customer_id or known.customer_id
        if customer_id is None:
            raise CallUnidentified()
        await _customer(uow, customer_id)  # before the call: an erasure takes the person first too
        row = await _call(uow, call_id)
        row.refuse_if_wrapped_up()
        touch = await interactions.log(uow=uow, customer_id=customer_id, values=_touch(uow, row, said))
        row.interaction_id, row.customer_id = uuid.UUID(touch.interaction_id), customer_id
        if row.contact_permit_id is not None:
            await permits.finish(uow=uow, permits=[(row.contact_permit_id, row.holding)])
        return touch


def _touch(uow: UnitOfWork, row: PhoneCall, said: dict[str, Any]) -> dict[str, Any]:
    spoken = (row.end_time or now()) - row.answer_time if row.answer_time is not None else None
    return {
        "kind": interaction_pb2.INTERACTION_KIND_CALL,
        "channel": channel_pb2.CHANNEL_PHONE,
        "direction": row.direction,
        "occur_time": row.begin_time,
        "duration_seconds": None if spoken is None else min(86_400, max(0, int(spoken.total_seconds()))),
        "staff_id": staff_of(uow.principal) or row.staff_id,
        "dealer_id": row.dealer_id,
        "vin": "",
        "reference_type": "customer.call",
        "reference_id": str(row.call_id),
        **said,
        "note": said["note"] or row.note,
    }


async def place(
    *, uow: UnitOfWork, customer_id: uuid.UUID, purpose: int, dealer_id: uuid.UUID | None, windows: Windows
) -> Any:
    """Takes and spends a permit for a call. Raises CustomerNotFound, ContactRefused, ControllerNotOwn."""
    kind = consent_pb2.CONSENT_CONTROLLER_KIND_DEALER if dealer_id else consent_pb2.CONSENT_CONTROLLER_KIND_OEM
    refuse_foreign(uow.principal, kind, str(dealer_id or ""))
    if not consent_rules.needs_channel(purpose):
        raise InvalidArgument.of("purpose", "PURPOSE_NOT_CONTACTED", "This purpose reaches nobody by a channel.")
    async with uow:
        if not await families.seen(uow.session, uow.principal, customer_id):
            raise CustomerNotFound(customer_id=customer_id)
        call_id = new_uuid()
        asked = Asked(
            customer_id, f"call:{call_id}", channel_pb2.CHANNEL_PHONE, CONSENTED, purpose, kind, str(dealer_id or "")
        )
        (granted,) = await permits.take(uow=uow, asked=[asked], windows=windows)
        if not isinstance(granted, permits.Granted):
            raise _refused(granted if isinstance(granted, Refusal) else None)
        held = (granted.row.contact_permit_id, granted.row.holding)
        await permits.spend(uow=uow, permits=[held], windows=windows)
        row = PhoneCall(
            call_id=call_id,
            provider="",
            provider_call_id=str(call_id),
            state=rules.RINGING,
            direction=rules.OUTBOUND,
            number=granted.address.value,
            staff_id=staff_of(uow.principal),
            dealer_id=dealer_id,
            customer_id=granted.person.customer_id,
            begin_time=uow.now,
            contact_permit_id=held[0],
            holding=held[1],
        )
        uow.add(row)
        uow.audit("place", "call", str(call_id))
        return await uow.answer((row, granted.person.language))


async def place_again(*, uow: UnitOfWork, call_id: uuid.UUID, windows: Windows) -> None:
    """Judges the retry of a placed call: its answer gives the right to dial only while its permit does. Raises ContactRefused."""
    async with uow:
        row = await repository.find(uow.session, uow.principal, call_id)
        if row is None or row.contact_permit_id is None:
            raise _refused(None)
        held = (row.contact_permit_id, row.holding)
        ((_, _, refusal),) = await permits.spend(uow=uow, permits=[held], windows=windows)
        if refusal is not None:
            raise _refused(refusal)


def _refused(refusal: Refusal | None) -> ContactRefused:
    if refusal is None:
        return ContactRefused(refusal="OVER")
    return ContactRefused(refusal=reason_name(refusal), retry_time=refusal.retry.isoformat() if refusal.retry else "")


async def _call(uow: UnitOfWork, call_id: uuid.UUID) -> PhoneCall:
    row = await repository.find(uow.session, uow.principal, call_id, lock=True)
    if row is None:
        raise CallNotFound(call_id=call_id)
    return row


async def _customer(uow: UnitOfWork, customer_id: uuid.UUID) -> None:
    found = await customers.find(uow.session, uow.principal, customer_id, lock=True)
    if found is None:
        raise CustomerNotFound(customer_id=customer_id)
    found.refuse_if_gone()
