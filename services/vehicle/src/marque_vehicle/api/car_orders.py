"""marque.vehicle.v1.CarOrderService."""

from __future__ import annotations

import hmac
import uuid
from typing import Any

from marque.vehicle.v1 import car_order_service_pb2
from servicekit import fields
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.api.scoping import customers_of, dealer_of, id_of
from marque_vehicle.clients import Customers
from marque_vehicle.errors import CarOrderNotFound
from marque_vehicle.mapping import car_orders as mapping
from marque_vehicle.repository import car_orders as repository
from marque_vehicle.repository import plant_messages
from marque_vehicle.repository import scope as scopes
from marque_vehicle.rules import vins
from marque_vehicle.usecases import car_orders as usecases


class CarOrderApi:
    """marque.vehicle.v1.CarOrderService."""

    service = "marque.vehicle.v1.CarOrderService"

    def __init__(self, work: Work, customers: Customers) -> None:
        self._work = work
        self._customers = customers

    async def PlaceCarOrder(self, request: Any, call: Call) -> Any:
        message = request.car_order
        scope = await scopes.visible_to(self._work.reader, call.principal)
        dealer, _ = await dealer_of(self._work.reader, scope, message.dealer_id, "car_order.dealer_id")
        values = {**mapping.creation(message), "dealer_id": dealer}
        values["customer_id"] = await self._customer(message.customer_id, scope)
        return await usecases.place(uow=self._work(call, mapping.rendered(call)), values=values)

    async def GetCarOrder(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await repository.get_order(self._work.reader, scope, uuid.UUID(request.order_id))
        if row is None:
            raise CarOrderNotFound()
        return mapping.order_for(call)(row)

    async def ListCarOrders(self, request: Any, call: Call) -> Any:
        reader, page = self._work.reader, page_of(request)
        order = Order.of(request.order_by, "update_time desc", "order_id")
        after = page_key(page, moment, uuid.UUID)
        scope = await scopes.visible_to(reader, call.principal)
        if scope.nothing:
            return car_order_service_pb2.ListCarOrdersResponse()
        filters = {name: getattr(request, name) for name in ("dealer_id", "order_code", "state", "stage", "late_only")}
        filters["vin"] = vins.tidy(request.vin)
        customers = await customers_of(reader, request.customer_id)
        rows = await repository.list_orders(reader, scope, filters, customers, order, page, after)
        shown, token = page.cut(rows, lambda row: (row[order.column], str(row["order_id"])))
        render = mapping.order_for(call)
        return car_order_service_pb2.ListCarOrdersResponse(
            car_orders=[render(row) for row in shown], next_page_token=token
        )

    async def UpdateCarOrder(self, request: Any, call: Call) -> Any:
        message = request.car_order
        order_id = id_of(message.order_id, CarOrderNotFound())
        values = mapping.update(message, request.update_mask)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        if "customer_id" in values:
            values["customer_id"] = await self._customer(values["customer_id"], scope)
        uow = self._work(call, mapping.rendered(call))
        return await usecases.update(uow=uow, scope=scope, order_id=order_id, values=values, etag=message.etag)

    async def CancelCarOrder(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        return await usecases.cancel(
            uow=self._work(call, mapping.rendered(call)),
            scope=scope,
            order_id=uuid.UUID(request.order_id),
            reason=request.reason,
            etag=request.etag,
        )

    async def ReceiveCarOrder(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        return await usecases.receive(
            uow=self._work(call, mapping.rendered(call)),
            scope=scope,
            order_id=uuid.UUID(request.order_id),
            stage=request.stage,
            reached=fields.as_moment(request, "reach_time"),
            etag=request.etag,
        )

    async def TrackCarOrder(self, request: Any, call: Call) -> Any:
        row = await repository.by_code(self._work.reader, request.order_code)
        held = row["tracking_code"] if row is not None else ""
        if not (hmac.compare_digest(held.encode(), request.tracking_code.encode()) and held and row is not None):
            raise CarOrderNotFound()
        return mapping.track(row)

    async def ListPlantMessages(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        rows = await plant_messages.list_messages(
            self._work.reader, request.order_code, request.state, page, page_key(page, moment, str)
        )
        shown, token = page.cut(rows, lambda row: (row["receive_time"], row["message_id"]))
        return car_order_service_pb2.ListPlantMessagesResponse(
            messages=[mapping.plant_message(row) for row in shown], next_page_token=token
        )

    async def _customer(self, customer_id: str, scope: scopes.Scope) -> uuid.UUID | None:
        return await self._customers.require(customer_id, scope.asks_for) if customer_id else None
