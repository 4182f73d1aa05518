"""The servicers of the vehicle service: read the request, call the use case, render the answer."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_vehicle import mapping, repository, usecases
from marque_vehicle.errors import SaleNotFound


class SaleApi:
    """marque.vehicle.v1.SaleService."""

    service = "marque.vehicle.v1.SaleService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def RecordSale(self, request: Any, call: Call) -> Any:
        values = mapping.sale_values(request.sale, call.principal)
        return await usecases.record_sale(uow=self._work(call, mapping.sale_for(call)), values=values)

    async def GetSale(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            sale = await repository.get_sale(session, call.principal, uuid.UUID(request.sale_id))
        if sale is None:
            raise SaleNotFound(sale_id=request.sale_id)
        return mapping.sale_for(call)(sale)

    async def ListSales(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        async with self._work.read() as session:
            rows = await repository.list_sales(
                session, call.principal, mapping.sale_filters(request), page, mapping.sale_key(page)
            )
        return mapping.sale_page(rows, page, call)

    async def ReverseSale(self, request: Any, call: Call) -> Any:
        uow = self._work(call, mapping.sale_for(call))
        return await usecases.reverse_sale(
            uow=uow, sale_id=uuid.UUID(request.sale_id), reason=request.reason, etag=request.etag
        )
