"""What is done with events: each verb is one transaction; what follows for many people is due work."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_campaign.errors import EventSessionNotFound, EventSessionTaken, MarketingEventNotFound
from marque_campaign.models import EventSession, MarketingEvent
from marque_campaign.repository import events as repository
from marque_campaign.repository import lists, notices
from marque_campaign.repository.scope import Scope
from marque_campaign.rules import events as rules
from marque_campaign.usecases import registering

REMINDER, CALL_OFF = "event-reminder", "event-call-off"
AT_ONCE = 200


async def create(*, uow: UnitOfWork, values: dict[str, Any], spans: Sequence[dict[str, Any]]) -> Any:
    """Writes a draft with its sessions."""
    async with uow:
        event = MarketingEvent(**values, state=rules.DRAFT)
        uow.add(event)
        await uow.flush()
        for span in spans:
            uow.add(_session_of(event, span))
        uow.audit("create", "marketing_event", str(event.marketing_event_id))
        return await _answer(uow, event)


async def update(
    *,
    uow: UnitOfWork,
    scope: Scope,
    event_id: uuid.UUID,
    values: dict[str, Any],
    spans: Sequence[dict[str, Any]] | None,
    etag: str,
) -> Any:
    """Changes an event; `spans` None leaves its sessions. Whoever is concerned is told, and whoever waits moves up.

    Raises MarketingEventNotFound, MarketingEventStateNotAllowed, EventSessionNotFound, EventSessionTaken, EtagMismatch.
    """
    async with uow:
        event = await found(uow, scope, event_id, etag)
        event.check_changeable()
        changed = [name for name, value in values.items() if getattr(event, name) != value]
        for name in changed:
            setattr(event, name, values[name])
        moved = []
        if spans is not None:
            changed.append("sessions")
            event.touch()
            moved = await _respan(uow, event, spans)
        await uow.flush()
        if {"place", "time_zone"} & set(changed):
            await _tell_moved(uow, event, await repository.sessions_of(uow.session, event_id))
        elif moved:
            await _tell_moved(uow, event, moved)
        if event.state != rules.DRAFT:
            await _remind(uow, await repository.sessions_of(uow.session, event_id))
        uow.audit("update", "marketing_event", str(event_id), tuple(changed))
        return await _answer(uow, event)


async def advance(*, uow: UnitOfWork, scope: Scope, event_id: uuid.UUID, state: int, etag: str) -> Any:
    """Takes an event to a state. Raises MarketingEventNotFound, MarketingEventStateNotAllowed, MarketingEventIncomplete, EtagMismatch."""
    async with uow:
        event = await found(uow, scope, event_id, etag)
        sessions = await repository.sessions_of(uow.session, event_id)
        event.advance(state, now=uow.now, starts=[one.start_time for one in sessions])
        if state == rules.OPEN:
            await _remind(uow, sessions)
        if state == rules.CALLED_OFF:
            await uow.schedule(CALL_OFF, str(event_id), uow.now)
        uow.audit("advance", "marketing_event", str(event_id), ("state",))
        return await _answer(uow, event)


async def remind(uow: UnitOfWork, key: str) -> datetime | None:
    """Tells everybody who has a place that their session is tomorrow: once for each moment at which it begins."""
    session = await repository.session_of(uow.session, uuid.UUID(key))
    if session is None:
        return None
    event = await registering.locked(uow, session.marketing_event_id)
    due = session.start_time - rules.REMIND_BEFORE
    if due > uow.now:
        return due
    if event.state in rules.TAKES_PLACE and session.start_time > uow.now:
        ids = await repository.ids_of(uow.session, [session.session_id], {rules.CONFIRMED})
        what = f"{rules.TOLD_REMINDER}:{int(session.start_time.timestamp())}"
        await notices.plan(uow.session, ids, rules.TOLD_REMINDER, what, uow.now)
    return None


async def call_off(uow: UnitOfWork, key: str) -> datetime | None:
    """Ends the registrations of an event that was called off and tells everybody, some hundreds in a transaction."""
    event = await registering.locked(uow, uuid.UUID(key))
    live = await repository.live(uow.session, event.marketing_event_id, AT_ONCE)
    for one in live:
        await registering.cancel(uow, event, one)
    ids, what = [one.registration_id for one in live], str(rules.TOLD_CALLED_OFF)
    await notices.plan(uow.session, ids, rules.TOLD_CALLED_OFF, what, uow.now)
    return uow.now if len(live) == AT_ONCE else None


async def found(uow: UnitOfWork, scope: Scope, event_id: uuid.UUID, etag: str = "") -> MarketingEvent:
    """Returns an event in sight, locked. Raises MarketingEventNotFound, EtagMismatch."""
    event: MarketingEvent | None = await lists.lock(uow.session, repository.EVENTS, scope, event_id)
    if event is None:
        raise MarketingEventNotFound()
    event.check_etag(etag)
    return event


async def _respan(uow: UnitOfWork, event: MarketingEvent, spans: Sequence[dict[str, Any]]) -> list[EventSession]:
    """Makes the sessions what they are to be; returns those whose time changed."""
    known = {one.session_id: one for one in await repository.sessions_of(uow.session, event.marketing_event_id)}
    named = {span["session_id"] for span in spans if span["session_id"] is not None}
    if named - known.keys():
        raise EventSessionNotFound()
    for key in known.keys() - named:
        if await repository.is_registered_for(uow.session, key):
            raise EventSessionTaken(taken=known[key].taken)
        await uow.session.delete(known[key])
    moved = []
    for span in spans:
        one = known.get(span["session_id"])
        if one is None:
            uow.add(_session_of(event, span))
            continue
        if span["capacity"] < one.taken:
            raise EventSessionTaken(taken=one.taken)
        if (one.start_time, one.end_time) != (span["start_time"], span["end_time"]):
            one.start_time, one.end_time = span["start_time"], span["end_time"]
            one.moves += 1
            moved.append(one)
        one.capacity = span["capacity"]
        await registering.move_up(uow, event, one)
    return moved


async def _tell_moved(uow: UnitOfWork, event: MarketingEvent, sessions: Sequence[EventSession]) -> None:
    if event.state not in rules.TAKES_PLACE:
        return
    times = await repository.moved(uow.session, event.marketing_event_id)
    ids = await repository.ids_of(uow.session, [one.session_id for one in sessions], rules.LIVE)
    await notices.plan(uow.session, ids, rules.TOLD_MOVED, f"{rules.TOLD_MOVED}:{times}", uow.now)


async def _remind(uow: UnitOfWork, sessions: Sequence[EventSession]) -> None:
    coming = {str(one.session_id): one.start_time - rules.REMIND_BEFORE for one in sessions}
    later = {key: moment for key, moment in coming.items() if moment > uow.now}
    await uow.schedule_all(REMINDER, later)


def _session_of(event: MarketingEvent, span: dict[str, Any]) -> EventSession:
    told = {name: span[name] for name in ("start_time", "end_time", "capacity")}
    return EventSession(marketing_event_id=event.marketing_event_id, **told)


async def _answer(uow: UnitOfWork, event: MarketingEvent) -> Any:
    await uow.flush()
    return await uow.answer((event, await repository.sessions_of(uow.session, event.marketing_event_id)))
