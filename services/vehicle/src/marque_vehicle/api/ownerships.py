"""marque.vehicle.v1.OwnershipService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.vehicle.v1 import ownership_service_pb2
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.errors import FieldViolation
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.api.scoping import customers_of
from marque_vehicle.clients import Customers
from marque_vehicle.errors import FilterMissing, OwnershipNotFound, VehicleNotFound
from marque_vehicle.mapping import ownerships as mapping
from marque_vehicle.repository import ownerships as repository
from marque_vehicle.repository import scope as scopes
from marque_vehicle.repository import vehicles
from marque_vehicle.rules import vins
from marque_vehicle.usecases import ownerships as usecases


class OwnershipApi:
    """marque.vehicle.v1.OwnershipService."""

    service = "marque.vehicle.v1.OwnershipService"

    def __init__(self, work: Work, customers: Customers) -> None:
        self._work = work
        self._customers = customers

    async def StartOwnership(self, request: Any, call: Call) -> Any:
        message = request.ownership
        values = mapping.ownership_values(message)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        values["customer_id"] = await self._customers.require(message.customer_id, scope.asks_for)
        uow = self._work(call, mapping.rendered(call))
        return await usecases.start_ownership(uow=uow, scope=scope, vin=vins.tidy(message.vin), values=values)

    async def TransferOwnership(self, request: Any, call: Call) -> Any:
        reader, ownership_id = self._work.reader, uuid.UUID(request.ownership_id)
        transferred = fields.as_moment(request, "transfer_time")
        assert transferred is not None  # the contract requires it
        scope = await scopes.visible_to(reader, call.principal)
        vin = await repository.vin_of(reader, scope, ownership_id)
        if vin is None:
            raise OwnershipNotFound()
        to = await self._customers.require(request.to_customer_id, scope.asks_for)
        render = mapping.rendered(call)

        def both(rows: Any) -> Any:
            return ownership_service_pb2.TransferOwnershipResponse(ended=render(rows[0]), started=render(rows[1]))

        return await usecases.transfer_ownership(
            uow=self._work(call, both),
            scope=scope,
            ownership_id=ownership_id,
            vin=vin,
            to=to,
            moment=transferred,
            source=request.source,
            etag=request.etag,
        )

    async def EndOwnership(self, request: Any, call: Call) -> Any:
        ownership_id, ended = uuid.UUID(request.ownership_id), fields.as_moment(request, "valid_end_time")
        assert ended is not None  # the contract requires it
        scope = await scopes.visible_to(self._work.reader, call.principal)
        vin = await repository.vin_of(self._work.reader, scope, ownership_id)
        if vin is None:
            raise OwnershipNotFound()
        return await usecases.end_ownership(
            uow=self._work(call, mapping.rendered(call)),
            scope=scope,
            ownership_id=ownership_id,
            vin=vin,
            moment=ended,
            reason=request.reason,
            etag=request.etag,
        )

    async def ListOwnerships(self, request: Any, call: Call) -> Any:
        if not (request.vin or request.customer_id):
            raise FilterMissing(
                violations=[
                    FieldViolation(name, "FILTER_MISSING", "Give one of the two.") for name in ("vin", "customer_id")
                ]
            )
        reader, page = self._work.reader, page_of(request)
        order = Order.of(request.order_by, "valid_start_time desc", "ownership_id", {"valid_start_time": "valid_from"})
        after = page_key(page, moment, uuid.UUID)
        valid, known = fields.as_moment(request, "valid_time"), fields.as_moment(request, "known_time")
        scope = await scopes.visible_to(reader, call.principal)
        customers = await customers_of(reader, request.customer_id)
        if scope.nothing or (scope.customers and customers and not set(customers) & set(scope.customers)):
            return ownership_service_pb2.ListOwnershipsResponse()
        rows = await repository.list_ownerships(
            reader, scope, vin=vins.tidy(request.vin), customers=customers, role=request.role, valid=valid, known_at=known,
            order=order, page=page, after=after, now=now(),
        )  # fmt: skip
        shown, token = page.cut(rows, lambda row: (row["valid_from"], str(row["ownership_id"])))
        render = mapping.ownership_for(call)
        return ownership_service_pb2.ListOwnershipsResponse(
            ownerships=[render(row, person=row["person"]) for row in shown], next_page_token=token
        )

    async def GetOwnersAt(self, request: Any, call: Call) -> Any:
        reader, present = self._work.reader, now()
        valid = fields.as_moment(request, "valid_time") or present
        known = fields.as_moment(request, "known_time")
        if known is not None:
            usecases.check_past(known, present, "known_time")
        scope = await scopes.visible_to(reader, call.principal)
        seen = await vehicles.get_vehicle(reader, scope, vins.tidy(request.vin))
        if seen is None:
            raise VehicleNotFound()
        rows, known = await repository.owners_at(reader, scope, seen.row["vin"], valid, known)
        render = mapping.ownership_for(call)
        answer = ownership_service_pb2.GetOwnersAtResponse(
            ownerships=[render(row, person=row["person"]) for row in rows]
        )
        for one in answer.ownerships:
            one.ClearField("known_end_time")  # at the known time of the answer its end was not known
        answer.valid_time.FromDatetime(valid)
        answer.known_time.FromDatetime(known)
        return answer

    async def BatchGetHolders(self, request: Any, call: Call) -> Any:
        wanted = sorted({vins.tidy(vin) for vin in request.vins})
        return mapping.holders(await repository.holders(self._work.reader, wanted, now()))
