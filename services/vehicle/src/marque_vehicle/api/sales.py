"""marque.vehicle.v1.SaleService."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from marque.vehicle.v1 import sale_service_pb2
from servicekit.db.base import now
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.api.scoping import customers_of, dealer_of
from marque_vehicle.clients import Customers
from marque_vehicle.errors import SaleNotFound
from marque_vehicle.mapping import sales as mapping
from marque_vehicle.repository import sales as repository
from marque_vehicle.repository import scope as scopes
from marque_vehicle.rules import days, vins
from marque_vehicle.usecases import sales as usecases
from marque_vehicle.usecases.vehicles import check_vin


class SaleApi:
    """marque.vehicle.v1.SaleService."""

    service = "marque.vehicle.v1.SaleService"

    def __init__(self, work: Work, customers: Customers) -> None:
        self._work = work
        self._customers = customers

    async def RecordSale(self, request: Any, call: Call) -> Any:
        reader, message = self._work.reader, request.sale
        values = mapping.sale_values(message)
        usecases.check_days(values["invoice_date"], values["delivery_date"], now().date())
        scope = await scopes.visible_to(reader, call.principal)
        dealer, zone = await dealer_of(reader, scope, message.dealer_id, "sale.dealer_id")
        values |= {
            "vin": check_vin(message.vin, "", "sale.vin")
            if not vins.check(message.vin, "").shape
            else vins.tidy(message.vin),
            "dealer_id": dealer,
            "start_time": days.beginning(values["delivery_date"] or values["invoice_date"], zone),
            "buyer_customer_id": await self._customers.require(message.buyer_customer_id, scope.asks_for),
        }
        uow = self._work(call, mapping.rendered(call))
        return await usecases.record_sale(uow=uow, values=values, ends_current=request.ends_current_ownership)

    async def GetSale(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await repository.get_sale(self._work.reader, scope, uuid.UUID(request.sale_id))
        if row is None:
            raise SaleNotFound(sale_id=request.sale_id)
        return mapping.sale_for(call)(row)

    async def ListSales(self, request: Any, call: Call) -> Any:
        reader, page = self._work.reader, page_of(request)
        order = Order.of(request.order_by, "invoice_date desc", "sale_id")
        after = page_key(page, date.fromisoformat if order.column == "invoice_date" else moment, uuid.UUID)
        filters = {**mapping.sale_filters(request), "vin": vins.tidy(request.vin)}
        scope = await scopes.visible_to(reader, call.principal)
        if scope.nothing:
            return sale_service_pb2.ListSalesResponse()
        customers = await customers_of(reader, request.buyer_customer_id)
        rows = await repository.list_sales(reader, scope, filters, customers, order, page, after)
        return mapping.sale_page(rows, page, order.column, call)

    async def ReverseSale(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        sale_id = uuid.UUID(request.sale_id)
        vin = await repository.vin_of(self._work.reader, scope, sale_id)
        if vin is None:
            raise SaleNotFound(sale_id=sale_id)
        return await usecases.reverse_sale(
            uow=self._work(call, mapping.rendered(call)),
            scope=scope,
            sale_id=sale_id,
            vin=vin,
            reason=request.reason,
            etag=request.etag,
        )
