"""Codes of offers are looked at and redeemed where people show them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from servicekit.db.engine import Reader
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_campaign.errors import OfferCodeNotFound, OfferCodeStateNotAllowed
from marque_campaign.mapping.invitations import document, moments
from marque_campaign.repository import offers as repository
from marque_campaign.repository.responses import Line
from marque_campaign.repository.scope import Scope
from marque_campaign.rules import codes, kinds
from marque_campaign.usecases import responding
from marque_campaign.usecases.responding import Deed


@dataclass(frozen=True, slots=True)
class Till:
    """Where a code is redeemed, and by whom (None: by whoever it was given to)."""

    dealer_id: uuid.UUID
    customer_id: uuid.UUID | None


async def look(*, reader: Reader, scope: Scope, text: str) -> Any:
    """Returns a code that the caller may redeem. Raises OfferCodeNotFound."""
    # What is no code at all is asked for as well: how long the answer takes tells nobody anything.
    row = await repository.find(reader, scope, codes.typed(text) or "")
    if row is None:
        raise OfferCodeNotFound()
    return row


async def redeem(*, uow: UnitOfWork, code: str, till: Till) -> Any:
    """Redeems a code that the caller may, once. Raises OfferCodeStateNotAllowed, InvalidArgument."""
    async with uow:
        row = await repository.lock(uow.session, code)
        offer = document(row.offer) or {}
        shared = row.customer_id is None
        person = till.customer_id if shared else row.customer_id
        if person is None:
            raise InvalidArgument.of("customer_id", "CUSTOMER_MISSING", "A shared code needs who redeems it.")
        start, end = moments(offer)
        standing = codes.standing(
            redeemed=row.redeem_time is not None,
            cancelled=row.state == kinds.CANCELLED,
            valid_from=start,
            valid_until=end,
            now=uow.now,
        )
        written = {
            "code": code,
            "once_key": str(person) if shared else "",
            "customer_id": person,
            "dealer_id": till.dealer_id,
            "redeem_time": uow.now,
            "redemption_id": uuid.uuid4(),
        }
        if standing == codes.OPEN and not await repository.redeem(uow.session, written):
            standing = codes.REDEEMED
        if standing != codes.OPEN:
            raise OfferCodeStateNotAllowed(state=codes.STATE_NAMES[standing])
        uow.audit("redeem", "offer_code", str(row.campaign_id))
        line = Line(row.send_id, row.campaign_id) if row.send_id is not None else None
        key = f"redemption:{written['redemption_id']}"
        await responding.responded(uow, [Deed(kinds.REDEMPTION, key, person, till.dealer_id, uow.now, line)])
        told = {
            "redeem_customer_id": person,
            "redeem_dealer_id": till.dealer_id,
            "redeem_time": uow.now,
        }
        return await uow.answer({**row._mapping, **told})
