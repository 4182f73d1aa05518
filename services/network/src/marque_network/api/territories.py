"""The servicer of territories."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_network.api.dealers import id_of
from marque_network.errors import TerritoryNotFound
from marque_network.mapping import territories as mapping
from marque_network.mapping.dealers import dealer_filters
from marque_network.repository import territories as repository
from marque_network.usecases import territories as usecases


class DealerTerritoryApi:
    """marque.network.v1.DealerTerritoryService."""

    service = "marque.network.v1.DealerTerritoryService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateDealerTerritory(self, request: Any, call: Call) -> Any:
        values = mapping.territory_values(request.territory)
        return await usecases.create_territory(uow=self._work(call, mapping.territory_message), values=values)

    async def GetDealerTerritory(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read_territory(session, call.principal, uuid.UUID(request.territory_id))
        if row is None:
            raise TerritoryNotFound(territory_id=request.territory_id)
        return mapping.territory_message(row)

    async def ListDealerTerritories(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = mapping.territory_key(page, request.order_by)
        filters = dealer_filters(request, "dealer_id", "kind", "brand", "country_code", "include_ended")
        async with self._work.read() as session:
            rows = await repository.list_territories(session, call.principal, filters, request.order_by, page, after)
        return mapping.territory_page(rows, page, request.order_by)

    async def UpdateDealerTerritory(self, request: Any, call: Call) -> Any:
        return await usecases.update_territory(
            uow=self._work(call, mapping.territory_message),
            territory_id=id_of(request.territory.territory_id, "territory.territory_id"),
            etag=request.territory.etag,
            patch=mapping.territory_patch(request),
        )

    async def EndDealerTerritory(self, request: Any, call: Call) -> Any:
        return await usecases.end_territory(
            uow=self._work(call, mapping.territory_message),
            territory_id=uuid.UUID(request.territory_id),
            etag=request.etag,
        )
