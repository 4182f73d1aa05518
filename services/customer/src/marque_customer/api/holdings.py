"""The servicer of holdings."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

from marque.customer.v1 import holding_service_pb2
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.errors import HoldingNotFound
from marque_customer.mapping import holdings as mapping
from marque_customer.mapping.interactions import own_dealer
from marque_customer.mapping.leads import amount
from marque_customer.repository import holdings as repository
from marque_customer.rules.tiers import RENEWAL_DAYS
from marque_customer.usecases import holdings as usecases
from marque_customer.usecases.lifecycle.reading import seen


class HoldingApi:
    """marque.customer.v1.HoldingService."""

    service = "marque.customer.v1.HoldingService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateHolding(self, request: Any, call: Call) -> Any:
        values = mapping.values(request.holding)
        values["dealer_id"] = own_dealer(request.holding.dealer_id, call.principal, "holding.dealer_id")
        return await usecases.create(uow=self._work(call, mapping.holding_for(call)), values=values)

    async def GetHolding(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read(session, call.principal, uuid.UUID(request.holding_id))
        if row is None:
            raise HoldingNotFound(holding_id=request.holding_id)
        return mapping.holding_for(call)(row)

    async def ListHoldings(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by != "create_time"
        async with self._work.read() as session:
            family = await seen(session, call.principal, uuid.UUID(request.customer_id))
            rows = await repository.page(
                session, call.principal, family, mapping.filters(request), descending, page, after
            )
        found = page.cut(rows, lambda row: (row.create_time, str(row.holding_id)))
        return mapping.page(call, holding_service_pb2.ListHoldingsResponse, *found)

    async def ListDueRenewals(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, date.fromisoformat, uuid.UUID)
        before = (now() + timedelta(days=(request.within_days or RENEWAL_DAYS) + 1)).date()
        async with self._work.read() as session:
            rows = await repository.renewals(session, call.principal, before, mapping.filters(request), page, after)
        found = page.cut(rows, lambda row: (row.renewal_date.isoformat(), str(row.holding_id)))
        return mapping.page(call, holding_service_pb2.ListDueRenewalsResponse, *found)

    async def RenewHolding(self, request: Any, call: Call) -> Any:
        return await usecases.renew(
            **self._one(request, call),
            end_date=mapping.optional_day(request, "end_date", "end_date"),
            renewal_date=mapping.optional_day(request, "renewal_date", "renewal_date"),
            value=amount(request.value, "value") if request.HasField("value") else None,
        )

    async def EndHolding(self, request: Any, call: Call) -> Any:
        return await usecases.end(**self._one(request, call), state=request.state, reason=request.reason)

    def _one(self, request: Any, call: Call) -> dict[str, Any]:
        uow = self._work(call, mapping.holding_for(call))
        return {"uow": uow, "holding_id": uuid.UUID(request.holding_id), "etag": request.etag}
