"""Who may be contacted now: consent, standing, caps in the person's own day, quiet hours, complaints, content sent lately.

Pure: the repository gathers the facts under the lock of the person, this judges them (services.md, "Contact permit").
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from marque.customer.v1 import contact_permit_pb2, contact_rule_pb2
from marque.type.v1 import channel_pb2

from marque_customer.rules import consents
from marque_customer.rules.days import day_of, is_quiet, quiet_until, zone_of
from marque_customer.rules.kinds import ERASED, MERGED, RESTRICTED

_STATE = contact_permit_pb2.ContactPermitState
TAKEN, SPENT, FINISHED = (
    _STATE.CONTACT_PERMIT_STATE_TAKEN,
    _STATE.CONTACT_PERMIT_STATE_SPENT,
    _STATE.CONTACT_PERMIT_STATE_FINISHED,
)
RETURNED, REVOKED = _STATE.CONTACT_PERMIT_STATE_RETURNED, _STATE.CONTACT_PERMIT_STATE_REVOKED
CONSENTED, LEGAL = contact_permit_pb2.CONTACT_CLASS_CONSENTED, contact_permit_pb2.CONTACT_CLASS_LEGAL_NOTICE
# Until when a permit that was spent and never ended can be that of a hand-over under way, however wrong one clock reads against another.
LONGEST_SPENT = timedelta(minutes=10)
LONGEST_DAY = timedelta(hours=27)
_PLACES = uuid.UUID("5d1f2f0c-6b53-4f0e-9f1b-6d6a0d3f7c11")

_VOICE, _MESSAGE = contact_rule_pb2.CONTACT_CHANNEL_CLASS_VOICE, contact_rule_pb2.CONTACT_CHANNEL_CLASS_MESSAGE
_MAIL, _PAPER = contact_rule_pb2.CONTACT_CHANNEL_CLASS_EMAIL, contact_rule_pb2.CONTACT_CHANNEL_CLASS_PAPER
CHANNEL_CLASSES: dict[int, int] = {
    channel_pb2.CHANNEL_PHONE: _VOICE,
    channel_pb2.CHANNEL_SMS: _MESSAGE,
    channel_pb2.CHANNEL_MESSAGING: _MESSAGE,
    channel_pb2.CHANNEL_PUSH: _MESSAGE,
    channel_pb2.CHANNEL_EMAIL: _MAIL,
    channel_pb2.CHANNEL_POST: _PAPER,
    channel_pb2.CHANNEL_FAX: _PAPER,
}


@dataclass(frozen=True, slots=True)
class Windows:
    """How long a permit may wait to be spent, how long after that a hand-over may begin, and what clocks may be wrong by."""

    take: timedelta
    spend: timedelta
    margin: timedelta

    @property
    def reach(self) -> timedelta:
        """How long after its taking a hand-over may begin at the latest."""
        return self.take + self.spend


@dataclass(frozen=True, slots=True)
class Asked:
    """One contact that somebody wants to make."""

    customer_id: uuid.UUID
    occurrence_key: str
    channel: int
    contact_class: int
    purpose: int
    controller_kind: int
    controller_id: str
    content_key: str = ""
    vin: str = ""
    resume: bool = False
    further_purpose: int = 0

    @property
    def channel_class(self) -> int:
        """The class of its channel."""
        return CHANNEL_CLASSES[self.channel]


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule of contact_rules; class or purpose 0 stands for every one."""

    channel_class: int
    purpose: int
    most_per_day: int | None = None
    quiet: tuple[int, int] | None = None
    repeat_days: int = 0
    held_by_complaint: bool = False

    def speaks_of(self, channel_class: int, purpose: int) -> bool:
        """Tells whether a contact of this class and purpose obeys the rule."""
        return self.channel_class in (0, channel_class) and self.purpose in (0, purpose)


@dataclass(frozen=True, slots=True)
class Booking:
    """A contact that counts against caps and repeats: made, or permitted and not given back."""

    key: str
    channel_class: int
    purpose: int
    contact_class: int
    content_key: str
    moment: datetime


@dataclass(frozen=True, slots=True)
class Address:
    """Where a contact goes: a contact point, or a postal address as it stands in the customer's row, whose id is that of `place_of`.

    `unreachable`: it is known that nothing arrives there, and of its channel there is none of which that is not known.
    """

    value: str = ""
    provider: str = ""
    postal: dict[str, Any] | None = None
    contact_point_id: uuid.UUID | None = None
    unreachable: bool = False


@dataclass
class Person:
    """What is known of a person under their lock. `consents` is by (purpose, channel, controller kind, controller id)."""

    customer_id: uuid.UUID
    status: int
    time_zone: str = ""
    language: str = ""
    consents: dict[tuple[int, int, int, str], tuple[int, uuid.UUID]] = field(default_factory=dict)
    addresses: dict[int, Address] = field(default_factory=dict)
    places: tuple[Address, ...] = ()
    bookings: list[Booking] = field(default_factory=list)
    touched: dict[str, datetime] = field(default_factory=dict)
    vins: frozenset[str] = frozenset()
    complains: bool = False

    def consent(self, asked: Asked) -> tuple[int, uuid.UUID] | None:
        """Returns the last entry about a use, as (action, id)."""
        return self.consents.get((asked.purpose, asked.channel, asked.controller_kind, asked.controller_id))

    def agrees_further(self, asked: Asked) -> bool:
        """Tells whether they agree to the further purpose that was asked about."""
        entry = self.consents.get((asked.further_purpose, 0, asked.controller_kind, asked.controller_id))
        return entry is not None and entry[0] == consents.GRANTED


def place_of(postal: dict[str, Any]) -> uuid.UUID:
    """Returns the id of a postal address: the same wherever the same is written, whatever its case and spaces."""
    parts = [str(postal.get(name, "")) for name in ("country_code", "province", "city", "district", "postal_code")]
    words = [" ".join(one.casefold().split()) for one in (*parts, *postal.get("lines", ()))]
    return uuid.uuid5(_PLACES, "\n".join(words))


def postal_of(places: Sequence[Address], gone: Collection[uuid.UUID]) -> Address:
    """Returns where a letter goes of someone's places, the first to be used first: to one at which things arrive, if there is any."""
    return next((one for one in places if one.contact_point_id not in gone), replace(places[0], unreachable=True))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, and before when asking again is of no use; None where waiting does not help."""

    reason: int
    retry: datetime | None = None


def _refusal(name: str, retry: datetime | None = None) -> Refusal:
    return Refusal(contact_permit_pb2.ContactRefusalReason.Value(f"CONTACT_REFUSAL_REASON_{name}"), retry)


UNKNOWN_CUSTOMER = _refusal("UNKNOWN_CUSTOMER")
PERSON_CHANGED = _refusal("PERSON_CHANGED")


def judge(asked: Asked, person: Person, limits: Iterable[Limit], now: datetime, windows: Windows) -> Refusal | None:
    """Returns why a contact may not be made now, None where it may. What lasts is told before what waiting mends."""
    limits = [limit for limit in limits if limit.speaks_of(asked.channel_class, asked.purpose)]
    return (
        _standing(person)
        or _consent(asked, person)
        or (_refusal("NOT_THE_OWNER") if asked.vin and asked.vin not in person.vins else None)
        or _address(asked, person)
        or (None if asked.contact_class == LEGAL else _held(asked, person, limits, now))
        or _hours(asked, person, limits, now, windows)
    )


def _standing(person: Person) -> Refusal | None:
    if (
        person.status == MERGED
    ):  # between the merge and its alias there is nothing: this is a fault of the data, not of the asker
        return PERSON_CHANGED
    return {ERASED: _refusal("ERASED"), RESTRICTED: _refusal("RESTRICTED")}.get(person.status)


def _consent(asked: Asked, person: Person) -> Refusal | None:
    if asked.contact_class == LEGAL:
        return None
    entry = person.consent(asked)
    if entry is None:
        return _refusal("NEVER_GRANTED")
    return None if entry[0] == consents.GRANTED else _refusal("WITHDRAWN")


def _address(asked: Asked, person: Person) -> Refusal | None:
    address = person.addresses.get(asked.channel)
    if address is None:
        return _refusal("NO_ADDRESS")
    return _refusal("ADDRESS_UNREACHABLE") if address.unreachable else None


def _held(asked: Asked, person: Person, limits: Sequence[Limit], now: datetime) -> Refusal | None:
    if person.complains and any(limit.held_by_complaint for limit in limits):
        return _refusal("OPEN_COMPLAINT")
    days = max((limit.repeat_days for limit in limits), default=0)
    if not asked.content_key or not days:
        return None
    same = [one.moment for one in person.bookings if one.content_key == asked.content_key and not _is(one, asked)]
    same += [person.touched[asked.content_key]] if asked.content_key in person.touched else []
    free = max(same, default=now - timedelta(days=days)) + timedelta(days=days)
    return _refusal("SENT_LATELY", free) if free > now else None


def _is(booking: Booking, asked: Asked) -> bool:
    """A permit that is taken again does not stand in its own way."""
    return booking.key == asked.occurrence_key


def _hours(asked: Asked, person: Person, limits: Sequence[Limit], now: datetime, windows: Windows) -> Refusal | None:
    """Quiet hours and caps: both hold at the latest moment at which the hand-over may begin, as they do now. A letter wakes nobody."""
    quiet = [limit.quiet for limit in limits if limit.quiet is not None and asked.channel != channel_pb2.CHANNEL_POST]
    capped = [limit for limit in limits if limit.most_per_day is not None and asked.contact_class != LEGAL]
    if not quiet and not capped:
        return None
    zone = zone_of(person.time_zone)
    if zone is None:
        return _refusal("ZONE_UNKNOWN")
    latest = now + windows.reach
    for start, end in quiet:
        for moment in (now, latest):
            if is_quiet(moment, zone, start, end):
                return _refusal("QUIET_HOURS", quiet_until(moment, zone, start, end))
    if not capped:
        return None
    begin, over = day_of(now, zone)
    today = [
        one
        for one in person.bookings
        if begin <= one.moment < over and one.contact_class != LEGAL and not _is(one, asked)
    ]
    for limit in capped:
        if sum(limit.speaks_of(one.channel_class, one.purpose) for one in today) >= (limit.most_per_day or 0):
            return _refusal("CAP_REACHED", over)
    return _refusal("DAY_ENDING", over) if latest >= over else None


# What a holder asks of a permit, by what stands there: a row has contact_permit_id, holding, state, spend_time, expire_time, stop_time.


def spending(row: Any, holding: int, now: datetime, windows: Windows) -> Refusal | None:
    """Returns why a permit may not be spent, None where it may; a repeat within its time is told the same again."""
    if row is None:
        return _refusal("UNKNOWN_PERMIT")
    if row["holding"] != holding:
        return _refusal("SUPERSEDED")
    if row["state"] == TAKEN:
        return None if row["expire_time"] > now else _refusal("EXPIRED")
    if row["state"] == SPENT:
        if row["stop_time"] is not None:
            return _refusal("REVOKED")
        return None if row["spend_time"] + windows.spend > now else _refusal("EXPIRED")
    return _refusal("REVOKED" if row["state"] == REVOKED else "OVER")


def finishing(row: Any, holding: int) -> Refusal | None:
    """Returns why a permit cannot be finished, None where it can or is."""
    if row is None:
        return _refusal("UNKNOWN_PERMIT")
    if row["holding"] != holding:
        return _refusal("SUPERSEDED")
    if row["state"] in (SPENT, FINISHED):
        return None
    return _refusal("OVER" if row["state"] == RETURNED else "REVOKED" if row["state"] == REVOKED else "NOT_SPENT")


def returning(row: Any, holding: int) -> Refusal | None:
    """Returns why a permit cannot be given back, None where it can or is; one that was revoked is as good as returned."""
    if row is None:
        return _refusal("UNKNOWN_PERMIT")
    if row["holding"] != holding:
        return _refusal("SUPERSEDED")
    return _refusal("OVER") if row["state"] == FINISHED else None


def resuming(row: Any, now: datetime, windows: Windows) -> Refusal | None:
    """Returns why a spent permit may not be taken over yet: whoever spent it may still begin."""
    free = row["spend_time"] + windows.spend + windows.margin
    return _refusal("IN_USE", free) if free > now else None
