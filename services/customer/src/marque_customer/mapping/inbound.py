"""Mails and transcripts as the touches and wishes that they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from marque.customer.v1 import inbound_service_pb2 as rpc
from marque.customer.v1 import interaction_pb2, lead_pb2
from marque.type.v1 import channel_pb2
from tradekit import names
from tradekit.mail import Automatic, Mail
from tradekit.vcard import Card

from marque_customer.mapping.times import moment
from marque_customer.rules import birth
from marque_customer.rules.inbound import Incoming, begun
from marque_customer.rules.lead_people import HOME_COUNTRY, Told, contacts_of

LEFT_REASONS = {
    Automatic.LOOP: rpc.INBOUND_LEFT_REASON_LOOP,
    Automatic.BOUNCE: rpc.INBOUND_LEFT_REASON_BOUNCE,
    Automatic.AUTO_REPLY: rpc.INBOUND_LEFT_REASON_AUTO_REPLY,
    Automatic.BULK: rpc.INBOUND_LEFT_REASON_BULK,
    Automatic.MACHINE: rpc.INBOUND_LEFT_REASON_MACHINE,
}
_KINDS = {
    rpc.TRANSCRIPT_KIND_CHAT: (interaction_pb2.INTERACTION_KIND_CHAT, channel_pb2.CHANNEL_WEB),
    rpc.TRANSCRIPT_KIND_FAX: (interaction_pb2.INTERACTION_KIND_FAX, channel_pb2.CHANNEL_FAX),
    rpc.TRANSCRIPT_KIND_MESSAGE: (interaction_pb2.INTERACTION_KIND_MESSAGE, channel_pb2.CHANNEL_MESSAGING),
}
_MOST_COMMENTS = 4000
_LONGEST_OCCUPATION = 100  # characters, as the contract's profile takes


def of_mail(found: Mail, mailbox: str, request: rpc.ReceiveMailRequest, now: datetime) -> Incoming:
    """Returns a mail in the shape of everything that comes in; attachments are named below its text."""
    attached = f"\n[{', '.join(found.attachments)}]" if found.attachments else ""
    values = _touch(interaction_pb2.INTERACTION_KIND_EMAIL, channel_pb2.CHANNEL_EMAIL, found.subject, found.text)
    values |= {"note": (found.text + attached)[:10_000], "occur_time": begun(found.sent_time, now)}
    emails = [found.address] if found.address else []
    wish = None
    if request.intent == rpc.INBOUND_INTENT_LEAD:
        wish = _wish(lead_pb2.LEAD_SOURCE_EMAIL, mailbox, found.subject, found.text)
    return Incoming(
        source="mail",
        sender=f"mail:{mailbox}",
        key=found.key,
        told=_told(found.name, [], emails, HOME_COUNTRY),
        values=values,
        wish=wish,
        dealer_code=request.dealer_code,
        code=found.tracking_code,
        wants_case=request.intent == rpc.INBOUND_INTENT_CASE,
    )


def of_transcript(request: rpc.ReceiveTranscriptRequest, now: datetime) -> Incoming:
    """Returns a transcript in the shape of everything that comes in. Raises InvalidArgument for a time that is none."""
    kind, channel = _KINDS[request.kind]
    occurred = moment(request.occur_time, "occur_time") if request.HasField("occur_time") else None
    wish = None
    if request.intent == rpc.INBOUND_INTENT_LEAD:
        wish = _wish(lead_pb2.LEAD_SOURCE_CONVERSATION, request.source, request.subject, request.text)
    phones, emails, faxes = ([text] if text.strip() else [] for text in (request.phone, request.email, request.fax))
    return Incoming(
        source=request.source,
        sender=f"transcript:{request.source}",
        key=request.external_id,
        told=_told(request.name, phones, emails, request.country_code.upper() or HOME_COUNTRY, faxes),
        values=_touch(kind, channel, request.subject, request.text) | {"occur_time": begun(occurred, now)},
        wish=wish,
        dealer_code=request.dealer_code,
        wants_case=request.intent == rpc.INBOUND_INTENT_CASE,
    )


def of_card(card: Card, request: rpc.ReceiveCardsRequest, now: datetime) -> Incoming:
    """Returns a card in the shape of everything that comes in. Raises InvalidArgument for a time that is none.

    Numbers and addresses that are none are left out (`told.faults` names them): a card is no form that could be sent again.
    """
    occurred = moment(request.occur_time, "occur_time") if request.HasField("occur_time") else None
    country = request.country_code.upper() or HOME_COUNTRY
    contacts, faults = contacts_of(card.phones, card.emails, card.faxes, country)
    given, family = names.tidy(card.given_name), names.tidy(card.family_name)
    whole = names.tidy(card.full_name)
    business = not (given or family or whole) and bool(card.organisation)
    born, wrong = _birth(card, now)
    told = Told(
        names.tidy(card.organisation) if business else whole,
        "" if business else given,
        "" if business else family,
        business,
        contacts,
        (*faults, *wrong),
        country,
        card.lines,
        card.city,
        card.province,
        card.postal_code,
        birth_date=0 if business else born,
        occupation="" if business else names.tidy(card.title)[:_LONGEST_OCCUPATION],
    )
    work = ", ".join(text for text in (card.organisation, card.title) if text)
    text = "\n".join(text for text in (work, card.note) if text)[:10_000]
    values = _touch(interaction_pb2.INTERACTION_KIND_VISIT, channel_pb2.CHANNEL_IN_PERSON, request.source, text)
    wish = None
    if request.intent == rpc.INBOUND_INTENT_LEAD:
        wish = _wish(lead_pb2.LEAD_SOURCE_CARD, request.source, request.source, text)
    return Incoming(
        source=request.source,
        sender=f"cards:{request.source}",
        key=card.key,
        told=told,
        values=values | {"occur_time": begun(occurred, now)},
        wish=wish,
        dealer_code=request.dealer_code,
        wants_case=request.intent == rpc.INBOUND_INTENT_CASE,
    )


def _birth(card: Card, now: datetime) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Returns the day of birth on a card, 0 for none, and what was wrong with it."""
    if card.birth is None:
        return 0, ()
    try:
        return birth.number(*card.birth, now.date()), ()
    except ValueError:
        return 0, (("birth_date", "BIRTH_DATE_INVALID"),)


def _told(name: str, phones: list[str], emails: list[str], country: str, faxes: Sequence[str] = ()) -> Told:
    contacts, faults = contacts_of(phones, emails, faxes, country)
    wrong = tuple((path.partition("[")[0], code) for path, code in faults)
    return Told(names.tidy(name), "", "", False, contacts, wrong, country)


def _touch(kind: int, channel: int, subject: str, text: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "direction": interaction_pb2.INTERACTION_DIRECTION_INBOUND,
        "channel": channel,
        "subject": subject,
        "note": text,
        "subject_key": "",
        "subject_params": {},
        "duration_seconds": None,
        "outcome": "",
        "staff_id": None,
        "vin": "",
        "next_step": "",
        "next_step_time": None,
    }


def _wish(source: int, detail: str, subject: str, text: str) -> dict[str, Any]:
    return {
        "source": source,
        "source_detail": detail[:100],
        "interest": {"kind": int(lead_pb2.LEAD_INTEREST_KIND_BUY)},
        "comments": f"{subject}\n{text}".strip()[:_MOST_COMMENTS],
    }
