"""marque.vehicle.v1.ServiceResourceService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.vehicle.v1 import service_resource_service_pb2
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.api.scoping import dealer_of, id_of
from marque_vehicle.errors import ServiceResourceNotFound
from marque_vehicle.mapping import service_resources as mapping
from marque_vehicle.repository import diary as repository
from marque_vehicle.repository import scope as scopes
from marque_vehicle.usecases import service_resources as usecases


class ServiceResourceApi:
    """marque.vehicle.v1.ServiceResourceService."""

    service = "marque.vehicle.v1.ServiceResourceService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateServiceResource(self, request: Any, call: Call) -> Any:
        reader, message = self._work.reader, request.service_resource
        values = mapping.creation(message)
        scope = await scopes.visible_to(reader, call.principal)
        values["dealer_id"], _ = await dealer_of(reader, scope, message.dealer_id, "service_resource.dealer_id")
        return await usecases.create_resource(uow=self._work(call, mapping.rendered(call)), values=values)

    async def UpdateServiceResource(self, request: Any, call: Call) -> Any:
        message = request.service_resource
        values = mapping.update(message, request.update_mask)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        return await usecases.update_resource(
            uow=self._work(call, mapping.rendered(call)),
            scope=scope,
            resource_id=id_of(message.resource_id, ServiceResourceNotFound()),
            values=values,
            etag=message.etag,
        )

    async def ListServiceResources(self, request: Any, call: Call) -> Any:
        reader, page = self._work.reader, page_of(request)
        order = Order.of(request.order_by, "name", "resource_id")
        after = page_key(page, str if order.column == "name" else moment, uuid.UUID)
        scope = await scopes.visible_to(reader, call.principal)
        if not (scope.everything or scope.dealers):
            return service_resource_service_pb2.ListServiceResourcesResponse()
        asked = {"dealer_id": request.dealer_id, "kind": request.kind}
        rows = await repository.list_resources(reader, scope, asked, order, page, after)
        shown, token = page.cut(rows, lambda row: (row[order.column], str(row["resource_id"])))
        render = mapping.resource_for(call)
        return service_resource_service_pb2.ListServiceResourcesResponse(
            service_resources=[render(row) for row in shown], next_page_token=token
        )
