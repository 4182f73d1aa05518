"""marque.vehicle.v1.PartsOrderService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.vehicle.v1 import parts_order_service_pb2
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.api.scoping import dealer_of
from marque_vehicle.errors import PartsOrderNotFound
from marque_vehicle.mapping import parts_orders as mapping
from marque_vehicle.repository import parts_orders as repository
from marque_vehicle.repository import scope as scopes
from marque_vehicle.usecases import parts_orders as usecases


class PartsOrderApi:
    """marque.vehicle.v1.PartsOrderService."""

    service = "marque.vehicle.v1.PartsOrderService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def PlacePartsOrder(self, request: Any, call: Call) -> Any:
        reader, message = self._work.reader, request.parts_order
        scope = await scopes.visible_to(reader, call.principal)
        values = mapping.values_of(message)
        values["dealer_id"], _ = await dealer_of(reader, scope, message.dealer_id, "parts_order.dealer_id")
        return await usecases.place(uow=self._work(call, mapping.rendered), values=values)

    async def GetPartsOrder(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await repository.get_order(self._work.reader, scope, uuid.UUID(request.parts_order_id))
        if row is None:
            raise PartsOrderNotFound()
        return mapping.order_message(row)

    async def ListPartsOrders(self, request: Any, call: Call) -> Any:
        page, order = page_of(request), Order.of(request.order_by, "order_time desc", "parts_order_id")
        after = page_key(page, moment, uuid.UUID)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        rows = await repository.list_orders(self._work.reader, scope, mapping.filters(request), order, page, after)
        shown, token = page.cut(rows, lambda row: (row["order_time"], str(row["parts_order_id"])))
        return parts_order_service_pb2.ListPartsOrdersResponse(
            parts_orders=[mapping.order_message(row) for row in shown], next_page_token=token
        )

    async def PromisePartsOrder(self, request: Any, call: Call) -> Any:
        day = fields.as_day(request, "promised_date")
        assert day is not None  # the contract requires it
        return await usecases.promise(**await self._named(request, call), day=day)

    async def ReceivePartsOrder(self, request: Any, call: Call) -> Any:
        arrived = fields.as_moment(request, "arrive_time")
        return await usecases.receive(**await self._named(request, call), moment=arrived)

    async def CancelPartsOrder(self, request: Any, call: Call) -> Any:
        return await usecases.cancel(**await self._named(request, call), reason=request.reason)

    async def ListPartsFillRates(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, uuid.UUID)
        first, last = mapping.span(request, now().date())
        scope = await scopes.visible_to(self._work.reader, call.principal)
        dealer = fields.uuid_or_none(request.dealer_id)
        rows = await repository.fill_rates(self._work.reader, scope, dealer, first, last, page, after)
        shown, token = page.cut(rows, lambda row: (str(row["dealer_id"]),))
        return parts_order_service_pb2.ListPartsFillRatesResponse(
            fill_rates=[mapping.rate_message(row) for row in shown], next_page_token=token
        )

    async def _named(self, request: Any, call: Call) -> dict[str, Any]:
        """What every verb on an order is given."""
        return {
            "uow": self._work(call, mapping.rendered),
            "scope": await scopes.visible_to(self._work.reader, call.principal),
            "parts_order_id": uuid.UUID(request.parts_order_id),
            "etag": request.etag,
        }
