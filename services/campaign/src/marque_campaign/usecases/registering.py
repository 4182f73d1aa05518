"""People register for events, change, cancel, come or do not. All is done under the lock of the event, so seats and order hold."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_campaign import events
from marque_campaign.errors import (
    EventRegistrationClosed,
    EventRegistrationKnown,
    EventRegistrationNotFound,
    EventRegistrationStateNotAllowed,
    EventSessionFull,
    EventSessionNotFound,
    MarketingEventNotFound,
)
from marque_campaign.models import EventRegistration, EventSession, MarketingEvent
from marque_campaign.repository import events as repository
from marque_campaign.repository import events_personal as personal
from marque_campaign.repository.responses import Line
from marque_campaign.repository.scope import EVERYTHING, Scope
from marque_campaign.rules import events as rules
from marque_campaign.rules import kinds, seats
from marque_campaign.usecases import notices, responding
from marque_campaign.usecases.responding import Deed

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants: a session, and how many guests they bring. `line` is the message that brought them.

    `staff`: somebody who may registers them. `made`: they are known by what they typed alone, and may touch no registration but one that
    the same words made, which has this id.
    """

    customer_id: uuid.UUID
    session_id: uuid.UUID
    guests: int = 0
    line: Line | None = None
    staff: bool = False
    made: uuid.UUID | None = None


async def register(*, uow: UnitOfWork, event_id: uuid.UUID, wish: Wish) -> Any:
    """Registers somebody, or changes their session or guests; the same again changes nothing.

    Raises MarketingEventNotFound, EventSessionNotFound, EventRegistrationClosed, EventRegistrationStateNotAllowed, EventSessionFull,
    EventRegistrationKnown, InvalidArgument.
    """
    async with uow:
        event = await locked(uow, event_id)
        session = await _open_session(uow, event, wish)
        one = await repository.of_person(uow.session, event_id, wish.customer_id)
        if one is not None and wish.made is not None and one.registration_id != wish.made:
            raise EventRegistrationKnown()
        if one is None or one.state == rules.CANCELLED:
            one = await _enter(uow, event, session, wish, one)
        elif (one.session_id, one.guests) != (wish.session_id, wish.guests):
            await _change(uow, event, session, wish, one)
        return await uow.answer(one)


async def settle(
    *,
    uow: UnitOfWork,
    scope: Scope,
    registration_id: uuid.UUID,
    state: int,
    vin: str = "",
    etag: str = "",
    own: bool = False,
) -> Any:
    """Takes a registration back, or says whether the person came; `vin`: with which car they drove; `own`: the person does it, until the
    time for that is over.

    Raises EventRegistrationNotFound, EventRegistrationStateNotAllowed, InvalidArgument, EtagMismatch.
    """
    async with uow:
        event, one = await _found(uow, scope, registration_id)
        one.check_etag(etag)
        if vin and not (state == rules.ATTENDED and event.kind == rules.TEST_DRIVE):
            raise InvalidArgument.of(
                "vin", "VIN_NOT_WANTED", "Only of who came to an event of test drives a car is told."
            )
        session = await _session(uow, event, one.session_id)
        if own and one.state == state == rules.CANCELLED:
            return await uow.answer(one)
        if own and not rules.may_change(event.window, session.start_time, uow.now):
            raise EventRegistrationStateNotAllowed(state=rules.REGISTRATION_NAMES[one.state])
        before = one.state
        one.settle(state, start=session.start_time, now=uow.now)
        await _settled(uow, event, session, one, before, vin)
        uow.audit("settle", "event_registration", str(registration_id), ("state",))
        return await uow.answer(one)


async def locked(uow: UnitOfWork, event_id: uuid.UUID) -> MarketingEvent:
    """Returns an event, locked, whoever asks. Raises MarketingEventNotFound."""
    event = await repository.lock(uow.session, event_id)
    if event is None:
        raise MarketingEventNotFound()
    return event


async def move_up(uow: UnitOfWork, event: MarketingEvent, session: EventSession) -> None:
    """Gives free seats of a session to those who wait first, as long as it has not begun."""
    while event.state in rules.TAKES_PLACE and session.start_time > uow.now and session.free > 0:
        waiting = await repository.waiting(uow.session, session.session_id, _AT_ONCE)
        going = set(seats.moved_up(session.free, [(one.registration_id, one.seats) for one in waiting]))
        for one in waiting:
            if one.registration_id in going:
                one.state = rules.CONFIRMED
                session.taken += one.seats
                await notices.stands(uow, event, one, rules.TOLD_PLACE_FREE)
        if len(going) < _AT_ONCE:
            return


async def cancel(uow: UnitOfWork, event: MarketingEvent, one: EventRegistration) -> None:
    """Ends a registration of an event that was called off."""
    one.state = rules.CANCELLED
    await notices.outdate(uow, one)
    uow.emit(events.event_registration_cancelled(event, one), of=one)
    await responding.taken_back(uow, key=_key(one))


async def leave(uow: UnitOfWork, customer_ids: Sequence[uuid.UUID]) -> None:
    """Takes back what somebody who is erased is registered for; whoever waits moves up."""
    for key in await personal.live(uow.session, customer_ids):
        event, one = await _found(uow, EVERYTHING, key)
        if one.state in rules.LIVE:
            before, one.state = one.state, rules.CANCELLED
            await _settled(uow, event, await _session(uow, event, one.session_id), one, before)
    await uow.flush()


async def _open_session(uow: UnitOfWork, event: MarketingEvent, wish: Wish) -> EventSession:
    session = await _session(uow, event, wish.session_id)
    if why := rules.closed(event.window, session.start_time, uow.now, staff=wish.staff):
        raise EventRegistrationClosed(why=why)
    if wish.guests > event.most_guests:
        raise InvalidArgument.of("guest_count", "GUESTS_TOO_MANY", f"At most {event.most_guests} guests come along.")
    return session


async def _session(uow: UnitOfWork, event: MarketingEvent, session_id: uuid.UUID) -> EventSession:
    session = await repository.session_of(uow.session, session_id)
    if session is None or session.marketing_event_id != event.marketing_event_id:
        raise EventSessionNotFound()
    return session


async def _found(uow: UnitOfWork, scope: Scope, registration_id: uuid.UUID) -> tuple[MarketingEvent, EventRegistration]:
    event_id = await repository.find(uow.session, scope, registration_id)
    event = await repository.lock(uow.session, event_id) if event_id is not None else None
    one = await repository.registration(uow.session, registration_id) if event is not None else None
    if event is None or one is None:
        raise EventRegistrationNotFound()
    return event, one


async def _fits(uow: UnitOfWork, session: EventSession, wanted: int) -> bool:
    waiting = await repository.waiting(uow.session, session.session_id, 1)
    return seats.has_place(wanted, session.free, len(waiting))


async def _enter(
    uow: UnitOfWork, event: MarketingEvent, session: EventSession, wish: Wish, one: EventRegistration | None
) -> EventRegistration:
    """Somebody comes in, for the first time or again."""
    placed = await _fits(uow, session, 1 + wish.guests)
    values = {
        "session_id": wish.session_id,
        "guests": wish.guests,
        "state": rules.CONFIRMED if placed else rules.WAITING,
        "arrival": await repository.arrive(uow.session, event.marketing_event_id),
        "send_id": wish.line.send_id if wish.line else None,
        "campaign_id": wish.line.campaign_id if wish.line else None,
    }
    if one is None:
        own = {} if wish.made is None else {"registration_id": wish.made}
        one = EventRegistration(
            **own, **values, marketing_event_id=event.marketing_event_id, customer_id=wish.customer_id
        )
        uow.add(one)
    else:
        for name, value in values.items():
            setattr(one, name, value)
    session.taken += one.seats if placed else 0
    await uow.flush()
    uow.audit("register", "event_registration", str(one.registration_id))
    deed = Deed(kinds.REGISTRATION, _key(one), one.customer_id, event.dealer_id, uow.now, wish.line)
    await responding.responded(uow, [deed])
    await notices.stands(uow, event, one, rules.TOLD_CONFIRMED if placed else rules.TOLD_WAITING)
    return one


async def _change(
    uow: UnitOfWork, event: MarketingEvent, session: EventSession, wish: Wish, one: EventRegistration
) -> None:
    """Somebody wants another session or other guests. Whoever has a place keeps it where there is none for the wish."""
    old = await _session(uow, event, one.session_id)
    if one.state not in rules.LIVE or not (wish.staff or rules.may_change(event.window, old.start_time, uow.now)):
        raise EventRegistrationStateNotAllowed(state=rules.REGISTRATION_NAMES[one.state])
    same, had = old.session_id == session.session_id, one.seats if one.state == rules.CONFIRMED else 0
    wanted = 1 + wish.guests
    if had and (wanted > had if same else True) and not await _fits(uow, session, wanted - had if same else wanted):
        raise EventSessionFull()
    old.taken -= had
    one.guests, one.session_id = wish.guests, session.session_id
    if not same:
        one.arrival = await repository.arrive(uow.session, event.marketing_event_id)
    if had or (not same and await _fits(uow, session, wanted)):
        one.state = rules.CONFIRMED
        session.taken += wanted
    await uow.flush()
    uow.audit("change", "event_registration", str(one.registration_id), ("session_id", "guest_count"))
    if not same:
        placed = one.state == rules.CONFIRMED
        await notices.stands(uow, event, one, rules.TOLD_CONFIRMED if placed else rules.TOLD_WAITING)
    for each in {old.session_id: old, session.session_id: session}.values():
        await move_up(uow, event, each)


async def _settled(
    uow: UnitOfWork, event: MarketingEvent, session: EventSession, one: EventRegistration, before: int, vin: str = ""
) -> None:
    """What follows from the end of a registration. That somebody drove counts when the customer service tells of the test drive, as any."""
    if one.state == rules.CANCELLED:
        session.taken -= one.seats if before == rules.CONFIRMED else 0
        await cancel(uow, event, one)
        await move_up(uow, event, session)
        return
    await uow.flush()
    corrected = before in (rules.ATTENDED, rules.NO_SHOW)
    uow.emit(events.event_attendance_recorded(event, session, one, vin=vin, corrected=corrected), of=one)
    if one.state != rules.ATTENDED:
        await responding.taken_back(uow, key=_came(one))
    elif event.kind != rules.TEST_DRIVE:
        deed = Deed(kinds.VISIT, _came(one), one.customer_id, event.dealer_id, uow.now, _line(one))
        await responding.responded(uow, [deed])


async def brought_by(uow: UnitOfWork, registration_id: uuid.UUID) -> Line | None:
    """Returns the line whose message brought somebody to an event; None for nobody's, or who came by themselves."""
    one = await repository.registration(uow.session, registration_id)
    return _line(one) if one is not None else None


def _line(one: EventRegistration) -> Line | None:
    return Line(one.send_id, one.campaign_id) if one.send_id and one.campaign_id else None


def _key(one: EventRegistration) -> str:
    return f"registration:{one.registration_id}"


def _came(one: EventRegistration) -> str:
    return f"attendance:{one.registration_id}"
