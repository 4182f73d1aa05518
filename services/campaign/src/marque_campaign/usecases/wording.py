"""What a line of the ledger says to its person: the words in their language, and for a mail the links that it carries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from marque.customer.v1 import consent_pb2, contact_permit_pb2
from marque.type.v1 import channel_pb2
from servicekit.db.engine import Reader
from servicekit.permits import Held, Spent

from marque_campaign.clients import Customers, Outgoing, Provider, controller_of
from marque_campaign.models import Campaign
from marque_campaign.repository import bounces
from marque_campaign.rules import kinds, links
from marque_campaign.rules.dressing import Dresser
from marque_campaign.rules.templates import Message

ADDRESS = "campaign-address"
"""What the keyed hash of an address is for."""


class Wording:
    """Writes messages. Without a dresser, nothing is put into mails; `digests` are the keyed hashes of a value, the current one first."""

    def __init__(
        self, customers: Customers, dresser: Dresser | None, digest: links.Digest, digests: links.Digests
    ) -> None:
        self._customers = customers
        self._dresser = dresser
        self._digest = digest
        self._digests = digests

    def write(self, campaign: Campaign, language: str, person: dict[int, str], variant: str) -> Message:
        """Returns the words of a variant for somebody. Raises Unrenderable."""
        template = campaign.template_of(variant)
        return template.render(language, template.values(person, campaign.given))

    async def seen(self, campaign: Campaign, customer_ids: Sequence[str]) -> set[str]:
        """Returns those of whom may be counted whether they open a mail: where the campaign asks for it and they agreed to profiling."""
        if not (campaign.track_opens and self._dresser is not None):
            return set()
        controller, asked = controller_of(campaign.dealer_id), sorted(set(customer_ids))
        told = await asyncio.gather(*(self._customers.granted(one, kinds.PROFILING, 0, controller) for one in asked))
        return {one for one, agreed in zip(asked, told, strict=True) if agreed}

    def outgoing(self, campaign: Campaign, row: Any, permit: Spent, message: Message, *, seen: bool) -> Outgoing:
        """Returns what leaves under a permit."""
        channel, told = channel_pb2.Channel.Name(campaign.channel).removeprefix("CHANNEL_"), permit.permit  # type: ignore[arg-type]
        if self._dresser is None or campaign.channel != kinds.EMAIL:
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


def contact_of(campaign: Campaign, row: Any, provider: Provider, *, resume: bool) -> contact_permit_pb2.Contact:
    """Returns what the gate is asked for a line; `resume`: somebody who is gone began it."""
    legal = campaign.legal_notice
    consented, notice = contact_permit_pb2.CONTACT_CLASS_CONSENTED, contact_permit_pb2.CONTACT_CLASS_LEGAL_NOTICE
    return contact_permit_pb2.Contact(
        customer_id=str(row.customer_id),
        occurrence_key=f"campaign:{campaign.campaign_id}:{row.step}:{row.occurrence}",
        channel=campaign.channel,  # type: ignore[arg-type]
        contact_class=notice if legal else consented,
        purpose=consent_pb2.CONSENT_PURPOSE_UNSPECIFIED if legal else campaign.purpose,  # type: ignore[arg-type]
        controller=controller_of(campaign.dealer_id),
        content_key=str(campaign.template_id),
        resume=resume and provider.repeatable,
    )


def hashes_of(wording: Wording, some: Sequence[Any]) -> dict[UUID, str]:
    """Returns the hashes of the addresses to which lines are handed over, by line."""
    return {one.row.send_id: wording.hash_of(one.permit) for one in some}


def _address(permit: Held | Spent) -> str:
    return str(permit.permit.address).strip().lower()
