"""Cards of people, as a fair collects them: each once for its source, all of a document or none."""

from __future__ import annotations

import asyncio
from typing import Any

from marque.customer.v1 import inbound_service_pb2 as rpc
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from tradekit import vcard

from marque_customer.mapping import inbound as mapping
from marque_customer.repository import lead_work
from marque_customer.rules.inbound import Incoming
from marque_customer.usecases import inbound


async def receive(*, uow: UnitOfWork, request: rpc.ReceiveCardsRequest) -> Any:
    """Takes the cards of a document. Raises InvalidArgument for one of which no card can be read."""
    try:
        cards = await asyncio.to_thread(vcard.read, request.document)
    except vcard.VcardError as error:
        raise InvalidArgument.of("document", error.reason.value, str(error)) from None
    answer = rpc.ReceiveCardsResponse()
    async with uow:
        found = [(card.number, mapping.of_card(card, request, uow.now)) for card in cards]
        dealer_id = await inbound.dealer(uow, request.dealer_code)
        # All at once and in one order: two documents about the same people never wait for each other.
        keys = {(contact.kind, contact.match_key) for _, one in found for contact in one.told.contacts}
        await lead_work.lock_contacts(uow.session, sorted(keys))
        for number, incoming in found:
            receipt = await _one(uow, inbound.owned(uow, incoming, dealer_id), dealer_id)
            answer.results.add(number=number, receipt=receipt, faults=[path for path, _ in incoming.told.faults])
        return await uow.answer(answer)


async def _one(uow: UnitOfWork, incoming: Incoming, dealer_id: Any) -> rpc.InboundReceipt:
    before = await inbound.known(uow, incoming)
    if before is not None:
        return before
    if not incoming.told.contacts:  # nothing is kept of it: whoever collected it may send it again, mended
        return rpc.InboundReceipt(outcome=rpc.INBOUND_OUTCOME_REJECTED)
    receipt = await inbound.take(uow, incoming, dealer_id)
    await uow.flush()
    return receipt
