"""marque.campaign.v1.OfferCodeService."""

from __future__ import annotations

from typing import Any

from servicekit import fields
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import owner_of
from marque_campaign.mapping import invitations as mapping
from marque_campaign.repository import scope as scopes
from marque_campaign.usecases import offers as usecases


class OfferCodeApi:
    """marque.campaign.v1.OfferCodeService."""

    service = "marque.campaign.v1.OfferCodeService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def GetOfferCode(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await usecases.look(reader=self._work.reader, scope=scope, text=request.code)
        return mapping.code_message(row, now())

    async def RedeemOfferCode(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await usecases.look(reader=self._work.reader, scope=scope, text=request.code)
        dealer = await owner_of(self._work, scope, request.dealer_id or fields.text(row["dealer_id"]), "dealer_id")
        if dealer is None:
            raise InvalidArgument.of("dealer_id", "DEALER_MISSING", "Name the dealer.")
        till = usecases.Till(dealer, fields.uuid_or_none(request.customer_id))
        uow = self._work(call, lambda made: mapping.code_message(made, now()))
        return await usecases.redeem(uow=uow, code=row["code"], till=till)
