"""What people do on the page of an event, without signing in: the link says who they are, or they type it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from servicekit.db.base import now
from servicekit.db.engine import Reader
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from servicekit.sealing.tokens import Digest

from marque_campaign.clients import controller_of
from marque_campaign.clients.visitors import Visitor, Visitors
from marque_campaign.errors import EventLinkUnknown, EventRegistrationClosed, EventSessionNotFound
from marque_campaign.repository import events as repository
from marque_campaign.repository.responses import Line
from marque_campaign.repository.scope import EVERYTHING
from marque_campaign.rules import event_links
from marque_campaign.rules import events as rules
from marque_campaign.rules.event_links import Link
from marque_campaign.usecases import registering

_VISIT = "event-visitor"
"""What the keyed hash of what somebody typed is for."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Who stands before the page: the event's row, who they are (None: a stranger), the message in hand, and their registration's row."""

    event: Any
    customer_id: uuid.UUID | None
    line: Line | None
    registration: Any


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody sends: a session (None: to take the registration back), guests, and, from a stranger, name and address."""

    session_id: uuid.UUID | None
    guests: int
    name: str
    email: str
    phone: str
    contact_allowed: bool


async def guest_of(reader: Reader, link: Link) -> Guest:
    """Returns who comes by a link. Raises EventLinkUnknown."""
    line, customer, registration, event_id = None, None, None, link.key
    if link.kind == event_links.INVITED:
        row = await repository.invited(reader, link.key)
        if row is None:
            raise EventLinkUnknown()
        line, customer = Line(row["send_id"], row["campaign_id"]), row["customer_id"]
        event_id = row["marketing_event_id"]
        registration = await repository.read_of_person(reader, event_id, customer)
    elif link.kind == event_links.REGISTERED:
        registration = await repository.read_registration(reader, link.key)
        if registration is None:
            raise EventLinkUnknown()
        event_id, customer = registration["marketing_event_id"], registration["customer_id"]
    event = await repository.read(reader, event_id)
    if event is None or event["state"] == rules.DRAFT:
        raise EventLinkUnknown()
    return Guest(event, customer, line, registration)


async def shown(reader: Reader, guest: Guest, moment: datetime) -> dict[str, Any]:
    """Returns what the page shows beside the guest: sessions with what is free, the place on the waiting list, what can be done."""
    event, mine = guest.event, guest.registration
    window = rules.Window(event["state"], event["open_time"], event["close_time"], event["cancel_hours"])
    live = mine is not None and mine["state"] in rules.LIVE
    sessions, own = [], None
    for one in await repository.read_sessions(reader, event["marketing_event_id"]):
        held = mine is not None and one["session_id"] == mine["session_id"]
        own = one if held else own
        if one["start_time"] > moment or (held and mine["state"] != rules.CANCELLED):
            free = 0 if one["waited_for"] else one["capacity"] - one["taken"]
            sessions.append((one, free))
    return {
        "sessions": sessions,
        "open": any(not rules.closed(window, one["start_time"], moment, staff=False) for one, _ in sessions),
        "changeable": bool(live and own and rules.may_change(window, own["start_time"], moment)),
        "waiting_place": await repository.waiting_place(reader, mine) if live and mine["state"] == rules.WAITING else 0,
    }


async def save(
    *, make: Callable[[], UnitOfWork], reader: Reader, visitors: Visitors, digest: Digest, guest: Guest, asked: Asked
) -> uuid.UUID:
    """Does what a guest asks for; returns their registration.

    Raises EventLinkUnknown, InvalidArgument, Unavailable, and what `registering` raises.
    """
    mine = guest.registration
    if asked.session_id is None:
        if mine is None:
            raise InvalidArgument.of("session_id", "FIELD_REQUIRED", "Choose a session.")
        key: uuid.UUID = mine["registration_id"]
        await registering.settle(uow=make(), scope=EVERYTHING, registration_id=key, state=rules.CANCELLED, own=True)
        return key
    event_id = guest.event["marketing_event_id"]
    customer, made = guest.customer_id, None
    if customer is None:
        customer, made = await _stranger(reader, visitors, digest, guest, asked)
    if asked.contact_allowed:
        controller = controller_of(guest.event["dealer_id"])
        await visitors.agree(str(customer), controller, str(event_id), known=made is None)
    wish = registering.Wish(customer, asked.session_id, asked.guests, line=guest.line, made=made)
    found = await registering.register(uow=make(), event_id=event_id, wish=wish)
    return uuid.UUID(found.registration_id)


async def _stranger(
    reader: Reader, visitors: Visitors, digest: Digest, guest: Guest, asked: Asked
) -> tuple[uuid.UUID, uuid.UUID]:
    """Returns the customer who typed this, and the id that their registration has or gets: the same for the same words."""
    name, email, phone = asked.name.strip(), asked.email.strip().lower(), asked.phone.strip()
    if not name:
        raise InvalidArgument.of("name", "FIELD_REQUIRED", "Say who comes.")
    if not (email or phone):
        raise InvalidArgument.of("email", "CONTACT_MISSING", "Give an e-mail address or a phone number.")
    if not asked.contact_allowed:
        raise InvalidArgument.of("contact_allowed", "CONSENT_MISSING", "We may not answer without this.")
    await _may_register(reader, guest, asked)
    event_id = guest.event["marketing_event_id"]
    words = digest("\n".join((str(event_id), name, email, phone)), _VISIT).partition(":")[2]
    key = hashlib.sha256(words.encode()).digest()
    code = await repository.dealer_code(reader, guest.event["dealer_id"])
    found = await visitors.take_in(Visitor(key.hex()[:32], name, email, phone, code))
    if found is None:
        raise InvalidArgument.of("email", "CONTACT_INVALID", "This is no e-mail address or phone number.")
    return uuid.UUID(found), uuid.UUID(bytes=key[:16], version=5)


async def _may_register(reader: Reader, guest: Guest, asked: Asked) -> None:
    """Looks first, so that nobody becomes a lead by an event that is closed. What is seen here is decided again under the lock."""
    state = await shown(reader, guest, now())
    if not state["open"]:
        raise EventRegistrationClosed(why=rules.OVER)
    if asked.session_id not in {one["session_id"] for one, _ in state["sessions"]}:
        raise EventSessionNotFound()
