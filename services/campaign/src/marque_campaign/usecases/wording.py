"""What a line of the ledger says to its person: the words in their language, and for a mail the links that it carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from marque.customer.v1 import consent_pb2, contact_permit_pb2
from marque.type.v1 import channel_pb2
from servicekit.db.engine import Reader
from servicekit.permits import Held, Spent
from servicekit.sealing.tokens import Digest, Digests

from marque_campaign import events
from marque_campaign.clients import Outgoing, controller_of
from marque_campaign.models import Campaign
from marque_campaign.repository import bounces
from marque_campaign.rules import kinds
from marque_campaign.rules.again import CALL_DAYS, CallOrder, about_of, call_number
from marque_campaign.rules.dressing import Dresser
from marque_campaign.rules.letters import Postal
from marque_campaign.rules.templates import Message, Template

ADDRESS = "campaign-address"
"""What the keyed hash of an address is for."""


class Wording:
    """Writes messages. Without a dresser, nothing is put into mails; `digests` are the keyed hashes of a value, the current one first."""

    def __init__(self, dresser: Dresser | None, digest: Digest, digests: Digests) -> None:
        self._dresser = dresser
        self._digest = digest
        self._digests = digests

    def write(
        self, template: Template, campaign: Campaign, language: str, person: dict[int, str], carried: Mapping[int, str]
    ) -> Message:
        """Returns the words of a template for somebody; `carried`: what of the campaign's event and offer. Raises Unrenderable."""
        return template.render(language, template.values(person, campaign.given, carried))

    def outgoing(self, campaign: Campaign, row: Any, permit: Spent, message: Message, *, seen: bool) -> Outgoing:
        """Returns what leaves under a permit."""
        channel, told = channel_pb2.Channel.Name(row.channel).removeprefix("CHANNEL_"), permit.permit
        if row.channel == kinds.PHONE:
            order = _order(campaign, told.customer_id)
            return Outgoing(str(row.send_id), channel, told.address, message, begin=permit.begin, call=order)
        if self._dresser is None or row.channel != kinds.EMAIL:
            return Outgoing(str(row.send_id), channel, told.address, message, told.provider, begin=permit.begin)
        may_stop = not campaign.legal_notice
        made = self._dresser.dress(row.send_id, message, may_stop=may_stop, seen=seen)
        return Outgoing(
            str(row.send_id), channel, told.address, made.message, told.provider, permit.begin, made.unsubscribe,
            made.message_id,
        )  # fmt: skip

    def hash_of(self, permit: Held | Spent) -> str:
        """Returns the keyed hash of the address of a permit, by which it is known that it can get nothing any more."""
        return self._digest(_address(permit), ADDRESS)

    async def gone(self, reader: Reader, permits: Sequence[Held | Spent]) -> set[str]:
        """Returns the addresses of permits to which nothing is sent any more."""
        by_hash = {one: address for address in map(_address, permits) for one in self._digests(address, ADDRESS)}
        marked = await bounces.marked(reader, list(by_hash)) if by_hash else set()
        return {by_hash[one] for one in marked}


def is_gone(permit: Held | Spent, gone: set[str]) -> bool:
    """Tells whether a permit is for one of some addresses."""
    return _address(permit) in gone


def contact_of(campaign: Campaign, row: Any, *, resume: bool) -> contact_permit_pb2.Contact:
    """Returns what the gate is asked for a line; `resume`: somebody who is gone may have begun it, and it may be begun again.

    Where the campaign counts who opens its mails, the permit tells whether the person agreed to that.
    """
    legal = campaign.legal_notice
    consented, notice = contact_permit_pb2.CONTACT_CLASS_CONSENTED, contact_permit_pb2.CONTACT_CLASS_LEGAL_NOTICE
    return contact_permit_pb2.Contact(
        customer_id=str(row.customer_id),
        occurrence_key=events.occurrence_key(row),
        channel=row.channel,
        contact_class=notice if legal else consented,
        purpose=consent_pb2.CONSENT_PURPOSE_UNSPECIFIED if legal else campaign.purpose,  # type: ignore[arg-type]
        controller=controller_of(campaign.dealer_id),
        # A call in vain said nothing, so the next one says nothing again.
        content_key="" if call_number(row.occurrence) > 1 else campaign.content_of(row.channel),
        vin=about_of(row.occurrence) if campaign.recall_id is not None else "",
        resume=resume,
        further_purpose=kinds.PROFILING if campaign.track_opens and row.channel == kinds.EMAIL else 0,  # type: ignore[arg-type]
    )


def _order(campaign: Campaign, customer_id: str) -> CallOrder:
    """Returns what the task of a call needs; `customer_id` is who the person is now."""
    return CallOrder(
        customer_id=customer_id,
        campaign_id=str(campaign.campaign_id),
        dealer_id=str(campaign.dealer_id or ""),
        purpose=0 if campaign.legal_notice else campaign.purpose,
        title=campaign.name,
        days=campaign.call_days or CALL_DAYS,
    )


def hashes_of(wording: Wording, some: Sequence[Any]) -> dict[UUID, str]:
    """Returns the hashes of the addresses to which lines are handed over, by line."""
    return {one.row.send_id: wording.hash_of(one.permit) for one in some}


def postal_of(permit: Held | Spent) -> Postal:
    """Returns the postal address for which a permit is."""
    told = permit.permit.postal_address
    lines = tuple(one.strip() for one in told.lines if one.strip())
    return Postal(told.country_code, told.province, told.city, told.district, lines, told.postal_code)


def _address(permit: Held | Spent) -> str:
    """What is known to get nothing any more: a mailbox or number, of letters a person at an address, where others may live."""
    if permit.permit.HasField("postal_address"):
        return f"{permit.permit.customer_id}\n{postal_of(permit).key}"
    return str(permit.permit.address).strip().lower()
