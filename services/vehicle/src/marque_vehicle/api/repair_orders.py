"""marque.vehicle.v1.RepairOrderService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.vehicle.v1 import repair_order_service_pb2
from servicekit import fields
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.roles import COMMERCIAL, NARRATIVE, PERSON, visible_classes
from servicekit.rpc.call import Call
from servicekit.rpc.hidden import merges_hidden

from marque_vehicle.api.scoping import customers_of, dealer_of
from marque_vehicle.clients import Customers
from marque_vehicle.errors import RepairOrderNotFound
from marque_vehicle.mapping import repair_orders as mapping
from marque_vehicle.mapping import sums
from marque_vehicle.repository import repair_orders as repository
from marque_vehicle.repository import scope as scopes
from marque_vehicle.rules import vins
from marque_vehicle.usecases import repair_orders as usecases
from marque_vehicle.usecases import warranty_claims

_LINE_FIELDS = {
    COMMERCIAL: ("amount",),
    PERSON: ("technician_staff_id",),
    NARRATIVE: ("complaint", "cause", "correction"),
}


class RepairOrderApi:
    """marque.vehicle.v1.RepairOrderService."""

    service = "marque.vehicle.v1.RepairOrderService"

    def __init__(self, work: Work, customers: Customers) -> None:
        self._work = work
        self._customers = customers

    async def OpenRepairOrder(self, request: Any, call: Call) -> Any:
        reader, message = self._work.reader, request.repair_order
        values = mapping.opening(message)
        scope = await scopes.visible_to(reader, call.principal)
        values["dealer_id"], _ = await dealer_of(reader, scope, message.dealer_id, "repair_order.dealer_id")
        values["customer_id"] = (
            await self._customers.require(message.customer_id, scope.asks_for) if message.customer_id else None
        )
        return await usecases.open_repair_order(
            uow=self._work(call, mapping.rendered(call)),
            scope=scope,
            vin=vins.tidy(message.vin),
            values=values,
            entry=mapping.stage_entry,
        )

    async def GetRepairOrder(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await repository.get_repair_order(self._work.reader, scope, uuid.UUID(request.repair_order_id))
        if row is None:
            raise RepairOrderNotFound(repair_order_id=request.repair_order_id)
        return mapping.repair_order_for(call)(row)

    async def ListRepairOrders(self, request: Any, call: Call) -> Any:
        reader, page = self._work.reader, page_of(request)
        order = Order.of(request.order_by, "open_time desc", "repair_order_id")
        after = page_key(page, moment, uuid.UUID)
        filters = {**mapping.filters(request), "vin": vins.tidy(request.vin)}
        scope = await scopes.visible_to(reader, call.principal)
        if scope.nothing:
            return repair_order_service_pb2.ListRepairOrdersResponse()
        customers = await customers_of(reader, request.customer_id)
        rows = await repository.list_repair_orders(reader, scope, filters, customers, order, page, after)
        shown, token = page.cut(rows, lambda row: (row[order.column], str(row["repair_order_id"])))
        render = mapping.repair_order_for(call)
        return repair_order_service_pb2.ListRepairOrdersResponse(
            repair_orders=[render(row) for row in shown], next_page_token=token
        )

    @merges_hidden("lines")
    async def UpdateRepairOrder(self, request: Any, call: Call) -> Any:
        message = request.repair_order
        values = mapping.update(message, request.update_mask)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        if values.get("customer_id"):
            await self._customers.require(message.customer_id, scope.asks_for)
        return await usecases.update_repair_order(
            uow=self._work(call, mapping.rendered(call)),
            scope=scope,
            repair_order_id=_id(message.repair_order_id),
            values=values,
            hidden=_hidden(call),
            etag=message.etag,
        )

    async def AdvanceRepairOrderStage(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        return await usecases.advance_stage(
            uow=self._work(call, mapping.rendered(call)),
            scope=scope,
            repair_order_id=uuid.UUID(request.repair_order_id),
            stage=request.stage,
            reached=fields.as_moment(request, "reach_time"),
            promised=fields.as_moment(request, "promised_time"),
            told_owner=request.told_owner,
            etag=request.etag,
            entry=mapping.stage_entry,
        )

    async def CloseRepairOrder(self, request: Any, call: Call) -> Any:
        currency = sums.Currency()
        lines = mapping.lines_of(request.lines, currency, "lines")
        scope = await scopes.visible_to(self._work.reader, call.principal)
        return await usecases.close_repair_order(
            uow=self._work(call, mapping.rendered(call)),
            scope=scope,
            repair_order_id=uuid.UUID(request.repair_order_id),
            closed=fields.as_moment(request, "close_time"),
            odometer_out_km=request.odometer_out_km,
            lines=lines,
            currency=currency.code,
            etag=request.etag,
        )

    async def ReverseRepairOrder(self, request: Any, call: Call) -> Any:
        return await warranty_claims.reverse_repair_order(
            uow=self._work(call, mapping.rendered(call)),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            repair_order_id=uuid.UUID(request.repair_order_id),
            reason=request.reason,
            etag=request.etag,
        )


def _id(value: str) -> uuid.UUID:
    """The id of an order in a body: a text that is none names no order that anybody could see."""
    try:
        return uuid.UUID(value)
    except ValueError:
        raise RepairOrderNotFound(repair_order_id="") from None


def _hidden(call: Call) -> frozenset[str]:
    """What of a line the caller cannot see."""
    visible = visible_classes(call.principal.roles)
    return frozenset(name for kind, names in _LINE_FIELDS.items() if kind not in visible for name in names)
